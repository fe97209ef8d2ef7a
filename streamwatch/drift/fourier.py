"""Random Fourier features of a projected embedding, in whole numbers.

The mean of `cos(w·x + b)` over documents, w drawn from a Gaussian and b uniform, is what a Gaussian kernel sees of their
distribution along w: two samples whose 64 means agree cannot be told apart by that kernel (up to the noise of 64
directions). So a bucket's sums of features stand for its documents in a two-sample test, whatever their number.

Sums must not depend on the order of addition, nor on how a library multiplies matrices. So all is whole numbers: x is signed
bytes, w fixed-point, their product exact in float64 (below 2⁵³), the cosine a table of `TURN` places, and a
feature a whole number in [−`UNIT`, `UNIT`].

Reference: A. Rahimi, B. Recht, "Random features for large-scale kernel machines", NeurIPS 2007.

Examples:
    >>> x = np.array([[40] * 64, [-40] * 64, [40] * 64], dtype=np.int8)
    >>> made = fourier(x)
    >>> made.shape, made.dtype, bool((made[0] == made[2]).all()), bool((abs(made) <= UNIT).all())
    ((3, 64), dtype('int64'), True, True)
"""

from functools import lru_cache
from hashlib import shake_256
from math import cos, pi
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from streamwatch.records import PROJECTION_BYTES

N_FEATURES = 64
UNIT = 100
"""What cos = 1 is counted as: rounding adds a variance of 1/12 where a feature has some 5,000."""
TURN = 1024
"""Places of the table: a whole turn. Coarser than a byte's step along w only where the kernel sees nothing."""
FINE = 256
"""w is kept in 1/256 of a place."""
LENGTH = 240.0
"""Of the Gaussian kernel, in units of a projection (40 a coordinate, so that two unlike texts lie 450 apart)."""
SEED = b"streamwatch fourier features 1"
"""Another number here is another kernel: sums made before it cannot be added to sums made after."""
_DRAW_BYTES = 4


def fourier(x: NDArray[np.int8]) -> NDArray[np.int64]:
    """The features `(n, 64)` of `(n, 64)` projections."""
    w, b = _drawn()
    turned = (x.astype(np.float64) @ w).astype(np.int64) >> (FINE.bit_length() - 1)
    return _cosines()[(turned + b) & (TURN - 1)]


@lru_cache(1)
def _drawn() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """w `(64, 64)` in 1/`FINE` of a place, whole numbers; b in places."""
    n = PROJECTION_BYTES * N_FEATURES
    raw = np.frombuffer(shake_256(SEED).digest((n + N_FEATURES) * _DRAW_BYTES), dtype="<u4")
    normal = NormalDist().inv_cdf
    gauss = np.array([normal((int(u) + 0.5) / 2**32) for u in raw[:n]])
    w = np.rint(gauss / LENGTH * TURN / (2 * pi) * FINE).reshape(PROJECTION_BYTES, N_FEATURES)
    return w, (raw[n:] % TURN).astype(np.int64)


@lru_cache(1)
def _cosines() -> NDArray[np.int64]:
    return np.array([round(UNIT * cos(2 * pi * (place + 0.5) / TURN)) for place in range(TURN)], dtype=np.int64)
