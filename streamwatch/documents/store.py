"""What a store of documents is, whatever keeps it: a question, an answer, and who may write.

A store holds the documents that the windows count, and only those: `windows of trends` and `documents behind them` are
two views of one log, made by the same functions (`streamwatch.trends.counting`). So as far back as a store reaches,
the number of documents behind a point is the point's own: `Count.n` equals `Window.n`, and `Count.n_unread` equals
`Window.n_unread`. Two things make a difference, both on purpose: names beyond `max_window_series` have documents and no
windows, and a document that was forgotten leaves the store while its count stays.

Pages begin with the newest document. Their order is by second of publication, then the order in which documents came
into the store; a document that arrives later takes its place and moves no other, so a cursor stays right.

Examples:
    >>> query = Query(topic="earnings", source_kind="news", text="profit warning")
    >>> query.names()
    ['topic:earnings', 'kind:news']
    >>> Query(series=("all",)).names(), Query(entity="AAPL", sentiment="unread").names()
    ([], ['ticker:AAPL', 'sentiment:unread'])
    >>> Query(limit=0)
    Traceback (most recent call last):
      ...
    streamwatch.errors.ConfigError: limit=0: a page holds from 1 to 500 documents
"""

from collections.abc import Collection, Iterator
from typing import Literal, NamedTuple, Protocol

import msgspec

from streamwatch.errors import ConfigError
from streamwatch.records import Given, Outcome, Prediction, Unread
from streamwatch.trends.entry import entity_series
from streamwatch.trends.writer import Store

MOST_ITEMS = 500
"""Documents of one page: what a person may scroll, at a quarter of a megabyte."""
COUNTED_SENTIMENTS = ("negative", "neutral", "positive", "unread")
"""What a document can count as; `unread`: the model could not read it, and no sentiment was given with it."""

SourceKind = Literal["news", "social"]


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which documents are asked for: all that is given must hold, and nothing given asks nothing.

    `series`, `topic`, `sentiment` and `entity` are about what windows count, so a label given with a document stands before
    the model's. `sentiment` is one of `COUNTED_SENTIMENTS`. `from_ms` ≤ publication < `to_ms`. `text` holds words that must
    all be there, `"phrases in quotes"` and beginnings (`refund*`), case and accents aside; no text is a mistake.

    `fold` gives the newest of the documents that share a text, with their number; `limit` and `cursor` cut pages.
    """

    series: tuple[str, ...] = ()
    topic: str | None = None
    sentiment: str | None = None
    entity: str | None = None
    source_kind: SourceKind | None = None
    model: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    text: str | None = None
    fold: bool = False
    limit: int = 50
    cursor: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MOST_ITEMS:
            raise ConfigError(f"limit={self.limit}: a page holds from 1 to {MOST_ITEMS} documents")
        if self.sentiment is not None and self.sentiment not in COUNTED_SENTIMENTS:
            raise ConfigError(f"sentiment={self.sentiment}: expected one of {', '.join(COUNTED_SENTIMENTS)}")

    def names(self) -> list[str]:
        """What every document of the answer is named by: its series, and what else is asked of it."""
        asked = [name for name in self.series if name != "all"]
        asked += [f"topic:{self.topic}"] if self.topic is not None else []
        asked += [entity_series(self.entity)] if self.entity is not None else []
        asked += [f"sentiment:{self.sentiment}"] if self.sentiment is not None else []
        asked += [f"kind:{self.source_kind}"] if self.source_kind is not None else []
        asked += [f"model:{self.model}"] if self.model is not None else []
        return list(dict.fromkeys(asked))


class StoredDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One document as the store has it.

    `partition` and `offset` are of the source channel, as in evidence of alerts; `classified_offset` is of `classified`, in the
    partition of the same number. `prediction` lacks its projection. `n_copies` counts all documents of its text that the
    query is about, this one too (1 without `fold`). `highlights` are [start, end) in code points of `text`, not in
    UTF-16 units: of what the query's text found.
    """

    id: str
    text: str
    published_ms: int
    source: str
    source_channel: str
    partition: int
    offset: int
    classified_offset: int
    text_hash: str
    author_hash: str
    entities: tuple[str, ...]
    outcome: Outcome
    topic: str
    """As counted; empty where there is none."""
    sentiment: str
    """As counted; empty where the document was not read."""
    given: Given | None
    prediction: Prediction | None
    unread: Unread
    n_copies: int = 1
    highlights: tuple[tuple[int, int], ...] = ()


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One page. `n_total` documents are what the query is about, copies and unread ones counted each, on whatever page."""

    items: tuple[StoredDocument, ...]
    next: str | None
    n_total: int
    reaches_back_to_ms: int | None


class Count(NamedTuple):
    """The documents of a query in one step of time, counted as windows do: `n` = negative + neutral + positive."""

    start_ms: int
    n: int
    negative: int
    neutral: int
    positive: int
    news: int
    social: int
    n_unread: int


class Holding(NamedTuple):
    """What a store holds: documents, bytes on disk, days with documents."""

    n_documents: int
    n_bytes: int
    n_days: int


class DocumentStore(Protocol):
    """What readers need. All raise `StoreUnavailable` where the store cannot be read now; threads may share one."""

    def find(self, query: Query) -> Found:
        """One page, the newest first. Raises `ConfigError` for a cursor that no page gave."""
        ...

    def stream(self, query: Query) -> Iterator[StoredDocument]:
        """All documents of the query, the newest first, whatever its limit and cursor; never folded."""
        ...

    def counts(self, query: Query, step_ms: int) -> list[Count]:
        """The non-empty steps of the query, in order. `step_ms`, `from_ms` and `to_ms` are whole seconds.

        Raises `ConfigError` where they are not.
        """
        ...

    def get(self, document_id: str) -> list[StoredDocument]:
        """The documents with this id, the newest first: one, unless the same id was sent again after the id horizon."""
        ...

    def reaches_back_to_ms(self) -> int | None:
        """From which date on the store has all documents; None where nothing was ever applied.

        That is the retention behind the newest arrival, or later where days had to go or records were missed.
        """
        ...

    def applied(self) -> dict[int, int]:
        """By partition, the next offset of `classified` that will be applied."""
        ...

    def holding(self) -> Holding:
        """How much there is."""
        ...

    def delete(self, ids: Collection[str], author_hashes: Collection[str] = ()) -> int:
        """Forget documents, by id and by writer: their texts leave the disk, and they are not stored again. How many
        there were. Works while an indexer writes."""
        ...

    def close(self) -> None:
        """Let go of files."""
        ...


class DocumentWriter(Protocol):
    """The one that writes. There is one for a store, whoever reads."""

    def partition(self, number: int) -> Store:
        """The part of one partition of `classified`, as `trends.writer.PartitionWriter` wants it."""
        ...

    def totals(self) -> dict[str, int]:
        """What was done since the store was begun: `stored`, `past_retention`, `forgotten`, and the totals of counting."""
        ...

    def retain(self) -> int:
        """Delete what is past the retention; how many days went."""
        ...

    def close(self) -> None:
        """Let go of files and of the right to write."""
        ...
