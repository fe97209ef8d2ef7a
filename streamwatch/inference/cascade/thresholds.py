"""From what the first stage may answer to how sure it must be: as much as keeps every labelled set's macro-F1.

Examples:
    >>> sure = [np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([[0.8, 0.2], [0.9, 0.1]])]
    >>> answered(sure, (0.7, 0.7), np.array([True, True])).tolist()
    [True, False]
"""

from collections.abc import Sequence
from itertools import product

import msgspec
import numpy as np
from numpy.typing import NDArray

from streamwatch.learning.metrics import macro_f1

MAX_LOSS = 0.003
"""Of macro-F1 on each labelled set: .3 points."""
MAX_CHANGED = 0.02
"""Of all texts of a set, how many may get another label than the trunk's: macro-F1 of a small set hides some."""
GRID = tuple(float(x) for x in np.round(np.arange(0.5, 0.995, 0.02), 2))
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


def choose(sets: Sequence[Judged], stream: str) -> tuple[float, ...]:
    """The thresholds that answer most of the set named `stream` and harm none; `NEVER` where none do."""
    n_heads = len(sets[0].first)
    grid = product(GRID, repeat=n_heads) if n_heads <= 2 else ((t,) * n_heads for t in GRID)
    [main] = [judged for judged in sets if judged.name == stream]
    ranked = sorted(grid, key=lambda thresholds: (-coverage(main, thresholds), thresholds))
    harmless = (thresholds for thresholds in ranked if all(_harmless(judged, thresholds) for judged in sets))
    return next(harmless, (NEVER,) * n_heads)


def answered(first: Sequence[Floats], thresholds: Sequence[float], allowed: Mask) -> Mask:
    """Which texts the first stage answers."""
    over = [p.max(1) >= threshold for p, threshold in zip(first, thresholds, strict=True)]
    return np.logical_and.reduce([allowed, *over])


def coverage(judged: Judged, thresholds: Sequence[float]) -> float:
    """The share of a set that it answers."""
    return float(answered(judged.first, thresholds, judged.allowed).mean())


def agreement(judged: Judged, thresholds: Sequence[float]) -> float:
    """Of what it answers, the share with the trunk's labels of all heads; 1 where it answers nothing."""
    mine = answered(judged.first, thresholds, judged.allowed)
    return float(_same(judged)[mine].mean()) if mine.any() else 1.0


def scores(judged: Judged, thresholds: Sequence[float]) -> tuple[float, float]:
    """Macro-F1 of the labelled head: the trunk alone, and with the first stage before it."""
    assert judged.labels is not None
    trunk, first = judged.trunk[judged.head], judged.first[judged.head]
    whole = np.where(answered(judged.first, thresholds, judged.allowed), first.argmax(1), trunk)
    k = first.shape[1]
    return macro_f1(judged.labels, trunk, k), macro_f1(judged.labels, whole, k)


def _harmless(judged: Judged, thresholds: Sequence[float]) -> bool:
    mine = answered(judged.first, thresholds, judged.allowed)
    if float((mine & ~_same(judged)).mean()) > MAX_CHANGED:
        return False
    if judged.labels is None:
        return True
    alone, whole = scores(judged, thresholds)
    return whole >= alone - MAX_LOSS


def _same(judged: Judged) -> Mask:
    pairs = zip(judged.first, judged.trunk, strict=True)
    return np.logical_and.reduce([first.argmax(1) == trunk for first, trunk in pairs])
