"""Classify the rows of a file: the same cleaning and the same engine as the worker, without Kafka.

Every row gives one line, in order: a result, or an error with the reason that the dead-letter channel would have.

Examples:
    >>> from streamwatch.inference.engine import NullEngine
    >>> rows = [Row(b"1", b'{"id":"1","text":"$AAPL falls"}'), Row(b"2", b'{"id":"2"}')]
    >>> [line.result.model if line.result else line.error.reason for line in classify_rows(rows, NullEngine())]
    ['null', 'missing_field']
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from streamwatch.errors import RejectError
from streamwatch.inference.batcher import USUAL, Sizes
from streamwatch.inference.confidence import marked
from streamwatch.inference.engine import Answer, Engine
from streamwatch.inference.stream import answered
from streamwatch.inference.unread import scripts_of, unread_prediction
from streamwatch.records import Label, Prediction, SentimentLabel, Unread
from streamwatch.sources.row import Row
from streamwatch.text.clean import model_text, stored_text
from streamwatch.text.readable import unread_reason

MAX_ID_CHARS = 256


class Limits(msgspec.Struct, frozen=True):
    """The settings' limits on a document, and below which probability a sentiment is marked as unsure."""

    max_bytes: int = 1_048_576
    max_chars: int = 20_000
    low_confidence_below: float = 0.5


NO_SETTINGS = Limits()
"""The limits by default."""


class OfflineLine(msgspec.Struct, frozen=True):
    """What became of one row: `result` or `error`, never both; `unread` says why a result has no sentiment."""

    id: str
    result: Prediction | None = None
    error: RejectError | None = None
    unread: Unread = ""


class ErrorPart(msgspec.Struct, frozen=True):
    """An error as it is written: a reason of the bounded set, and detail for people."""

    reason: str
    detail: str


class ErrorLine(msgspec.Struct, frozen=True):
    """An output line for a row that could not be classified."""

    id: str
    error: ErrorPart


class ResultLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """An output line for a classified row; its `sentiment` is null where the text was not read."""

    id: str
    topic: Label
    sentiment: SentimentLabel | None
    model: str
    low_confidence: bool = False
    unread: Unread = ""


def classify_rows(
    rows: Iterable[Row], engine: Engine, limits: Limits = NO_SETTINGS, sizes: Sizes = USUAL
) -> Iterator[OfflineLine]:
    """One `OfflineLine` for each row, in order, some thousand rows in memory at once."""
    scripts = scripts_of(engine)
    read = (_read(row, limits, scripts, engine.model) for row in rows)
    for (name, unread), found in answered(engine, read, sizes):
        if isinstance(found, RejectError):
            yield OfflineLine(name, error=found)
        else:
            yield OfflineLine(name, marked(found, limits.low_confidence_below), unread=unread)


def _read(row: Row, limits: Limits, scripts: tuple[str, ...], model: str) -> tuple[tuple[str, Unread], str | Answer]:
    """A row's id and why its text is not read, and the text, or what is answered without asking the model."""
    name = row.key.decode(errors="replace")
    try:
        text = read_model_text(row.value, limits)
    except RejectError as error:
        return (name, ""), error
    unread = unread_reason(text, scripts)
    return (name, unread), unread_prediction(model) if unread else text


def read_model_text(value: bytes, limits: Limits) -> str:
    """The model text of a row's JSON. Raises `RejectError`.

    >>> read_model_text(b'{"id": "1", "text": "RT @jo: up &amp; away"}', Limits())
    'up & away'
    """
    if len(value) > limits.max_bytes:
        raise RejectError("too_large", f"{len(value)} bytes, at most {limits.max_bytes}")
    fields = _object(value)
    _check_id(fields.get("id"))
    text = fields.get("text")
    if text is None:
        raise RejectError("missing_field", "text")
    if not isinstance(text, str):
        raise RejectError("wrong_type", f"text is {type(text).__name__}, expected a string")
    if not text.strip():
        raise RejectError("empty_text", "there is no text, or only white space")
    return model_text(stored_text(text[: limits.max_chars]))


def _object(value: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(value.decode())
    except UnicodeDecodeError as error:
        raise RejectError("invalid_utf8", f"byte {error.start}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise RejectError("invalid_json", str(error)) from error
    if not isinstance(found, dict):
        raise RejectError("wrong_type", f"a line is {type(found).__name__}, expected an object")
    return found


def _check_id(name: Any) -> None:
    if not isinstance(name, str) or not 0 < len(name) <= MAX_ID_CHARS:
        raise RejectError("wrong_type", f"id must be a string of 1 to {MAX_ID_CHARS} characters")


def to_json(line: OfflineLine) -> bytes:
    """The output line, with its line end.

    >>> to_json(OfflineLine("7", error=RejectError("empty_text")))
    b'{"id":"7","error":{"reason":"empty_text","detail":""}}\\n'
    """
    if line.result is None:
        error = line.error or RejectError("classification_failed")
        return msgspec.json.encode(ErrorLine(line.id, ErrorPart(error.reason, error.detail))) + b"\n"
    made = line.result
    result = ResultLine(line.id, made.topic, made.sentiment, made.model, made.low_confidence, line.unread)
    return msgspec.json.encode(result) + b"\n"
