"""How good a new model is in each format of numbers, measured when it is made and stored in its manifest.

int8 needs to know what each linear layer is given; it is found on dev texts and stored with the adapter, as
`scales.<layer>…` (`streamwatch.inference.trunks.calibration`).
A format that this machine cannot compute is not measured, and the manifest does not have it.

Examples:
    >>> agreement([np.array([[2.0, 1.0], [0.0, 1.0]])], [np.array([[2.0, 1.0], [1.0, 0.0]])])
    0.5
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamwatch.errors import ModelError
from streamwatch.inference.probe import apart, probe_rows
from streamwatch.inference.trunks.calibration import Scales, calibrate
from streamwatch.inference.trunks.opening import PRECISIONS, open_trunk
from streamwatch.inference.trunks.trunk import Trunk
from streamwatch.learning.evaluation import EVALUATION_BATCH, Measured, measured, metrics
from streamwatch.learning.material import Material, TokenisedExample
from streamwatch.models.manifest import HeadEntry, Precision
from streamwatch.models.network import Network

CALIBRATED_ON = 512
"""Dev texts whose activations the scales reach over."""

LEEWAY = 1.5
"""A machine that computes rightly may differ from float32, at the mean over the stored texts, by this many times what this
machine does: other kernels round otherwise. With sums that saturate int8 was 1.7 times as far off."""

Progress = Callable[[int, int], None]


def scales_of(network: Network, rows: Sequence[TokenisedExample]) -> dict[str, Tensor]:
    """The int8 scales of a merged network, found on some of `rows`: evenly out of all, which come source by source."""
    step = max(1, len(rows) // CALIBRATED_ON)
    return calibrate(network, [row.ids for row in rows[::step][:CALIBRATED_ON]])


def scale_tensors(scales: Scales) -> dict[str, Tensor]:
    """Scales as an adapter file names them."""
    return {f"scales.{name}": tensor.contiguous() for name, tensor in scales.items()}


@torch.inference_mode()
def measure_precisions(
    network: Network, heads: Sequence[HeadEntry], scales: Scales, material: Material, progress: Progress
) -> dict[str, Precision]:
    """Every format that this machine computes, on the reported part; `heads` have their temperatures."""
    rows = material.report
    stored = probe_rows(material.probed)
    found: dict[str, list[Measured]] = {}
    said: dict[str, dict[str, Tensor]] = {}
    for number, name in enumerate(PRECISIONS, start=1):
        try:
            trunk = open_trunk(network, name, scales=scales)
        except ModelError:
            continue
        pooled = _pooled(trunk, [row.ids for row in rows])
        said[name] = network.says(trunk.pooled(stored))
        found[name] = measured(network, pooled, rows, heads, material.entries)
        progress(number, len(PRECISIONS))
    by_name = {head.name: head for head in heads}
    return {
        name: _precision(parts, found["fp32"], by_name, LEEWAY * apart(said[name], said["fp32"]))
        for name, parts in found.items()
    }


def _pooled(trunk: Trunk, rows: Sequence[Sequence[int]]) -> Tensor:
    """The pooled states of rows, computed with those of like length beside each other."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    batches = [order[i : i + EVALUATION_BATCH] for i in range(0, len(order), EVALUATION_BATCH)]
    states = torch.cat([trunk.pooled([rows[i] for i in batch]) for batch in batches])
    return states[torch.tensor(order).argsort()]


def _precision(
    parts: Sequence[Measured], exact: Sequence[Measured], heads: Mapping[str, HeadEntry], tolerance: float
) -> Precision:
    pairs = list(zip(parts, exact, strict=True))
    return Precision(
        metrics={f"{part.task}/{part.source}": metrics(part, heads[part.task]) for part in parts},
        agreement=round(agreement([a.logits for a, _ in pairs], [b.logits for _, b in pairs]), 5),
        tolerance=round(tolerance, 5),
    )


def agreement(logits: Sequence[NDArray[np.float64]], exact: Sequence[NDArray[np.float64]]) -> float:
    """The share of texts whose label is the same in both, over all sources."""
    same = np.concatenate([a.argmax(1) == b.argmax(1) for a, b in zip(logits, exact, strict=True)])
    return float(same.mean())
