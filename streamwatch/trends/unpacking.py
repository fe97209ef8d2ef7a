"""Packed cells and sketches, hundreds of thousands at once, as arrays: no Python object is made for a number.

`cells.unpacked` and `distinct.split` do the same for one; a test compares them. A msgpack whole number is its own first byte
below 128, else a code and one to eight bytes; here each column of all cells is read in one step. Of sketches nearly every
number is a code and four bytes, since it is a hash of 32 bits: those with a smaller one among them are read one by one.

Examples:
    >>> from streamwatch.trends.cells import packed_cell
    >>> some = [[3, 1, 0, -9500, 0, 2, 0], [300, 70_000, 0, 5, 200, 2, 1]]
    >>> cells_of([packed_cell(cell) for cell in some]).tolist() == some
    True
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from streamwatch.trends.cells import EMPTY
from streamwatch.trends.distinct import split
from streamwatch.trends.points import Whole

Bytes = npt.NDArray[np.uint8]
WIDTHS = {0xCC: ">u1", 0xCD: ">u2", 0xCE: ">u4", 0xCF: ">u8", 0xD0: ">i1", 0xD1: ">i2", 0xD2: ">i4", 0xD3: ">i8"}
"""Codes of whole numbers: what follows them."""
PAD = b"\0" * 9
"""As much as the widest number reaches beyond the last byte."""
U32, U32_BYTES = 0xCE, 5
ARRAY16, FIXARRAY, FIXARRAY_MASK = 0xDC, 0x90, 0xF0


def cells_of(fields: Sequence[bytes]) -> Whole:
    """(cell, seven numbers)."""
    buffer, at = _joined(fields)
    n_items = buffer[at] & ~np.uint8(FIXARRAY_MASK)
    at = at + 1
    cells = np.zeros((len(fields), len(EMPTY)), np.int64)
    for column in range(len(EMPTY)):
        there = np.flatnonzero(n_items > column)
        cells[there, column], at[there] = _numbers(buffer, at[there])
    return cells


def _joined(fields: Sequence[bytes]) -> tuple[Bytes, Whole]:
    """All bytes, and where each field begins."""
    lengths = np.fromiter(map(len, fields), np.int64, len(fields))
    return np.frombuffer(b"".join([*fields, PAD]), np.uint8), np.cumsum(lengths) - lengths


def _numbers(buffer: Bytes, at: Whole) -> tuple[Whole, Whole]:
    """The whole number that begins at each place, and where the next item begins."""
    lead = buffer[at].astype(np.int64)
    values, after = np.where(lead >= 0xE0, lead - 256, lead), at + 1
    coded = np.flatnonzero((lead >= 0x80) & (lead < 0xE0))
    for code in np.flatnonzero(np.bincount(lead[coded])).tolist():
        kind = np.dtype(WIDTHS[code])
        those = coded[lead[coded] == code]
        raw = buffer[at[those, None] + 1 + np.arange(kind.itemsize)]
        values[those] = np.ascontiguousarray(raw).view(kind)[:, 0]
        after[those] += kind.itemsize
    return values, after


class Hashes(NamedTuple):
    """Hashes of many sketches: of which field each is, and the hash."""

    field: Whole
    value: Whole


def sketches_of(fields: Sequence[bytes]) -> tuple[Hashes, Hashes]:
    """The hashes of texts and of authors.

    >>> from streamwatch.trends.cells import packed
    >>> texts, authors = sketches_of([packed([3, 2**31]) + packed([2**20]), packed([2**22, 2**23]) + packed([])])
    >>> texts.field.tolist(), texts.value.tolist(), authors.value.tolist()
    ([1, 1, 0, 0], [4194304, 8388608, 3, 2147483648], [1048576])
    """
    buffer, start = _joined(fields)
    end = np.append(start[1:], len(buffer) - len(PAD))
    n_texts, texts_at = _array(buffer, start)
    middle = np.minimum(texts_at + U32_BYTES * n_texts, end)
    n_authors, authors_at = _array(buffer, middle)
    usual = np.flatnonzero(authors_at + U32_BYTES * n_authors == end)
    texts, texts_fit = _hashes(buffer, usual, texts_at[usual], n_texts[usual])
    authors, authors_fit = _hashes(buffer, usual, authors_at[usual], n_authors[usual])
    if not (texts_fit and authors_fit):
        usual, texts, authors = usual[:0], NONE, NONE
    return _with_others(fields, usual, texts, authors)


def _array(buffer: Bytes, at: Whole) -> tuple[Whole, Whole]:
    """How many items the array has that begins at each place, and where the first one is."""
    lead = buffer[at].astype(np.int64)
    long = lead == ARRAY16
    wide = buffer[at + 1].astype(np.int64) * 256 + buffer[at + 2]
    return np.where(long, wide, lead & ~FIXARRAY_MASK), at + np.where(long, 3, 1)


def _hashes(buffer: Bytes, fields: Whole, at: Whole, n: Whole) -> tuple[Hashes, bool]:
    """The hashes of some fields, and whether all are a code and four bytes."""
    place = np.repeat(at - U32_BYTES * (np.cumsum(n) - n), n) + U32_BYTES * np.arange(int(n.sum()))
    if (place >= len(buffer) - 4).any() or (buffer[place] != U32).any():
        return NONE, False
    value = np.zeros(len(place), np.int64)
    for i in range(1, U32_BYTES):
        value = value * 256 + buffer[place + i]
    return Hashes(np.repeat(fields, n), value), True


def _with_others(fields: Sequence[bytes], usual: Whole, texts: Hashes, authors: Hashes) -> tuple[Hashes, Hashes]:
    """Those that are not as usual, one by one."""
    is_other = np.ones(len(fields), bool)
    is_other[usual] = False
    others = np.flatnonzero(is_other).tolist()
    if not others:
        return texts, authors
    found = [split(fields[i]) for i in others]
    return _added(texts, others, [one[0] for one in found]), _added(authors, others, [one[1] for one in found])


def _added(hashes: Hashes, fields: Sequence[int], lists: Sequence[Sequence[int]]) -> Hashes:
    field = np.repeat(np.array(fields, np.int64), [len(one) for one in lists])
    value = np.array([h for one in lists for h in one], np.int64)
    return Hashes(np.concatenate([hashes.field, field]), np.concatenate([hashes.value, value]))


NONE = Hashes(np.zeros(0, np.int64), np.zeros(0, np.int64))
