"""A document as a row: what is searched for has columns, the rest is one msgpack array without field names.

Examples:
    >>> from streamwatch.documents.naming import stored
    >>> from streamwatch.testing.records import classified
    >>> document = stored(classified("a", sentiment="negative", given=Given(topic="ipo")), 3, 40)
    >>> unpack(pack(document), document.text, document.published_ms, 3, 40) == document
    True
    >>> key_of("a") == key_of("a"), -(2**63) <= key_of("b") < 2**63
    (True, True)
"""

from hashlib import blake2b

import msgspec

from streamwatch.documents.store import StoredDocument
from streamwatch.records import Given, Label, Outcome, Prediction, SentimentLabel, Unread


class _Said(msgspec.Struct, array_like=True, frozen=True):
    """A prediction; without a sentiment where the text was not read."""

    topic: str
    topic_p: float
    sentiment: str
    sentiment_p: float
    probabilities: dict[str, float]
    model: str
    low_confidence: bool
    heads: dict[str, tuple[str, float]]


class _Rest(msgspec.Struct, array_like=True, frozen=True):
    """All of a document that has no column of its own."""

    id: str
    source: str
    source_channel: str
    offset: int
    text_hash: str
    author_hash: str
    entities: tuple[str, ...]
    outcome: Outcome
    topic: str
    sentiment: str
    given: Given | None
    said: _Said | None
    unread: Unread


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Rest).decode


def key_of(text: str) -> int:
    """64 bits of a text, as SQLite's integers have them: what ids and hashes of texts are found by."""
    return int.from_bytes(blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest(), "big", signed=True)


def pack(document: StoredDocument) -> bytes:
    """The bytes of all that has no column."""
    d = document
    said = None if d.prediction is None else _said(d.prediction)
    return _encode(
        _Rest(
            d.id, d.source, d.source_channel, d.offset, d.text_hash, d.author_hash, d.entities, d.outcome, d.topic,
            d.sentiment, d.given, said, d.unread,
        )
    )  # fmt: skip


def unpack(raw: bytes, text: str, published_ms: int, partition: int, offset: int) -> StoredDocument:
    """The document of a row."""
    rest = _decode(raw)
    return StoredDocument(
        id=rest.id,
        text=text,
        published_ms=published_ms,
        source=rest.source,
        source_channel=rest.source_channel,
        partition=partition,
        offset=rest.offset,
        classified_offset=offset,
        text_hash=rest.text_hash,
        author_hash=rest.author_hash,
        entities=rest.entities,
        outcome=rest.outcome,
        topic=rest.topic,
        sentiment=rest.sentiment,
        given=rest.given,
        prediction=None if rest.said is None else _prediction(rest.said),
        unread=rest.unread,
    )


def author_of(raw: bytes) -> tuple[str, str]:
    """Id and author's hash of a row: what forgetting asks for."""
    rest = _decode(raw)
    return rest.id, rest.author_hash


def _said(prediction: Prediction) -> _Said:
    topic, sentiment = prediction.topic, prediction.sentiment
    heads = {name: (label.label, label.p) for name, label in prediction.heads.items()}
    if sentiment is None:
        return _Said(topic.label, topic.p, "", 0.0, {}, prediction.model, prediction.low_confidence, heads)
    return _Said(
        topic.label, topic.p, sentiment.label, sentiment.p, sentiment.probabilities, prediction.model,
        prediction.low_confidence, heads,
    )  # fmt: skip


def _prediction(said: _Said) -> Prediction:
    sentiment = SentimentLabel(label=said.sentiment, p=said.sentiment_p, probabilities=said.probabilities)
    return Prediction(
        topic=Label(label=said.topic, p=said.topic_p),
        sentiment=sentiment if said.sentiment else None,
        model=said.model,
        low_confidence=said.low_confidence,
        heads={name: Label(label=label, p=p) for name, (label, p) in said.heads.items()},
    )
