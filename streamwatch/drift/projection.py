"""A pooled state as 64 bytes: what the drift monitors see of an embedding, small enough for every record.

Each byte is the state's coordinate along one fixed random direction: a vector of signs ±1 over all its dimensions (Achlioptas
2003, "Database-friendly random projections"). By Johnson and Lindenstrauss distances between states survive it, to some
±9 % in 64 directions. States are divided by their length first, so that the mean square of a coordinate is 1 whatever the
encoder, then multiplied by `SCALE`, rounded, and cut off at ±127, which is 3.2 such units.

The signs are the bits of a hash and not a library's random numbers: they are the same in every version and on every machine,
so that projections of last year's records can be compared with today's. They depend on the states' width, nothing else.

Examples:
    >>> import torch
    >>> states = torch.eye(384)[:2]
    >>> first, second = projections(states * 5.0, directions(384))
    >>> len(first), first == projections(states[:1], directions(384))[0], first == second
    (64, True, False)
    >>> sorted(set(coordinates(first).tolist()))
    [-40, 40]
"""

from __future__ import annotations

from hashlib import shake_256
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from streamwatch.records import PROJECTION_BYTES

if TYPE_CHECKING:
    from torch import Tensor

SCALE = 40.0
"""Bytes a unit: a coordinate has mean square 1, so that two in a thousand are cut off at 127, and rounding adds a variance of
1/12 where the coordinates have 1,600."""
MOST = 127.0
SEED = b"streamwatch projection 1"
"""Another number here is another projection: nothing before it can be compared with anything after."""
LEAST_NORM = 1e-12


def directions(width: int) -> Tensor:
    """The directions `(width, 64)` of signs, float32, for states of that width."""
    import torch

    return torch.from_numpy(signs(width))


def signs(width: int) -> NDArray[np.float32]:
    """The same without torch.

    >>> signs(8).shape, int(signs(384).sum())
    ((8, 64), 164)
    """
    raw = np.frombuffer(shake_256(SEED).digest(width * PROJECTION_BYTES // 8), dtype=np.uint8)
    bits = np.unpackbits(raw).reshape(width, PROJECTION_BYTES)
    return bits.astype(np.float32) * 2 - 1


def projections(states: Tensor, along: Tensor) -> list[bytes]:
    """64 signed bytes for each of the `(n, width)` states, `along` the directions of their width.

    A row is a function of its state alone where the product's kernel computes rows alike: give a multiple of 16 rows.
    """
    lengths = states.norm(dim=1, keepdim=True).clamp_min(LEAST_NORM)
    said = (states @ along).mul_(SCALE).div_(lengths).round_().clamp_(-MOST, MOST)
    raw = said.char().numpy().tobytes()
    return [raw[i : i + PROJECTION_BYTES] for i in range(0, len(raw), PROJECTION_BYTES)]


def coordinates(projection: bytes) -> NDArray[np.int8]:
    """The numbers of a projection."""
    return np.frombuffer(projection, dtype=np.int8)
