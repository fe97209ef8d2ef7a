"""Which documents are most unlike what the stream was: greedy k-centre over projections of their embeddings.

Each pick is the one farthest from all centres so far, and becomes one (Gonzalez, 1985: at most twice the best radius;
Sener and Savarese, ICLR 2018, for labelling). Nothing can be estimated from picks: they stand for no other document.

Examples:
    >>> near, far, farther = bytes([1] * 64), bytes([60] * 64), bytes([256 - 90] * 64)
    >>> farthest_first([near, far, farther, far], centres=[bytes(64)], n=2)
    [2, 1]
    >>> farthest_first([near, b""], centres=[near], n=2)        # one is a centre, one was never embedded
    []
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]


def farthest_first(projections: Sequence[bytes], centres: Sequence[bytes], n: int) -> list[int]:
    """The places of up to `n` picks, the farthest first; of equals the first. What lies on a centre is none.

    Args:
        projections: of the candidates, int8 each; the empty ones were never embedded and are left out.
        centres: what is known already; without any the first candidate is the first pick.
    """
    usable = [i for i, projection in enumerate(projections) if projection]
    points = _points([projections[i] for i in usable])
    if not usable or n <= 0:
        return []
    distances = np.full(len(usable), np.inf, np.float32)
    for centre in _points([one for one in centres if len(one) == len(projections[usable[0]])]):
        distances = np.minimum(distances, _squared(points, centre))
    picks: list[int] = []
    while len(picks) < n and (pick := int(distances.argmax())) >= 0 and distances[pick] > 0:
        picks.append(usable[pick])
        distances = np.minimum(distances, _squared(points, points[pick]))
    return picks


def _points(projections: Sequence[bytes]) -> Points:
    width = len(projections[0]) if projections else 0
    return np.frombuffer(b"".join(projections), np.int8).reshape(len(projections), width).astype(np.float32)


def _squared(points: Points, centre: Points) -> Points:
    squared: Points = np.square(points - centre).sum(axis=1)
    return squared
