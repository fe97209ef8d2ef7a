"""Measuring a network: pooled states once, then what the heads say of them, temperatures and metrics."""

from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor

from streamwatch.inference.numeric import cpu_multiplies_bf16
from streamwatch.learning.batches import padded
from streamwatch.learning.datasets.entry import DataSet
from streamwatch.learning.material import TokenisedExample, label_indices
from streamwatch.learning.metrics import accuracy, macro_f1, recall
from streamwatch.learning.reliability import expected_calibration_error
from streamwatch.models.manifest import HeadEntry, SetMetrics
from streamwatch.models.network import Network

EVALUATION_BATCH = 64


class Measured(msgspec.Struct, frozen=True):
    """Logits and labels of the examples of one source: `(n, k)` and `(n,)`."""

    task: str
    source: str
    logits: NDArray[np.float64]
    labels: NDArray[np.int64]


@torch.inference_mode()
def pooled_states(
    network: Network, rows: Sequence[Sequence[int]], progress: Callable[[int, int], None], *, quick: bool = False
) -> Tensor:
    """The pooled states `(n, width)` of token rows; `quick` computes in bfloat16 where the CPU multiplies it."""
    network.eval()
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    states: list[Tensor] = []
    for start in range(0, len(order), EVALUATION_BATCH):
        batch = order[start : start + EVALUATION_BATCH]
        with torch.autocast("cpu", torch.bfloat16, enabled=quick and cpu_multiplies_bf16()):
            states.append(network.pooled(*padded([rows[i] for i in batch])))
        progress(min(start + EVALUATION_BATCH, len(order)), len(order))
    places = torch.tensor(order).argsort()
    return torch.cat(states)[places]


@torch.inference_mode()
def measured(
    network: Network,
    pooled: Tensor,
    examples: Sequence[TokenisedExample],
    heads: Sequence[HeadEntry],
    entries: Mapping[str, DataSet],
) -> list[Measured]:
    """What the heads say of the examples with these pooled states; one `Measured` for each source."""
    network.eval()
    logits = {name: said.double().numpy() for name, said in network.says(pooled).items()}
    sources: dict[str, list[int]] = {}
    for i, row in enumerate(examples):
        sources.setdefault(row.example.source, []).append(i)
    by_name = {head.name: head for head in heads}
    return [_of_source(entries[source], by_name, logits, examples, rows) for source, rows in sources.items()]


def _of_source(
    entry: DataSet,
    heads: Mapping[str, HeadEntry],
    logits: Mapping[str, NDArray[np.float64]],
    examples: Sequence[TokenisedExample],
    rows: Sequence[int],
) -> Measured:
    places = np.array(label_indices(entry, heads[entry.task]))
    labels = places[[examples[i].example.label for i in rows]]
    return Measured(entry.task, entry.name, logits[entry.task][list(rows)], labels)


def score(parts: Sequence[Measured]) -> float:
    """The mean macro-F1 over the sources: what the dev part judges by."""
    return float(np.mean([macro_f1(m.labels, m.logits.argmax(1), m.logits.shape[1]) for m in parts]))


def metrics(part: Measured, head: HeadEntry) -> SetMetrics:
    """The metrics of one source with calibrated probabilities."""
    return set_metrics(softmax(part.logits / head.temperature, axis=1), part.labels, head.labels)


def set_metrics(p: NDArray[np.float64], labels: NDArray[np.int64], names: Sequence[str]) -> SetMetrics:
    """Accuracy, macro-F1, calibration and the predicted shares of `(n, k)` probabilities against `(n,)` labels.

    >>> set_metrics(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1]), ("negative", "positive")).recall
    {'negative': 1.0, 'positive': 1.0}
    """
    predicted = p.argmax(1)
    calibration = expected_calibration_error(p, labels)
    return SetMetrics(
        n=len(labels),
        accuracy=_rounded(accuracy(labels, predicted)),
        macro_f1=_rounded(macro_f1(labels, predicted, len(names))),
        ece=_rounded(calibration.shown),
        ece_interval=(_rounded(calibration.low), _rounded(calibration.high)),
        recall={name: _rounded(recall(labels, predicted, k)) for k, name in enumerate(names)},
        predicted={name: _rounded(float(np.mean(predicted == k))) for k, name in enumerate(names)},
    )


def _rounded(number: float) -> float:
    return round(number, 4)
