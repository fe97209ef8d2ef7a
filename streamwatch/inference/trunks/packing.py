"""Texts end to end in one matrix, without padding between them.

Most of an encoder works on single tokens (linear layers, normalisation, activation), so the tokens of a batch lie in one
`(T, width)` matrix, text after text. Only attention sees texts, and it takes those of one length together: nothing is
padded, nothing is masked, and what a text gets does not depend on whom it shares the matrix with.

Examples:
    >>> [one] = pack([[101, 7, 102], [101, 102], [101, 8, 102]])
    >>> one.ids[:8].tolist(), one.order
    ([101, 102, 101, 7, 102, 101, 8, 102], [1, 0, 2])
    >>> one.groups, len(one.ids)
    ([Group(start=0, n=1, length=2), Group(start=2, n=2, length=3)], 16)
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor

from streamwatch.inference.trunks.trunk import Row

PIECE_TOKENS = 1024
"""Tokens of one matrix at most, if no single text has more. Half as many were 3 to 5 % slower in int8 (more calls, more padding
at the ends), twice as many the same."""

GRAIN = 16
"""A matrix has a multiple of so many rows, the last ones of padding: oneDNN compiles a kernel for each shape that it
meets (about 1 ms for a layer's four) and keeps 1,024, which the few multiples never exhaust."""


class Group(NamedTuple):
    """`n` texts of one `length`, whose tokens begin at row `start`."""

    start: int
    n: int
    length: int


class Packed(NamedTuple):
    """Texts of one matrix: `(T,)` ids and positions, the groups that lie in them, and which row each text was."""

    ids: Tensor
    positions: Tensor
    groups: list[Group]
    order: list[int]


def pack(rows: Sequence[Row], piece_tokens: int = PIECE_TOKENS) -> list[Packed]:
    """The rows, shortest first, in matrices of at most `piece_tokens`."""
    return [_packed(rows, order) for order in _pieces([len(row) for row in rows], piece_tokens)]


def _pieces(lengths: Sequence[int], piece_tokens: int) -> Iterator[list[int]]:
    """Indices into `lengths`, shortest first, cut where the sum of lengths would pass `piece_tokens`.

    >>> list(_pieces([30, 10, 20], 32))
    [[1, 2], [0]]
    """
    piece: list[int] = []
    total = 0
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        if piece and total + lengths[i] > piece_tokens:
            yield piece
            piece, total = [], 0
        piece.append(i)
        total += lengths[i]
    if piece:
        yield piece


def _packed(rows: Sequence[Row], order: list[int]) -> Packed:
    groups: list[Group] = []
    start = 0
    for length, same in groupby(len(rows[i]) for i in order):
        n = sum(1 for _ in same)
        groups.append(Group(start, n, length))
        start += n * length
    n_padding = _padding(start)
    ids = [token for i in order for token in rows[i]] + [0] * n_padding
    positions = [place for group in groups for place in list(range(group.length)) * group.n] + [0] * n_padding
    return Packed(torch.tensor(ids), torch.tensor(positions), groups, order)


def _padding(n_tokens: int) -> int:
    """Rows of padding: at least one, since attention wants a row of its own."""
    return GRAIN - n_tokens % GRAIN


def padding_of(lengths: Sequence[int], piece_tokens: int = PIECE_TOKENS) -> int:
    """Rows of padding that texts of these lengths will have.

    >>> padding_of([3, 2, 3])
    8
    """
    return sum(_padding(sum(lengths[i] for i in piece)) for piece in _pieces(lengths, piece_tokens))


def n_padding(packed: Sequence[Packed]) -> int:
    """Rows of the matrices that hold no token."""
    return sum(len(one.ids) - sum(group.n * group.length for group in one.groups) for one in packed)
