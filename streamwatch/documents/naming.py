"""The names by which a document is found: its series, what it counts as, where it came from, who read it.

Examples:
    >>> from streamwatch.testing.records import classified
    >>> names_of(classified("a", sentiment="negative", source="wire", entities=("AAPL",)))
    ['source:wire', 'topic:earnings', 'ticker:AAPL', 'sentiment:negative', 'kind:news', 'model:example']
"""

import msgspec

from streamwatch.documents.store import StoredDocument
from streamwatch.records import Classified
from streamwatch.trends.entry import series_of


def names_of(record: Classified) -> list[str]:
    """The names of a counted document; `all` is every document's and left out."""
    names = [*series_of(record)[1:], f"sentiment:{record.counted_sentiment or 'unread'}"]
    # As the windows tell them apart: what did not come by `news` is social.
    names.append("kind:news" if record.source_channel == "news" else "kind:social")
    if record.prediction is not None:
        names.append(f"model:{record.prediction.model}")
    return names


def stored(record: Classified, partition: int, offset: int) -> StoredDocument:
    """The document as a store gives it. The projection stays in `classified`: nobody reads it here."""
    prediction = record.prediction
    return StoredDocument(
        id=record.id,
        text=record.text,
        published_ms=record.published_ms,
        source=record.source,
        source_channel=record.source_channel,
        partition=partition,
        offset=record.source_offset,
        classified_offset=offset,
        text_hash=record.text_hash,
        author_hash=record.author_hash,
        entities=record.entities,
        outcome=record.outcome,
        topic=record.counted_topic,
        sentiment=record.counted_sentiment,
        given=record.given,
        prediction=None if prediction is None else msgspec.structs.replace(prediction, projection=b""),
        unread=record.unread,
    )
