"""The gains of a batch as the msgpack that `apply.lua` reads: one item for each Redis call that the script makes.

Redis' msgpack knows no byte strings, so packed cells travel as the text type with bytes in it, which Lua does not mind.

Examples:
    >>> gains = Gains()
    >>> sorted(packed_gains(gains))
    ['cells', 'days', 'hashes', 'registers', 'series', 'sketches']
"""

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Raw

from streamwatch.timeline import DAY_MS
from streamwatch.trends.cells import packed
from streamwatch.trends.gains import Gain, Gains
from streamwatch.trends.levels import LEVELS, MINUTE, REGISTERED, Level
from streamwatch.trends.sketch import hash32, sketch

MAX_ARGUMENTS = 4000
"""Items of one Redis call inside the script: Lua's stack holds 8,000."""

_INDICES = [str(i) for i in range(360)]
"""Fields of a block as text: Lua would print a number for each call."""
_SHORT = [bytes([0xA0 | n]) for n in range(32)]


def packed_gains(gains: Gains) -> dict[str, list[Any]]:
    """The parts of the batch that make the windows. Series are numbered from 1, as Lua counts."""
    hashes, texts = _numbered(gains.texts)
    authors = [0] * len(texts)
    if any(gains.authors):
        more, authors = _numbered(gains.authors, len(hashes))
        hashes += more
    registers = [
        [kind, level.code, gains.series[bucket_ms // DAY_MS, name] + 1, bucket_ms, *refs[i : i + MAX_ARGUMENTS]]
        for level in REGISTERED
        for (name, bucket_ms), gain in gains.levels[LEVELS.index(level)].items()
        for kind, of in (("t", texts), ("a", authors))
        if (refs := list({of[document] for document in gain[6]} - {0}))
        for i in range(0, len(refs), MAX_ARGUMENTS)
    ]
    return {
        "series": [[day, name, gains.levels[-1][name, day * DAY_MS][0]] for day, name in gains.series],
        "days": list(_days(gains)),
        "cells": [
            row for level, cells in zip(LEVELS, gains.levels, strict=True) for row in _cells(gains, level, cells)
        ],
        "sketches": list(_sketches(gains)),
        "hashes": hashes,
        "registers": registers,
    }


def _numbered(texts: list[str], first: int = 0) -> tuple[list[str], list[int]]:
    """The distinct ones, and each one's number among them from `first` + 1; nothing has 0."""
    numbers: dict[str, int] = {"": 0}
    refs = [numbers.setdefault(text, len(numbers)) for text in texts]
    if first:
        refs = [ref and ref + first for ref in refs]
    return list(numbers)[1:], refs


def _days(gains: Gains) -> Iterator[list[Any]]:
    for level, cells in zip(LEVELS, gains.levels, strict=True):
        for day in {bucket_ms // DAY_MS for _, bucket_ms in cells}:
            yield [level.code, day]


def _cells(gains: Gains, level: Level, cells: dict[tuple[str, int], Gain]) -> Iterable[list[Any]]:
    """[level, series, block, index, cell, index, cell, …] for each key."""
    rows: dict[tuple[str, int], list[Any]] = {}
    code, block_ms, width_ms = level.code, level.block_ms, level.width_ms
    for (name, bucket_ms), gain in cells.items():
        block = bucket_ms // block_ms
        row = rows.get((name, block))
        if row is None:
            row = rows[name, block] = [code, gains.series[bucket_ms // DAY_MS, name] + 1, block]
        raw = packed(gain[:6])
        row.append(_INDICES[bucket_ms % block_ms // width_ms])
        row.append(Raw(_SHORT[len(raw)] + raw) if len(raw) < 32 else _text(raw))
    return rows.values()


def _sketches(gains: Gains) -> Iterable[list[Any]]:
    """[series, block, index, sketches, …] for each key: of the texts and of the known authors of each minute."""
    rows: dict[tuple[str, int], list[Any]] = {}
    memo: dict[str, int] = {text: hash32(text) for text in {*gains.texts, *gains.authors}}
    texts = [memo[text] if text else -1 for text in gains.texts]
    authors = [memo[author] if author else -1 for author in gains.authors]
    for (name, bucket_ms), gain in gains.levels[LEVELS.index(MINUTE)].items():
        block, index = MINUTE.block_and_index(bucket_ms)
        row = rows.get((name, block))
        if row is None:
            row = rows[name, block] = [gains.series[bucket_ms // DAY_MS, name] + 1, block]
        row.append(_INDICES[index])
        row.append(_text(_sketch(texts, gain[6]) + _sketch(authors, gain[6])))
    return rows.values()


def _sketch(hashes: list[int], documents: list[int]) -> bytes:
    if len(documents) == 1:
        only = hashes[documents[0]]
        return packed([only] if only >= 0 else [])
    return packed(sketch({hashes[document] for document in documents} - {-1}))


def _text(raw: bytes) -> Raw:
    """`raw` with the header of a msgpack text."""
    n = len(raw)
    return Raw((_SHORT[n] if n < 32 else b"\xda" + n.to_bytes(2, "big")) + raw)
