"""One day's documents, to be written: rows, the names they are found by, and the full-text index over both.

A name (`topic:earnings`) is a number in its file and the word `z12` in the column `tags` of the index, so that SQLite
intersects names and words of the text in one pass over sorted lists.

A document is there once, whoever applies its record again: (partition, offset) of `classified` is unique.

Examples:
    >>> import tempfile
    >>> from streamwatch.documents.naming import stored
    >>> from streamwatch.testing.records import classified
    >>> record = classified("a")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     day = DayFile(Path(folder, "2026-01-01.sqlite"))
    ...     for _ in range(2):
    ...         day.add(0, [(7, record)], lambda: lambda record: False)
    ...     day.n_documents()
    1
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from streamwatch.documents.naming import names_of, stored
from streamwatch.documents.sqlite.days import MOST_OF_A_SECOND, SECOND_BITS, first_place, number_of, place_at
from streamwatch.documents.sqlite.opening import create, to_write, transaction
from streamwatch.documents.sqlite.rows import key_of, pack
from streamwatch.records import Classified
from streamwatch.timeline import DAY_MS

SCHEMA = """
CREATE TABLE documents (
    place INTEGER PRIMARY KEY,
    published_ms INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    at INTEGER NOT NULL,
    id_key INTEGER NOT NULL,
    text_key INTEGER NOT NULL,
    text TEXT NOT NULL,
    tags TEXT NOT NULL,
    rest BLOB NOT NULL
);
CREATE UNIQUE INDEX by_offset ON documents (partition, at);
CREATE INDEX by_id ON documents (id_key);
CREATE INDEX by_text ON documents (text_key);
CREATE TABLE names (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE VIRTUAL TABLE words USING fts5 (
    text, tags, content='documents', content_rowid='place', columnsize=0, tokenize='unicode61 remove_diacritics 2'
)
"""
Forgotten = Callable[[Classified], bool]
"""Whether a document was forgotten."""


class DayFile:
    """The file of one day. Made where it is not there."""

    def __init__(self, path: Path) -> None:
        create(path, SCHEMA)
        self._db = to_write(path)
        self._numbers = self._names()

    def add(self, partition: int, items: Sequence[tuple[int, Classified]], forgotten: Callable[[], Forgotten]) -> None:
        """Store documents of one partition (offset in `classified`, record), in one transaction.

        `forgotten` is asked when nobody else can write here any more: whoever forgets notes it first and deletes then, so
        a document is either seen here as forgotten, or there to be deleted.
        """
        try:
            with transaction(self._db):
                is_forgotten = forgotten()
                there = self._there(partition, items)
                new = [(at, record) for at, record in items if at not in there and not is_forgotten(record)]
                self._insert(partition, new)
        except BaseException:
            self._numbers = self._names()
            raise

    def n_documents(self) -> int:
        """How many there are."""
        n: int = self._db.execute("SELECT count(*) FROM documents").fetchone()[0]
        return n

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _names(self) -> dict[str, int]:
        return {name: number for number, name in self._db.execute("SELECT number, name FROM names")}

    def _there(self, partition: int, items: Sequence[tuple[int, Classified]]) -> set[int]:
        offsets = [at for at, _ in items]
        found = self._db.execute(
            "SELECT at FROM documents WHERE partition = ? AND at BETWEEN ? AND ?",
            (partition, min(offsets), max(offsets)),
        )
        return {at for (at,) in found}

    def _insert(self, partition: int, new: Sequence[tuple[int, Classified]]) -> None:
        places = list(self._places(record for _, record in new))
        rows = [
            (
                place, record.published_ms, partition, at, key_of(record.id), key_of(record.text_hash), record.text,
                self._tags(record), pack(stored(record, partition, at)),
            )
            for place, (at, record) in zip(places, new, strict=True)
        ]  # fmt: skip
        self._db.executemany("INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self._db.executemany(
            "INSERT INTO words (rowid, text, tags) VALUES (?, ?, ?)", ((row[0], row[6], row[7]) for row in rows)
        )

    def _places(self, records: Iterable[Classified]) -> Iterator[int]:
        """The next free place in the second of each."""
        following: dict[int, int] = {}
        for record in records:
            first = first_place(record.published_ms % DAY_MS)
            number = following[first] if first in following else self._following(first)
            if number == MOST_OF_A_SECOND:
                raise sqlite3.OperationalError(f"more than {MOST_OF_A_SECOND} documents of one second")
            following[first] = number + 1
            yield place_at(first, number, record.counted_sentiment, news=record.source_channel == "news")

    def _following(self, first: int) -> int:
        """The number after the last one of a second."""
        found = self._db.execute(
            "SELECT max(place) FROM documents WHERE place BETWEEN ? AND ?", (first, first + (1 << SECOND_BITS) - 1)
        ).fetchone()[0]
        return 0 if found is None else number_of(found) + 1

    def _tags(self, record: Classified) -> str:
        """The words of the names, each between blanks: so a row can be asked for one without the index."""
        return f" {' '.join(tag(self._number(name)) for name in names_of(record))} "

    def _number(self, name: str) -> int:
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = len(self._numbers) + 1
            self._db.execute("INSERT INTO names VALUES (?, ?)", (number, name))
        return number


def tag(number: int) -> str:
    """The word of a name in the index: letters and digits, so that the tokenizer keeps it whole."""
    return f"z{number}"
