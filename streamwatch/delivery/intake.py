"""From the bytes of a source record to what is classified, or to the reason why it cannot be.

Examples:
    >>> from streamwatch.config import Settings
    >>> raw = b'{"id":"1","text":"$AAPL falls https://t.co/x","published_at":"2015-02-22T16:00:00Z"}'
    >>> source = SourceRecord("social", 0, 7, raw, observed_ms=1424620805000)
    >>> work = prepare(source, Settings())
    >>> work.text, work.document.published_ms
    ('$AAPL falls http', 1424620800000)
    >>> prepare(SourceRecord("social", 0, 8, None, observed_ms=0), Settings())
    Traceback (most recent call last):
      ...
    streamwatch.errors.RejectError: null_message: the record has no value
"""

import hashlib
from functools import cache
from typing import NamedTuple

import msgspec

from streamwatch.codec import decode
from streamwatch.config import Settings
from streamwatch.errors import RejectError
from streamwatch.records import Classified, DeadLetter, Document, Given, Outcome, Prediction, Unread
from streamwatch.text.clean import model_text, stored_text, text_hash
from streamwatch.text.signature import signature
from streamwatch.timeline import format_rfc3339, parse_rfc3339, to_ms

RAW_BYTES_KEPT = 65_536
"""Of a rejected record's bytes, so that a person can see what it was."""


class SourceRecord(NamedTuple):
    """One record of a source channel. `observed_ms` is its header of that name, else Kafka's timestamp."""

    channel: str
    partition: int
    offset: int
    value: bytes | None
    observed_ms: int
    marker: str | None = None
    backfill: bool = False


class Content(NamedTuple):
    """What a document says, ready to be stored: redacted, with its times in milliseconds and its author hashed."""

    id: str
    published_ms: int
    text: str
    text_hash: str
    signature: int
    source: str
    author_hash: str
    entities: tuple[str, ...]
    given: Given | None


class Work(NamedTuple):
    """A document to classify: `text` is what the model reads; its hash tells duplicates.

    `unread` is why the model cannot read it, once somebody has looked.
    """

    source: SourceRecord
    document: Content
    text: str
    unread: Unread = ""


def prepare(source: SourceRecord, settings: Settings) -> Work:
    """The work that a source record asks for. Raises `RejectError` with the reason for the dead-letter channel.

    A text that its producer left empty is a fault; one of which cleaning leaves nothing (`@jo https://…`, zero-width
    characters) is a post as any other, which the model cannot read.
    """
    if source.value is None:
        raise RejectError("null_message", "the record has no value")
    if len(source.value) > settings.max_document_bytes:
        raise RejectError("too_large", f"{len(source.value)} bytes; at most {settings.max_document_bytes}")
    document = decode(source.value, Document)
    published_ms = to_ms(document.published_at)
    _check_date(published_ms, source.observed_ms, settings)
    stored = stored_text(document.text[: settings.max_text_chars])
    text = model_text(stored)
    if not text and not document.text.strip():
        raise RejectError("empty_text", "there is no text, or only white space")
    content = Content(
        id=document.id,
        published_ms=published_ms,
        text=stored,
        text_hash=text_hash(text),
        signature=signature(text),
        source=document.source or source.channel,
        author_hash=text_hash(document.author) if document.author else "",
        entities=tuple(dict.fromkeys(document.entities)),
        given=_given(document),
    )
    return Work(source, content, text)


_earliest_ms = cache(parse_rfc3339)


def _check_date(published_ms: int, observed_ms: int, settings: Settings) -> None:
    if published_ms < _earliest_ms(settings.earliest):
        raise RejectError("date_too_old", f"{format_rfc3339(published_ms)} is before {settings.earliest}")
    if published_ms > observed_ms + settings.max_ahead_s * 1000:
        raise RejectError(
            "date_in_future", f"{format_rfc3339(published_ms)}, but it came {format_rfc3339(observed_ms)}"
        )


def _given(document: Document) -> Given | None:
    if document.sentiment is None and document.topic is None:
        return None
    return Given(sentiment=document.sentiment, topic=document.topic)


def classified(work: Work, prediction: Prediction, outcome: Outcome, follows: int) -> Classified:
    """The record of a document that has its prediction."""
    return Classified(
        outcome=outcome,
        source_channel=work.source.channel,
        source_partition=work.source.partition,
        source_offset=work.source.offset,
        follows=follows,
        observed_ms=work.source.observed_ms,
        backfill=work.source.backfill,
        prediction=prediction,
        unread=work.unread,
        **work.document._asdict(),
    )


def without_document(source: SourceRecord, outcome: Outcome, reason: str | None = None) -> Classified:
    """The record of a source record that is no document: a marker, or one that went to dead-letter. `follows` is unset."""
    return Classified(
        outcome=outcome,
        source_channel=source.channel,
        source_partition=source.partition,
        source_offset=source.offset,
        follows=-1,
        observed_ms=source.observed_ms,
        marker=source.marker,
        reason=reason,
    )


def dead_letter(source: SourceRecord, error: RejectError) -> DeadLetter:
    """The record for the dead-letter channel."""
    raw = source.value or b""
    return DeadLetter(
        reason=error.reason,
        detail=error.detail,
        source_channel=source.channel,
        source_partition=source.partition,
        source_offset=source.offset,
        observed_ms=source.observed_ms,
        length_bytes=len(raw),
        sha256=hashlib.sha256(raw).hexdigest(),
        raw=raw[:RAW_BYTES_KEPT],
    )


def following(record: Classified, follows: int, lost: int = 0) -> Classified:
    """`record` with its place in the run."""
    return msgspec.structs.replace(record, follows=follows, lost=lost)
