"""The gains of a batch as the msgpack that `apply.lua` reads: one item for each Redis call that the script makes.

Redis' msgpack knows no byte strings, so packed cells travel as the text type with bytes in it, which Lua does not mind.

Examples:
    >>> gains = Gains()
    >>> sorted(packed_gains(gains, 5000))
    ['cells', 'days', 'hashes', 'registers', 'series', 'sketches']
"""

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Raw

from streamwatch.timeline import DAY_MS
from streamwatch.trends.cells import UNREAD, packed, packed_cell
from streamwatch.trends.gains import DOCUMENTS, Gain, Gains
from streamwatch.trends.levels import LEVELS, MINUTE, REGISTERED, Level
from streamwatch.trends.places import places_for
from streamwatch.trends.sketch import hash32, sketch

MAX_ARGUMENTS = 4000
"""Items of one Redis call inside the script: Lua's stack holds 8,000."""

_INDICES = [str(i) for i in range(360)]
"""Fields of a block as text: Lua would print a number for each call."""
_NOTHING = {-1}
_SHORT = [bytes([0xA0 | n]) for n in range(32)]


def packed_gains(gains: Gains, max_series: int) -> dict[str, list[Any]]:
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
        if (refs := list({of[document] for document in gain[DOCUMENTS]} - {0}))
        for i in range(0, len(refs), MAX_ARGUMENTS)
    ]
    alone: dict[int, Raw] = {}
    cells = [row for level, some in zip(LEVELS, gains.levels, strict=True) for row in _cells(gains, level, some, alone)]
    return {
        "series": [
            [day, name, n_documents(gains.levels[-1][name, day * DAY_MS]), places_for(name, max_series)]
            for day, name in gains.series
        ],
        "days": list(_days(gains)),
        "cells": cells,
        "sketches": list(_sketches(gains)),
        "hashes": hashes,
        "registers": registers,
    }


def n_documents(gain: Gain) -> int:
    """How many documents a gain is of, unread ones too."""
    n: int = gain[0] + gain[UNREAD]
    return n


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


def _cells(
    gains: Gains, level: Level, cells: dict[tuple[str, int], Gain], alone: dict[int, Raw]
) -> Iterable[list[Any]]:
    """[level, series, block, index, cell, index, cell, …] for each key.

    `alone` holds the packed cells of single documents: one that stands alone is the same in all its series and levels.
    """
    rows: dict[tuple[str, int], list[Any]] = {}
    code, block_ms, width_ms = level.code, level.block_ms, level.width_ms
    for (name, bucket_ms), gain in cells.items():
        block = bucket_ms // block_ms
        row = rows.get((name, block))
        if row is None:
            row = rows[name, block] = [code, gains.series[bucket_ms // DAY_MS, name] + 1, block]
        if gain[0] == 1 and not gain[UNREAD]:
            document = gain[DOCUMENTS][0]
            raw = alone.get(document) or alone.setdefault(document, as_text(packed_cell(gain)))
        else:
            raw = as_text(packed_cell(gain))
        row += (_INDICES[bucket_ms % block_ms // width_ms], raw)
    return rows.values()


def _sketches(gains: Gains) -> Iterable[list[Any]]:
    """[series, block, index, sketches, …] for each key: of the texts and of the known authors of each minute."""
    rows: dict[tuple[str, int], list[Any]] = {}
    texts, authors = _hashed(gains.texts), _hashed(gains.authors)
    block_ms, width_ms = MINUTE.block_ms, MINUTE.width_ms
    alone: dict[int, Raw] = {}
    for (name, bucket_ms), gain in gains.levels[LEVELS.index(MINUTE)].items():
        documents = gain[DOCUMENTS]
        if not documents:
            continue
        block = bucket_ms // block_ms
        row = rows.get((name, block))
        if row is None:
            row = rows[name, block] = [gains.series[bucket_ms // DAY_MS, name] + 1, block]
        if len(documents) > 1:
            raw = _both(texts, authors, documents)
        else:
            raw = alone.get(documents[0]) or alone.setdefault(documents[0], _both(texts, authors, documents))
        row += (_INDICES[bucket_ms % block_ms // width_ms], raw)
    return rows.values()


def _hashed(texts: list[str]) -> list[int]:
    """The hash of each; −1 where there is nothing."""
    hashes = {text: hash32(text) for text in set(texts)}
    hashes[""] = -1
    return [hashes[text] for text in texts]


def _both(texts: list[int], authors: list[int], documents: list[int]) -> Raw:
    return as_text(
        packed(sketch({texts[document] for document in documents} - _NOTHING))
        + packed(sketch({authors[document] for document in documents} - _NOTHING))
    )


def as_text(raw: bytes) -> Raw:
    """`raw` with the header of a msgpack text."""
    n = len(raw)
    return Raw((_SHORT[n] if n < 32 else b"\xda" + n.to_bytes(2, "big")) + raw)
