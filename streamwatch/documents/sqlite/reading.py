"""Reading the store, and forgetting documents in it: what the dashboard and `streamwatch forget` hold."""

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import msgspec

from streamwatch.documents.sqlite.asking import ROW, Asked, asked
from streamwatch.documents.sqlite.counting import check_whole_seconds, counts_of, total_of
from streamwatch.documents.sqlite.days import days_in
from streamwatch.documents.sqlite.forgetting import forget
from streamwatch.documents.sqlite.highlights import marked
from streamwatch.documents.sqlite.ledger import about
from streamwatch.documents.sqlite.opening import answering
from streamwatch.documents.sqlite.paging import Picked, cursor_of, folded_page, place_of, plain_page
from streamwatch.documents.sqlite.rows import key_of, unpack
from streamwatch.documents.sqlite.shelf import Reader, Readers
from streamwatch.documents.sqlite.writing import COMPLETE_FROM, FLOOR, size_of
from streamwatch.documents.store import Count, Found, Holding, Query, StoredDocument

STREAMED_AT_ONCE = 500
"""Rows that an export takes at once: between them others may ask."""


class SqliteStore:
    """The store in a folder, to be read; threads may share it. A folder that is not there is an empty store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._readers = Readers(folder)

    def find(self, query: Query) -> Found:
        """One page, the newest first. Raises `ConfigError` for a cursor that no page gave."""
        last = place_of(query.cursor)
        with answering(self.folder), self._readers.one() as reader:
            days = list(asked(reader, query))
            page = (folded_page if query.fold else plain_page)(days, last, query.limit + 1)
            shown = page[: query.limit]
            more = len(page) > len(shown)
            return Found(
                items=tuple(_documents(shown)),
                next=cursor_of((shown[-1].asked.day, shown[-1].row[0])) if more else None,
                n_total=total_of(days),
                reaches_back_to_ms=_reaches_back_to_ms(reader),
            )

    def stream(self, query: Query) -> Iterator[StoredDocument]:
        """All documents of the query, the newest first; never folded."""
        cursor: str | None = None
        while True:
            last = place_of(cursor)
            with answering(self.folder), self._readers.one() as reader:
                page = plain_page(list(asked(reader, query)), last, STREAMED_AT_ONCE)
                documents = _documents(page)
            yield from documents
            if len(page) < STREAMED_AT_ONCE:
                return
            cursor = cursor_of((page[-1].asked.day, page[-1].row[0]))

    def counts(self, query: Query, step_ms: int) -> list[Count]:
        """The non-empty steps of the query, in order. Raises `ConfigError` where they are not whole seconds."""
        check_whole_seconds(query, step_ms)
        with answering(self.folder), self._readers.one() as reader:
            return counts_of(asked(reader, query), step_ms)

    def get(self, document_id: str) -> list[StoredDocument]:
        """The documents with this id, the newest first."""
        with answering(self.folder), self._readers.one() as reader:
            found = [
                unpack(rest, text, published_ms, partition, at)
                for day in asked(reader, Query())
                for _, text, published_ms, partition, at, rest in day.db.execute(
                    f"SELECT {ROW} FROM documents WHERE id_key = ? ORDER BY place DESC", (key_of(document_id),)
                )
            ]
        return [document for document in found if document.id == document_id]

    def reaches_back_to_ms(self) -> int | None:
        """From which date on the store has all documents; None where it is empty."""
        with answering(self.folder), self._readers.one() as reader:
            return _reaches_back_to_ms(reader)

    def applied(self) -> dict[int, int]:
        """By partition, the next offset of `classified` that will be applied."""
        with answering(self.folder), self._readers.one() as reader:
            ledger = reader.ledger()
            return dict(ledger.execute("SELECT number, applied FROM partitions")) if ledger else {}

    def totals(self) -> dict[str, int]:
        """What was done since the store was begun: `stored`, `past_retention`, `missed_records` and those of counting."""
        with answering(self.folder), self._readers.one() as reader:
            ledger = reader.ledger()
            return dict(ledger.execute("SELECT name, n FROM totals")) if ledger else {}

    def holding(self) -> Holding:
        """How much there is."""
        with answering(self.folder), self._readers.one() as reader:
            days = days_in(self.folder)
            return Holding(total_of(asked(reader, Query())), sum(map(size_of, days.values())), len(days))

    def delete(self, ids: Collection[str], author_hashes: Collection[str] = ()) -> int:
        """Forget documents, by id and by writer; how many there were. Their texts leave the disk before it returns."""
        with answering(self.folder):
            return forget(self.folder, ids, author_hashes)

    def close(self) -> None:
        """Let go of files."""
        self._readers.close()


def _documents(page: Sequence[Picked]) -> list[StoredDocument]:
    found: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {}
    for day, picked in groupby(page, key=lambda one: one.asked.day):  # a page goes from day to day
        found |= {(day, place): where for place, where in _highlights(list(picked)).items()}
    return [_document(one, found.get((one.asked.day, one.row[0]), ())) for one in page]


def _document(picked: Picked, highlights: tuple[tuple[int, int], ...]) -> StoredDocument:
    _, text, published_ms, partition, at, rest = picked.row
    document = unpack(rest, text, published_ms, partition, at)
    return msgspec.structs.replace(document, n_copies=picked.n_copies, highlights=highlights)


def _highlights(of_day: Sequence[Picked]) -> dict[int, tuple[tuple[int, int], ...]]:
    """By place, for the documents of one day."""
    asked: Asked = of_day[0].asked
    if asked.text is None or asked.match is None:
        return {}
    return marked(asked.db, asked.match, [one.row[0] for one in of_day])


def _reaches_back_to_ms(reader: Reader) -> int | None:
    """Before the floor documents were deleted, before the other records were never read."""
    ledger = reader.ledger()
    known = [about(ledger, name) for name in (FLOOR, COMPLETE_FROM)] if ledger else []
    return max((int(ms) for ms in known if ms is not None), default=None)
