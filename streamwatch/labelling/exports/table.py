"""JSON lines and CSV: one document a row, with empty fields to fill in. A file of answers is read the same way.

A text may begin like a formula, and spreadsheets compute what they open: such cells get an apostrophe in front, which is
taken away from ids again.

Examples:
    >>> from streamwatch.labelling.examples import sample
    >>> print("\\n".join(write_csv([sample("d1", text="=1+1")]).decode().splitlines()))
    id,text,published_at,source,drawn_as,labeller,verdict,topic,sentiment,reading,answered_at
    d1,'=1+1,1970-01-01T00:00:00Z,newswire,uniform,,,,,,
    >>> [row] = read_csv(b"id,topic,sentiment\\r\\nd1,earnings,negative\\r\\n")
    >>> row.place, row.id, row.topic, row.sentiment
    ('row 2', 'd1', 'earnings', 'negative')
    >>> [row] = read_jsonl(write_jsonl([sample("d1")]))
    >>> row.place, row.is_empty
    ('line 1', True)
"""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from streamwatch.codec import encode
from streamwatch.errors import ConfigError
from streamwatch.labelling.filled import Filled
from streamwatch.records import Answer, DriftSample
from streamwatch.timeline import format_rfc3339, parse_rfc3339, to_ms

FILLED = ("labeller", "verdict", "topic", "sentiment", "reading")
COLUMNS = ("id", "text", "published_at", "source", "drawn_as", *FILLED, "answered_at")
SAID = ("said_topic", "said_sentiment")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
MOST_CELL_CHARS = 1_000_000
"""More than a stored text may have; without it Python's reader stops at 131,072."""

Row = dict[str, Any]


def write_jsonl(items: Iterable[DriftSample | Answer], with_predictions: bool = False) -> bytes:
    """A line for each. Answers are written as they are on `labels`, for `retrain --labels` to read."""
    rows = (encode(one if isinstance(one, Answer) else _row(one, with_predictions)) for one in items)
    return b"".join(row + b"\n" for row in rows)


def write_csv(items: Iterable[DriftSample | Answer], with_predictions: bool = False) -> bytes:
    """A header and a row for each, in UTF-8."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [*COLUMNS, *(SAID if with_predictions else ())])
    writer.writeheader()
    writer.writerows({name: _inert(cell) for name, cell in _row(one, with_predictions).items()} for one in items)
    return text.getvalue().encode()


def _row(one: DriftSample | Answer, with_predictions: bool) -> Row:
    filled = dict.fromkeys((*FILLED, "answered_at"), "")
    if isinstance(one, Answer):
        filled = {name: getattr(one, name) or "" for name in FILLED}
        filled["answered_at"] = format_rfc3339(to_ms(one.answered_at))
    when = format_rfc3339(to_ms(one.published_at))
    row = {
        "id": one.id,
        "text": one.text,
        "published_at": when,
        "source": one.source,
        "drawn_as": one.drawn_as,
    } | filled
    said = one.prediction.sentiment
    return row | (
        {"said_topic": one.prediction.topic.label, "said_sentiment": said.label if said else ""}
        if with_predictions
        else {}
    )


def _inert(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def read_csv(raw: bytes) -> list[Filled]:
    """The rows of a CSV file; the header is row 1, so that a spreadsheet shows the same numbers. Raises `ConfigError`."""
    csv.field_size_limit(MOST_CELL_CHARS)
    try:
        reader = csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""), dialect=_dialect(raw))
        if "id" not in (reader.fieldnames or ()):
            raise ConfigError(f"row 1: no column id among {', '.join(reader.fieldnames or ()) or 'nothing'}")
        return [_filled(row, f"row {number}", _plain) for number, row in enumerate(reader, start=2)]
    except UnicodeDecodeError as error:
        raise ConfigError(f"not UTF-8 ({error}): save the table as UTF-8") from error
    except csv.Error as error:
        raise ConfigError(f"no CSV: {error}") from error


def _dialect(raw: bytes) -> type[csv.Dialect]:
    """Semicolons where the header has them: spreadsheets of half of Europe write these."""
    header = raw.split(b"\n", 1)[0]

    class Separated(csv.excel):
        delimiter = ";" if header.count(b";") > header.count(b",") else ","

    return Separated


def _plain(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell


def read_jsonl(raw: bytes) -> list[Filled]:
    """The lines of a file that `labels export` made, or of answers. Raises `ConfigError`."""
    rows = []
    for number, line in enumerate(raw.splitlines(), start=1):
        if line.strip():
            try:
                row = msgspec.json.decode(line, type=dict[str, Any])
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise ConfigError(f"line {number}: no JSON object: {error}") from error
            rows.append(_filled(row, f"line {number}", str))
    return rows


def _filled(row: Mapping[str, Any], place: str, plain: Any) -> Filled:
    document_id, when = row.get("id"), row.get("answered_at")
    if not isinstance(document_id, str) or not document_id:
        raise ConfigError(f"{place}: no id")
    said = {name: row.get(name) or "" for name in FILLED}
    wrong = [name for name, value in said.items() if not isinstance(value, str)]
    if wrong:
        raise ConfigError(f"{place}: {wrong[0]} is no text")
    try:
        answered_ms = parse_rfc3339(str(when)) if when else None
    except ValueError as error:
        raise ConfigError(f"{place}: answered_at {when!r} is no time such as 2026-01-05T08:00:00Z") from error
    return Filled(place, plain(document_id), answered_ms=answered_ms, **{name: v.strip() for name, v in said.items()})
