"""Classify the rows of a file: the same cleaning and the same engine as the worker, without Kafka.

Every row gives one line, in order: a result, or an error with the reason that the dead-letter channel would have.

Examples:
    >>> from streamwatch.inference.engine import NullEngine
    >>> rows = [Row(b"1", b'{"id":"1","text":"$AAPL falls"}'), Row(b"2", b'{"id":"2"}')]
    >>> [line.result.model if line.result else line.error.reason for line in classify_rows(rows, NullEngine())]
    ['null', 'missing_field']
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from streamwatch.errors import RejectError
from streamwatch.inference.engine import Engine, classify
from streamwatch.records import Label, Prediction, SentimentLabel
from streamwatch.sources.row import Row
from streamwatch.text.clean import model_text, stored_text

CHUNK_ROWS = 2048
"""Rows classified together: enough for the engine to sort by length, and half a megabyte of tweets in memory."""

MAX_ID_CHARS = 256


class Limits(msgspec.Struct, frozen=True):
    """The settings' limits on a document."""

    max_bytes: int = 1_048_576
    max_chars: int = 20_000


NO_SETTINGS = Limits()
"""The limits by default."""


class OfflineLine(msgspec.Struct, frozen=True):
    """What became of one row: `result` or `error`, never both."""

    id: str
    result: Prediction | None = None
    error: RejectError | None = None


class ErrorPart(msgspec.Struct, frozen=True):
    """An error as it is written: a reason of the bounded set, and detail for people."""

    reason: str
    detail: str


class ErrorLine(msgspec.Struct, frozen=True):
    """An output line for a row that could not be classified."""

    id: str
    error: ErrorPart


class ResultLine(msgspec.Struct, frozen=True):
    """An output line for a classified row."""

    id: str
    topic: Label
    sentiment: SentimentLabel
    model: str


def classify_rows(rows: Iterable[Row], engine: Engine, limits: Limits = NO_SETTINGS) -> Iterator[OfflineLine]:
    """One `OfflineLine` for each row, in order. Rows with the same model text are classified once a chunk."""
    waiting = iter(rows)
    while chunk := list(itertools.islice(waiting, CHUNK_ROWS)):
        yield from _classify_chunk(chunk, engine, limits)


def _classify_chunk(chunk: list[Row], engine: Engine, limits: Limits) -> Iterator[OfflineLine]:
    texts = [_text_or_error(row, limits) for row in chunk]
    distinct = list(dict.fromkeys(text for text in texts if isinstance(text, str)))
    results = dict(zip(distinct, classify(engine, distinct), strict=True))
    for row, text in zip(chunk, texts, strict=True):
        found = results[text] if isinstance(text, str) else text
        name = row.key.decode(errors="replace")
        if isinstance(found, RejectError):
            yield OfflineLine(name, error=found)
        else:
            yield OfflineLine(name, result=found)


def _text_or_error(row: Row, limits: Limits) -> str | RejectError:
    try:
        return read_model_text(row.value, limits)
    except RejectError as error:
        return error


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
    made = model_text(stored_text(text[: limits.max_chars]))
    if not made:
        raise RejectError("empty_text", "nothing is left for the model")
    return made


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
    return msgspec.json.encode(ResultLine(line.id, made.topic, made.sentiment, made.model)) + b"\n"
