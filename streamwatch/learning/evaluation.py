"""Measuring a network on held-out examples: logits once, then temperatures and metrics from them."""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax

from streamwatch.learning.calibration import fit_temperature
from streamwatch.learning.metrics import accuracy, macro_f1, recall
from streamwatch.learning.recipe import LABELS, Task
from streamwatch.learning.reliability import expected_calibration_error
from streamwatch.learning.trainer import TokenisedExample, padded
from streamwatch.models.manifest import SetMetrics
from streamwatch.models.network import Network

EVALUATION_BATCH = 64


class Measured(msgspec.Struct, frozen=True):
    """Logits and labels of the held-out examples of one source: `(n, k)` and `(n,)`."""

    task: Task
    source: str
    logits: NDArray[np.float64]
    labels: NDArray[np.int64]


@torch.inference_mode()
def measure(
    network: Network, examples: Sequence[TokenisedExample], progress: Callable[[int, int], None]
) -> list[Measured]:
    """Run the network over `examples`; one `Measured` for each source."""
    network.eval()
    logits: dict[int, NDArray[np.float64]] = {}
    order = sorted(range(len(examples)), key=lambda i: len(examples[i].ids))
    for start in range(0, len(order), EVALUATION_BATCH):
        batch = order[start : start + EVALUATION_BATCH]
        heads = network(*padded([examples[i].ids for i in batch]))
        for row, i in enumerate(batch):
            logits[i] = heads[examples[i].example.task][row].double().numpy()
        progress(len(logits), len(examples))
    return _by_source(examples, logits)


def _by_source(examples: Sequence[TokenisedExample], logits: dict[int, NDArray[np.float64]]) -> list[Measured]:
    sources: dict[tuple[Task, str], list[int]] = {}
    for i, tokenised in enumerate(examples):
        sources.setdefault((tokenised.example.task, tokenised.example.source), []).append(i)
    return [
        Measured(task, source, np.stack([logits[i] for i in rows]), np.array([examples[i].example.label for i in rows]))
        for (task, source), rows in sources.items()
    ]


def temperatures(measured: Sequence[Measured]) -> dict[str, float]:
    """One temperature a head, fitted on all held-out examples of its task."""
    return {task: _temperature(measured, task) for task in LABELS}


def _temperature(measured: Sequence[Measured], task: Task) -> float:
    parts = [m for m in measured if m.task == task]
    if not parts:
        return 1.0
    return fit_temperature(np.concatenate([m.logits for m in parts]), np.concatenate([m.labels for m in parts]))


def metrics(measured: Measured, heat: dict[str, float]) -> SetMetrics:
    """The metrics of one source with calibrated probabilities."""
    names = LABELS[measured.task]
    p = softmax(measured.logits / heat[measured.task], axis=1)
    return set_metrics(p, measured.labels, names)


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
