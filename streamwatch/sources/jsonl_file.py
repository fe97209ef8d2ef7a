"""JSON lines: one object a line. A line that is a document already passes as it is, byte for byte."""

import itertools
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

from streamwatch.channels import MAX_VALUE_BYTES, SOURCES
from streamwatch.records import Document
from streamwatch.sources.columns import Columns
from streamwatch.sources.dates import parse_date
from streamwatch.sources.drafts import draft, merge, to_bytes, to_row
from streamwatch.sources.row import Row, row_id
from streamwatch.timeline import format_rfc3339, to_ms

N_LOOKED_AT = 100
"""Objects whose fields are read before a mapped column counts as missing: fields may be left out of some lines."""


class _Line(Document, frozen=True):
    """A document with the channel that the line wants to go to."""

    channel: Any = None


_document = msgspec.json.Decoder(_Line)


def read_jsonl(file: BinaryIO, path: str, columns: Columns) -> Iterator[Row]:
    """The rows of a file of JSON lines. Raises `ConfigError` at once where a mapped column is missing."""
    lines = _lines(file)
    if not columns.named:
        return map(as_it_is, lines)
    first = list(itertools.islice(lines, N_LOOKED_AT))
    objects = [found for found in map(_object, first) if found is not None]
    if objects:
        columns.check({name for found in objects for name in found}, path)
    return _mapped(itertools.chain(first, lines), columns)


def as_it_is(line: bytes) -> Row:
    """A row of a line that has the fields of a document. What it lacks it lacks, but for an id.

    A date that is one but not in RFC 3339 is rewritten; a line that is no JSON object is sent unchanged.
    """
    try:
        found = _document.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _repaired(line)
    return Row(found.id.encode(), line, to_ms(found.published_at), _channel(found.channel))


def named_channels(file: BinaryIO) -> set[str]:
    """The source channels that lines name themselves; reading stops when all have been seen."""
    named: set[str] = set()
    for line in _lines(file):
        if b'"channel"' in line:
            named |= {as_it_is(line).channel or ""} - {""}
        if len(named) == len(SOURCES):
            break
    return named


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file, cut where they are longer than a channel takes: no JSON then, and far too large."""
    while line := file.readline(MAX_VALUE_BYTES):
        if not line.endswith(b"\n"):
            _skip_line(file)
        if line := line.rstrip(b"\r\n"):
            yield line


def _skip_line(file: BinaryIO) -> None:
    while (rest := file.readline(MAX_VALUE_BYTES)) and not rest.endswith(b"\n"):
        pass


def _repaired(line: bytes) -> Row:
    """A line that is no document: an id or a readable date are put in where only they were missing."""
    found = _object(line)
    if found is None:
        return Row(row_id(line).encode(), line)
    published_ms = parse_date(found.get("published_at"))
    changed = dict(found)
    if changed.get("id") is None:
        changed["id"] = row_id(line)
    elif isinstance(changed["id"], int):
        changed["id"] = str(changed["id"])
    if published_ms is not None and not _has_zone(found["published_at"]):
        changed["published_at"] = format_rfc3339(published_ms)
    value = line if changed == found else to_bytes(changed)
    return Row(str(changed["id"]).encode(), value, published_ms, _channel(found.get("channel")))


def _has_zone(date: Any) -> bool:
    try:
        return msgspec.convert(date, Document.__annotations__["published_at"]) is not None
    except msgspec.ValidationError:
        return False


def _mapped(lines: Iterator[bytes], columns: Columns) -> Iterator[Row]:
    """Rows of lines with columns of their own; what is no object passes as it is, and ends what could be merged."""
    read = ((line, _object(line)) for line in lines)
    for is_object, group in itertools.groupby(read, key=lambda pair: pair[1] is not None):
        if is_object:
            yield from map(to_row, merge(draft(columns.pick(found or {})) for _, found in group))
        else:
            yield from (as_it_is(line) for line, _ in group)


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _channel(value: Any) -> str | None:
    return value if isinstance(value, str) and value in SOURCES else None
