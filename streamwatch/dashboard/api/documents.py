"""The documents behind the numbers: found by series, label, source, time and words, page by page or all in a file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from streamwatch.dashboard.access.person import Person
from streamwatch.dashboard.access.required import needs
from streamwatch.dashboard.answers import answer, says
from streamwatch.dashboard.desk import Desk
from streamwatch.dashboard.exports import FILES, Format, export
from streamwatch.dashboard.paging import Cursor, Limit
from streamwatch.dashboard.problems import Problem
from streamwatch.dashboard.times import Moment
from streamwatch.documents.store import Query as Question
from streamwatch.documents.store import SourceKind, StoredDocument
from streamwatch.errors import ConfigError
from streamwatch.records import Given, Label, Outcome, Sentiment, SentimentLabel, Unread
from streamwatch.timeline import format_rfc3339

MOST_SERIES = 12
MOST_TEXT_CHARS = 500
"""Of a search."""
COLUMNS = (
    "id", "published_ms", "published_at", "text", "topic", "sentiment", "p_negative", "p_neutral", "p_positive", "source",
    "source_channel", "partition", "offset", "entities", "author_hash", "model", "outcome", "unread",
)  # fmt: skip
"""Of an export; `topic` and `sentiment` are what is counted."""
Name = Annotated[str | None, Query(min_length=1, max_length=140)]


class Counted(msgspec.Struct, frozen=True):
    """What the windows count the document as; an empty sentiment: it could not be read."""

    topic: str
    sentiment: str


class DocumentItem(msgspec.Struct, frozen=True):
    """One document, redacted. `topic` and `sentiment` are the model's, `given` came with the document and is counted first.

    `partition` and `offset` are of the source channel. `n_copies` documents of this question have the same text, with this
    one; `highlights` are [start, end) in code points of `text`, of what the search found.
    """

    id: str
    text: str
    published_ms: int
    source: str
    source_channel: str
    partition: int
    offset: int
    topic: Label | None
    sentiment: SentimentLabel | None
    given: Given | None
    counted: Counted
    low_confidence: bool
    entities: tuple[str, ...]
    author_hash: str
    model: str
    n_copies: int
    outcome: Outcome
    unread: Unread
    highlights: tuple[tuple[int, int], ...]


class DocumentPage(msgspec.Struct, frozen=True):
    """A page, the newest first. `n_total` documents are asked about, each copy counted; before `reaches_back_to_ms` the store
    has none, or not all (null: it is empty).
    """

    items: list[DocumentItem]
    next: str | None
    n_total: int
    reaches_back_to_ms: int | None


@dataclass
class DocumentFilter:
    """Which documents: all that is given must hold. Labels are those that are counted."""

    series: Annotated[
        list[str], Query(default_factory=list, max_length=MOST_SERIES, description="All of these; repeat.")
    ]
    topic: Name = None
    sentiment: Annotated[Sentiment | None, Query()] = None
    entity: Name = None
    source_kind: SourceKind | None = None
    model: Name = None
    from_: Annotated[Moment | None, Query(alias="from", description="Published at this time or later.")] = None
    to: Annotated[Moment | None, Query(description="Published before this.")] = None
    text: Annotated[
        str | None,
        Query(
            max_length=MOST_TEXT_CHARS, description='Words that must all be there, "phrases" and beginnings (refund*).'
        ),
    ] = None

    def question(self, **more: Any) -> Question:
        """The question to the store."""
        return Question(
            series=tuple(self.series), topic=self.topic, sentiment=self.sentiment, entity=self.entity,
            source_kind=self.source_kind, model=self.model, from_ms=self.from_, to_ms=self.to, text=self.text, **more,
        )  # fmt: skip


def router(desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.get("/documents", **says(DocumentPage))
    async def list_documents(
        person: Annotated[Person, Depends(needs("viewer"))],
        filtered: Annotated[DocumentFilter, Depends()],
        fold: Annotated[
            bool, Query(description="Show the newest of the documents that share a text, with their number.")
        ] = True,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        """Show the documents behind a number: as many as the windows count, as far back as the store reaches."""
        question = filtered.question(fold=fold, limit=limit, cursor=cursor)
        found = await desk.reading(_found, desk, question)
        items = [_item(one) for one in found.items]
        return answer(DocumentPage(items, found.next, found.n_total, found.reaches_back_to_ms))

    @routes.get("/documents/export", response_class=Response, responses=FILES)
    async def export_documents(
        person: Annotated[Person, Depends(needs("viewer"))],
        filtered: Annotated[DocumentFilter, Depends()],
        format: Format = "csv",
    ) -> Response:
        """Write all documents of a question to a file, the newest first, copies too; `X-Row-Count` is how many there were.

        In CSV a text that a spreadsheet would take for a formula has an apostrophe before it; JSON has it as it is.
        """
        question = filtered.question(limit=1)
        n_total = (await desk.reading(_found, desk, question)).n_total
        return export("documents", format, COLUMNS, _rows(desk, question), n_total)

    return routes


def _found(desk: Desk, question: Question) -> Any:
    try:
        return desk.documents.find(question)
    except ConfigError as error:
        kind = "bad-cursor" if question.cursor is not None else "not-valid"
        raise Problem(422, kind, "The question cannot be answered", str(error)) from error


def _item(one: StoredDocument) -> DocumentItem:
    prediction = one.prediction
    return DocumentItem(
        id=one.id, text=one.text, published_ms=one.published_ms, source=one.source, source_channel=one.source_channel,
        partition=one.partition, offset=one.offset, topic=prediction.topic if prediction else None,
        sentiment=prediction.sentiment if prediction else None, given=one.given, counted=Counted(one.topic, one.sentiment),
        low_confidence=bool(prediction and prediction.low_confidence), entities=one.entities, author_hash=one.author_hash,
        model=prediction.model if prediction else "", n_copies=one.n_copies, outcome=one.outcome, unread=one.unread,
        highlights=one.highlights,
    )  # fmt: skip


def _rows(desk: Desk, question: Question) -> Iterator[Sequence[Any]]:
    for one in desk.documents.stream(question):
        sentiment = one.prediction.sentiment if one.prediction else None
        p = sentiment.probabilities if sentiment else {}
        yield (
            one.id, one.published_ms, format_rfc3339(one.published_ms), one.text, one.topic, one.sentiment,
            p.get("negative"), p.get("neutral"), p.get("positive"), one.source, one.source_channel, one.partition, one.offset,
            " ".join(one.entities), one.author_hash, one.prediction.model if one.prediction else "", one.outcome, one.unread,
        )  # fmt: skip
