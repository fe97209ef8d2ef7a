"""The versioned messages that other programs may write and read: which record, on which channels, under which key.

`schemas/` is generated from here and from the records: `json_schema` writes one schema a message, `asyncapi` the document
over all channels.

Examples:
    >>> [message.name for message in MESSAGES][:5]
    ['document.v1', 'classified.v1', 'dead-letter.v1', 'alert.v1', 'drift.v1']
    >>> [message.name for message in MESSAGES if "decisions" in message.channels][-3:]
    ['rule-edit.v1', 'watchlist.v1', 'key.v1']
    >>> MESSAGES[0].channels
    ('news', 'social')
"""

from dataclasses import dataclass

from streamwatch.channels import SOURCES
from streamwatch.records import (
    Acknowledgement,
    Alert,
    Answer,
    ApiKey,
    Audit,
    Classified,
    DeadLetter,
    Document,
    DriftSample,
    Promotion,
    Record,
    RuleEdit,
    RulesChange,
    Silence,
    Verdict,
    Watchlist,
)


@dataclass(frozen=True)
class Message:
    """One kind of record and where it is found.

    Attributes:
        record: the struct it is decoded to; the docstring is its description.
        channels: the channels that carry it, without the deployment's prefix.
        key: what the Kafka key is.
        received: whether streamwatch reads it from others; else it is what streamwatch sends.
    """

    record: type[Record]
    channels: tuple[str, ...]
    key: str
    received: bool = False

    @property
    def name(self) -> str:
        """The schema's name and version, which the field `schema` holds."""
        tag = self.record.__struct_config__.tag
        return str(tag or self.record.__struct_defaults__[0])

    @property
    def file(self) -> str:
        """The schema's file in `schemas/`."""
        return f"{self.name}.json"


DECISIONS = ("decisions",)

MESSAGES = (
    Message(Document, SOURCES, "The document's id, so that all records of one id lie in one partition.", received=True),
    Message(Classified, ("classified",), "The document's id; none for a marker and for what went to dead-letter."),
    Message(DeadLetter, ("dead-letter",), "Where the record came from: channel/partition/offset."),
    Message(Alert, ("alerts",), "The alert's id: the channel is compacted, the last revision of each stays."),
    Message(DriftSample, ("drift",), "The document's id."),
    Message(Answer, ("labels",), "The document's id, U+001F, the labeller: the last record of each counts."),
    Message(Silence, DECISIONS, "silence/<id>: the last record of each stays."),
    Message(Acknowledgement, DECISIONS, "ack/<alert id>: the last record of each stays."),
    Message(Verdict, DECISIONS, "verdict/<alert id>: the last record of each stays."),
    Message(RulesChange, DECISIONS, "rules/<effective from, ms since 1970>: the last record of each stays."),
    Message(Promotion, DECISIONS, "promotion/<version>: each is written once."),
    Message(RuleEdit, DECISIONS, "rule/<name>/<revision>/<id>: each is written once."),
    Message(Watchlist, DECISIONS, "watchlist/<person>/<name>, both percent-encoded: the last record of each stays."),
    Message(ApiKey, DECISIONS, "key/<id>: the last record of each stays."),
    Message(Audit, ("audit",), "The id of the request, which both records of a write have."),
)
"""All messages."""
