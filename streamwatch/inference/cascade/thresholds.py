"""From what the first stage may answer to how sure it must be: as little as keeps the labels of every set.

Examples:
    >>> sure = (np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([[0.8, 0.2], [0.9, 0.1]]))
    >>> nothing = np.zeros(2, dtype=np.int64)
    >>> answered(Judged("desk", (nothing, nothing), sure, np.array([True, True])), 0.7).tolist()
    [True, False]
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from streamwatch.learning.metrics import macro_f1

MAX_LOSS = 0.003
"""Of macro-F1 on the labelled texts of each task: .3 points. The sets of a task are pooled: in a set of 400 texts one text
is as much."""
MAX_CHANGED = 0.0075
"""Of the texts of each set, how many may get another label than the trunk's. Of those that change, the trunk is right a
little more often than the first stage, so that this many cost some .3 points; and it can be told from fewer texts."""
GRID = tuple(float(x) for x in np.round(np.arange(0.98, 0.49, -0.02), 2))
"""Thresholds that are tried, one for all heads: two numbers chosen apart fitted the chance of a few hundred texts (.5 and
.98, and every fifth answer was not the trunk's)."""
NEVER = 1.1
"""A threshold that no probability reaches."""

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


class Judged(msgspec.Struct, frozen=True):
    """A set of texts to choose by: what trunk and first stage say of all heads, and labels of one head where it has them.

    Attributes:
        trunk: label index `(n,)` of each head.
        first: probabilities `(n, k)` of each head.
        allowed: texts that the first stage may answer at all.
        head: whose labels are known; −1: none.
    """

    name: str
    trunk: tuple[NDArray[np.int64], ...]
    first: tuple[Floats, ...]
    allowed: Mask
    head: int = -1
    labels: NDArray[np.int64] | None = None


def choose(sets: Sequence[Judged]) -> float:
    """The threshold for all heads that answers most and harms no set, nor any above it; `NEVER` where none is harmless."""
    chosen = NEVER
    for threshold in GRID:
        if not _harmless(sets, threshold):
            break
        chosen = threshold
    return chosen


def answered(judged: Judged, threshold: float) -> Mask:
    """Which texts the first stage answers."""
    return np.logical_and.reduce([judged.allowed, *(p.max(1) >= threshold for p in judged.first)])


def coverage(judged: Judged, threshold: float) -> float:
    """The share of a set that it answers."""
    return float(answered(judged, threshold).mean())


def agreement(judged: Judged, threshold: float) -> float:
    """Of what it answers, the share with the trunk's labels of all heads; 1 where it answers nothing."""
    mine = answered(judged, threshold)
    return float(_same(judged)[mine].mean()) if mine.any() else 1.0


def scores(sets: Sequence[Judged], threshold: float) -> tuple[float, float]:
    """Macro-F1 of sets with labels of the same head: the trunk alone, and with the first stage before it."""
    head, k = sets[0].head, sets[0].first[sets[0].head].shape[1]
    labels = np.concatenate([judged.labels for judged in sets if judged.labels is not None])
    trunk = np.concatenate([judged.trunk[head] for judged in sets])
    first = np.concatenate([judged.first[head].argmax(1) for judged in sets])
    mine = np.concatenate([answered(judged, threshold) for judged in sets])
    return macro_f1(labels, trunk, k), macro_f1(labels, np.where(mine, first, trunk), k)


def _harmless(sets: Sequence[Judged], threshold: float) -> bool:
    changed = [float((answered(judged, threshold) & ~_same(judged)).mean()) for judged in sets]
    if max(changed) > MAX_CHANGED:
        return False
    heads = {judged.head for judged in sets if judged.labels is not None}
    pairs = [scores([judged for judged in sets if judged.head == head], threshold) for head in heads]
    return all(whole >= alone - MAX_LOSS for alone, whole in pairs)


def _same(judged: Judged) -> Mask:
    pairs = zip(judged.first, judged.trunk, strict=True)
    return np.logical_and.reduce([first.argmax(1) == trunk for first, trunk in pairs])
