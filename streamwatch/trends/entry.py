"""What detection needs to know of one counted document, and which series it belongs to.

Entries wait in Redis, per partition and 10 s bucket of detection time, until the bucket closes.

Examples:
    >>> entity_series("AAPL"), entity_series("$BRK.B"), entity_series("Delta")
    ('ticker:AAPL', 'ticker:BRK.B', 'entity:Delta')
"""

import re

import msgspec

from streamwatch.records import Classified

_TICKER = re.compile(r"\$?([A-Z]{1,5}(?:[.-][A-Z]{1,2})?)")


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One counted document, small enough to keep for every document of an open bucket.

    `partition` and `offset` point at its record in `classified`, where evidence is read when an alert needs it. `model` is
    the version that read it (`detection.versions.code_of`), 0 where none did. `draw`
    and `doubt` say whether people should label it (`labelling.chance`).
    """

    text_hash: str
    sentiment: str
    series: tuple[str, ...]
    author_hash: str
    partition: int
    offset: int
    signature: int = 0
    model: int = 0
    draw: int = 0
    doubt: int = 0


def entity_series(entity: str) -> str:
    """The series of an entity: `ticker:` where it is written like one, else `entity:`."""
    match = _TICKER.fullmatch(entity)
    return f"ticker:{match[1]}" if match else f"entity:{entity}"


def series_of(record: Classified) -> tuple[str, ...]:
    """The series that a document counts in, each once, `all` first."""
    names = ["all", f"source:{record.source}"]
    if record.counted_topic:
        names.append(f"topic:{record.counted_topic}")
    names.extend(map(entity_series, record.entities))
    return tuple(dict.fromkeys(names))
