"""From the cells of a table to a row: dates and entities as a document has them, several lines of one id made one.

Examples:
    >>> to_row({"id": "7", "text": "up", "published_at": "2020-01-01", "entities": "AAPL"}).value
    b'{"id":"7","text":"up","published_at":"2020-01-01T00:00:00Z","entities":["AAPL"]}'
    >>> [d["entities"] for d in merge([{"id": "7", "entities": ["A"]}, {"id": "7", "entities": ["B"]}])]
    [['A', 'B']]
"""

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from streamwatch.sources.dates import parse_date
from streamwatch.sources.row import Row, row_id
from streamwatch.timeline import format_rfc3339

Draft = dict[str, Any]
"""The fields that a table gave for one document, not yet checked by anybody."""

MERGE_WITHIN = 16
"""How many drafts wait for more lines of their id. In a table of tweets ordered by time, most lines of one tweet are
adjacent; 370 of 22,815 lie a few lines apart."""

_BETWEEN_ENTITIES = re.compile(r"\s*[;|]\s*")
"""No comma: names have them (`Meridian Foods, Inc.`)."""


def draft(fields: dict[str, Any]) -> Draft:
    """Fields as a document has them: an empty cell is no value (but an empty text stays one), entities are a list."""
    made = {name: value for name, value in fields.items() if value not in ("", None) or name == "text"}
    if made.get("text", "") is None:
        del made["text"]
    if isinstance(made.get("id"), int):
        made["id"] = str(made["id"])
    if isinstance(made.get("entities"), str):
        made["entities"] = [name for name in _BETWEEN_ENTITIES.split(made["entities"].strip()) if name]
    if isinstance(made.get("sentiment"), str):
        made["sentiment"] = made["sentiment"].strip().lower()
    return made


def merge(drafts: Iterable[Draft]) -> Iterator[Draft]:
    """Drafts close together that differ in nothing but their entities become one with all of them.

    A table with one line per ticker says the same document several times, with lines of the same second in between. The
    same line twice stays twice: that is a document delivered again, for the worker to see.
    """
    waiting: deque[Draft] = deque()
    newest: dict[str, Draft] = {}
    for new in drafts:
        name = new.get("id")
        before = newest.get(name) if isinstance(name, str) else None
        if before is not None and _continues(before, new):
            before["entities"] = [*before["entities"], *new["entities"]]
            continue
        waiting.append(new)
        if isinstance(name, str):
            newest[name] = new
        if len(waiting) > MERGE_WITHIN:
            yield _release(waiting, newest)
    while waiting:
        yield _release(waiting, newest)


def to_row(fields: dict[str, Any]) -> Row:
    """A row: the date in RFC 3339 where it can be read, an id made from the content where there is none."""
    made = draft(fields)
    published_ms = parse_date(made.get("published_at"))
    if published_ms is not None:
        made["published_at"] = format_rfc3339(published_ms)
    if "id" not in made:
        made = {"id": row_id(to_bytes(made))} | made
    return Row(str(made["id"]).encode(errors="surrogateescape"), to_bytes(made), published_ms)


def to_bytes(value: Any) -> bytes:
    """JSON. Bytes that were no UTF-8 in the file come out as they were, so that the worker sees them and says so."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogateescape")


def _release(waiting: deque[Draft], newest: dict[str, Draft]) -> Draft:
    """The oldest draft, which takes no more entities from now on."""
    oldest = waiting.popleft()
    name = oldest.get("id")
    if isinstance(name, str) and newest.get(name) is oldest:
        del newest[name]
    return oldest


def _continues(first: Draft, second: Draft) -> bool:
    entities, more = first.get("entities"), second.get("entities")
    if not isinstance(entities, list) or not isinstance(more, list) or any(name in entities for name in more):
        return False
    return _without_entities(first) == _without_entities(second)


def _without_entities(fields: Draft) -> Draft:
    return {name: value for name, value in fields.items() if name != "entities"}
