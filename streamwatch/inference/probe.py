"""Which precision to run in on this machine: the fastest that computes rightly here and loses no quality.

When a model is made, the logits of 64 texts are stored with it (`probe.*` in its file). At the first start on a machine each
precision reads those texts: one whose logits lie further from the stored ones in the mean than its tolerance is computed wrongly
here (int8 without VNNI saturates) and is left out, and so is one whose measured quality is more than half a point below
float32's. The fastest of the rest is taken, and remembered (`streamwatch.inference.remembered`).
"""

import logging
import math
import time
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from streamwatch.errors import ModelError
from streamwatch.inference.threads import breathe
from streamwatch.inference.trunks.calibration import Scales
from streamwatch.inference.trunks.opening import PRECISIONS, PrecisionName, open_trunk
from streamwatch.inference.trunks.trunk import Row, Trunk
from streamwatch.models.manifest import Manifest, Precision
from streamwatch.models.network import Network

N_TEXTS = 64
"""Stored texts: some 2,000 tokens, which the slowest precision reads in half a second of one old core."""
MOST_TOKENS = 48
"""Of a stored text: longer ones are passed over."""
LOST_POINTS = 0.005
"""Macro-F1 that a precision may lose on any set against float32: half a point."""
EXACT_TOLERANCE = 0.01
"""Of float32, on the mean logit: machines add up in other orders and differ by 1e-5; the heads are stored in float16, which may
move a logit by some thousandths."""
TIMED_PASSES = 2
"""Timed, the faster one counts, after one that compiles the kernels."""
IDS, LOGITS = "probe.ids", "probe.logits."

log = logging.getLogger(__name__)


@torch.inference_mode()
def probe_tensors(network: Network, rows: Sequence[Row]) -> dict[str, Tensor]:
    """What is stored of a model for the probe: ids of 64 of `rows`, −1 behind each one's end, and all logits on them."""
    chosen = probe_rows(rows)
    ids = torch.full((len(chosen), MOST_TOKENS), -1, dtype=torch.int32)
    for i, row in enumerate(chosen):
        ids[i, : len(row)] = torch.tensor(row, dtype=torch.int32)
    said = network.says(open_trunk(network, "fp32").pooled(chosen))
    return {IDS: ids} | {LOGITS + name: logits.contiguous() for name, logits in said.items()}


def probe_rows(rows: Sequence[Row]) -> list[list[int]]:
    """Those of `rows` that are stored."""
    return [list(row) for row in rows if len(row) <= MOST_TOKENS][:N_TEXTS]


def stored_rows(weights: Mapping[str, Tensor]) -> list[list[int]]:
    """The ids of the stored texts; none where a model was made without.

    >>> stored_rows({"probe.ids": torch.tensor([[101.0, 7.0, -1.0]])})
    [[101, 7]]
    """
    if IDS not in weights:
        return []
    return [[int(token) for token in row if token >= 0] for row in weights[IDS].tolist()]


@torch.inference_mode()
def distance(network: Network, trunk: Trunk, weights: Mapping[str, Tensor]) -> float:
    """How far the trunk's logits lie from the stored ones (`apart`); infinite where nothing is stored."""
    said = network.says(trunk.pooled(stored_rows(weights)))
    return apart(said, {name: weights[LOGITS + name] for name in said if LOGITS + name in weights})


def apart(said: Mapping[str, Tensor], exact: Mapping[str, Tensor]) -> float:
    """The mean absolute difference of the logits of the head that differs most; infinite where one is no number.

    The mean, since the single furthest logit of an int8 model lies twenty times as far off and says little.

    >>> apart({"topic": torch.tensor([[1.0, 2.0]])}, {"topic": torch.tensor([[1.5, 2.0]])})
    0.25
    """
    means = [float((said[name] - logits).abs().mean()) for name, logits in exact.items()]
    return max((math.inf if math.isnan(mean) else mean for mean in means), default=math.inf)


def keeps_quality(name: str, precisions: Mapping[str, Precision]) -> bool:
    """Whether a precision was measured, and lost nowhere more macro-F1 than is allowed."""
    if name == "fp32":
        return True
    if name not in precisions or "fp32" not in precisions:
        return False
    exact, found = precisions["fp32"].metrics, precisions[name].metrics
    return all(s in found and exact[s].macro_f1 - found[s].macro_f1 <= LOST_POINTS for s in exact)


def candidates(precisions: Mapping[str, Precision]) -> list[PrecisionName]:
    """The precisions that keep a model's quality."""
    return [name for name in PRECISIONS if keeps_quality(name, precisions)]


def works(
    network: Network, name: PrecisionName, manifest: Manifest, weights: Mapping[str, Tensor], scales: Scales
) -> bool:
    """Whether a precision is computed rightly here; it is not timed."""
    return _trunk_that_works(network, name, manifest, weights, scales) is not None


def fastest(network: Network, manifest: Manifest, weights: Mapping[str, Tensor], scales: Scales) -> PrecisionName:
    """The precision to take on this CPU. Raises `ModelError` when not even float32 computes rightly."""
    rows = stored_rows(weights)
    times: dict[PrecisionName, float] = {}
    for name in candidates(manifest.precisions):
        trunk = _trunk_that_works(network, name, manifest, weights, scales)
        if trunk is not None:
            times[name] = _seconds(trunk, rows)
    if not times:
        raise ModelError("this machine computes other logits than the model was made with: check its memory and torch")
    log.info("precisions: %s", ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in times.items()))
    return min(times, key=lambda name: times[name])


def _trunk_that_works(
    network: Network, name: PrecisionName, manifest: Manifest, weights: Mapping[str, Tensor], scales: Scales
) -> Trunk | None:
    try:
        trunk = open_trunk(network, name, scales=scales)
    except ModelError as error:
        log.info("precision %s is left out: %s", name, error)
        return None
    tolerance = EXACT_TOLERANCE if name == "fp32" else manifest.precisions[name].tolerance
    breathe()
    found = distance(network, trunk, weights)
    breathe()
    if found <= tolerance:
        return trunk
    log.warning(
        "precision %s is computed wrongly here: logits are %.3g apart at the mean, allowed %.3g", name, found, tolerance
    )
    return None


def _seconds(trunk: Trunk, rows: Sequence[Row]) -> float:
    """Of this thread's CPU, for one pass over the stored texts: other processes do not disturb it."""
    times = []
    for _ in range(TIMED_PASSES):
        start = time.thread_time()
        trunk.pooled(rows)
        times.append(time.thread_time() - start)
        breathe()
    return min(times)
