"""Documents to measure with: texts of a file, each made different, dated at a steady rate."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from streamwatch.codec import decode, encode
from streamwatch.errors import ConfigError, RejectError
from streamwatch.records import Document, Sentiment
from streamwatch.sources import synthetic
from streamwatch.sources.columns import Columns
from streamwatch.sources.files import read_rows
from streamwatch.timeline import from_ms

START_MS = 1_740_000_000_000
"""The first date; nothing depends on it."""


def texts_of(path: Path | None, columns: Columns | None = None, limit: int = 5000) -> list[str]:
    """Distinct texts of a file, by default of the synthetic day."""
    found: dict[str, None] = {}
    for row in read_rows(path or synthetic.SHIPPED, columns):
        try:
            text = decode(row.value, Document).text.strip()
        except RejectError:
            continue
        if text:
            found[text] = None
        if len(found) == limit:
            break
    if not found:
        raise ConfigError(f"{path}: no document with a text")
    return list(found)


def different(texts: list[str]) -> Iterator[str]:
    """The texts again and again, each time with another number, so that none is a copy."""
    yield from texts
    for lap in range(2, 1_000_000):
        yield from (f"{text} ({lap})" for text in texts)


def documents(
    texts: list[str], n: int, per_second: float, start_ms: int = START_MS
) -> Iterator[tuple[bytes, bytes, int]]:
    """(key, value, date in ms) of `n` documents, `per_second` of them in a second of event time."""
    for i, text in enumerate(islice(different(texts), n)):
        published_ms = start_ms + int(i * 1000 / per_second)
        yield document(f"bench-{i}", text, published_ms, f"Company {i % 20}")


def document(
    identity: str, text: str, published_ms: int, entity: str, sentiment: Sentiment | None = None
) -> tuple[bytes, bytes, int]:
    """One document as (key, value, date in ms)."""
    record = Document(
        id=identity, text=text, published_at=from_ms(published_ms), entities=(entity,), sentiment=sentiment
    )
    return identity.encode(), encode(record), published_ms
