"""A query as SQL on one day's file.

With names or words the full-text index leads: it gives the places in order, from the last backwards, and SQLite looks
up the rows of one page only. Without any, the table itself is read backwards.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from streamwatch.documents.sqlite.day_file import tag
from streamwatch.documents.sqlite.days import places_between
from streamwatch.documents.sqlite.search import PREFIX, expression
from streamwatch.documents.sqlite.shelf import Reader
from streamwatch.documents.store import Query
from streamwatch.timeline import DAY_MS, SECOND_MS

ROW = "documents.place, documents.text, documents.published_ms, documents.partition, documents.at, documents.rest"
"""The columns that `rows.unpack` needs, after the place."""
NEVER_MS = 2**62
ROW_BY_ROW = "EXISTS (SELECT 1 FROM words WHERE words MATCH ? AND words.rowid = documents.place)"
"""Whether the words stand in a row that was found otherwise: quick for whole words, whose lists are sorted by place."""
IN_ONE_PASS = "documents.place IN (SELECT rowid FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ?)"
"""The same where a beginning is among them: the lists of all its words are merged anew for each search, so there is one."""
HASHES_AT_ONCE = 500
"""Texts of one lookup, as many as a page has documents."""


@dataclass(frozen=True)
class Asked:
    """A query on one day: the places it spans, and what the index and the rows must say."""

    reader: Reader
    day: int
    path: Path
    low: int
    high: int
    tags: tuple[str, ...]
    text: str | None
    bounds: tuple[int, int] | None
    """From and to, where they are not whole seconds and places alone cannot tell."""

    @property
    def db(self) -> sqlite3.Connection:
        """The day's file. To be asked for again after other days were: only some are open at once."""
        return self.reader.open(self.path)

    def between(self, low: int, high: int) -> "Asked":
        """The same in fewer places."""
        return replace(self, low=max(low, self.low), high=min(high, self.high))

    def select(self, columns: str, after: str = "", more: Sequence[Any] = ()) -> Iterator[Any]:
        """Rows; `after` orders, groups and cuts, with its parameters `more`."""
        source, where, parameters = self._source("documents." in columns)
        return self.db.execute(f"SELECT {columns} FROM {source} WHERE {where} {after}", (*parameters, *more))

    def newest_first(self, columns: str, limit: int) -> list[Any]:
        """Rows from the last place backwards."""
        return list(self.select(columns, f"ORDER BY {self.place} DESC LIMIT ?", (limit,)))

    @property
    def place(self) -> str:
        """The column that holds the place: of the index where it leads, so that its order is used."""
        return "documents.place" if self.match is None else "words.rowid"

    @property
    def match(self) -> str | None:
        """The expression for the full-text index; None where every document is meant."""
        return expression(self.tags, self.text)

    def n_copies(self, keys: Sequence[int]) -> dict[int, int]:
        """How many documents of the query each of these texts has here."""
        counted: dict[int, int] = {}
        for start in range(0, len(keys), HASHES_AT_ONCE):
            some = keys[start : start + HASHES_AT_ONCE]
            where, parameters = self._of_rows()
            marks = ",".join("?" * len(some))
            found = self.db.execute(
                f"SELECT text_key, count(*) FROM documents WHERE text_key IN ({marks}) AND {where} GROUP BY text_key",
                (*some, *parameters),
            )
            counted.update(found)
        return counted

    def _source(self, rows: bool) -> tuple[str, str, list[Any]]:
        """What to select from, its condition and parameters. `rows`: columns of the documents are needed."""
        match = self.match
        parameters: list[Any] = [self.low, self.high]
        if match is None:
            source, where = "documents", "documents.place BETWEEN ? AND ?"
        else:
            # CROSS JOIN is a join in this order, for SQLite.
            source = "words CROSS JOIN documents ON documents.place = words.rowid" if rows or self.bounds else "words"
            where, parameters = "words MATCH ? AND words.rowid BETWEEN ? AND ?", [match, *parameters]
        if self.bounds:
            where += " AND documents.published_ms >= ? AND documents.published_ms < ?"
            parameters += self.bounds
        return source, where, parameters

    def _of_rows(self) -> tuple[str, list[Any]]:
        """The condition where rows are found by something else than the index."""
        where = "documents.place BETWEEN ? AND ?"
        parameters: list[Any] = [self.low, self.high]
        if self.bounds:
            where += " AND published_ms >= ? AND published_ms < ?"
            parameters += self.bounds
        for name in self.tags:
            where += " AND instr(documents.tags, ?)"
            parameters.append(f" {name} ")
        if (words := expression((), self.text)) is not None:
            where += f" AND {IN_ONE_PASS if PREFIX in words else ROW_BY_ROW}"
            parameters += [words, self.low, self.high] if PREFIX in words else [words]
        return where, parameters


def asked(reader: Reader, query: Query) -> Iterator[Asked]:
    """The query on each day that can have documents of it, the newest first."""
    from_day = None if query.from_ms is None else query.from_ms // DAY_MS
    to_day = None if query.to_ms is None else (query.to_ms - 1) // DAY_MS
    text = query.text if query.text and query.text.strip() else None
    for day, path in reader.days(from_day, to_day).items():
        tags = _tags(reader.open(path), query.names())
        if tags is not None:
            yield Asked(
                reader, day, path, *places_between(day, query.from_ms, query.to_ms), tags, text, _bounds(query, day)
            )


def _bounds(query: Query, day: int) -> tuple[int, int] | None:
    """The span, on days where it begins or ends inside a second; on all others places tell it, and no row is read for it."""
    ends = [ms for ms in (query.from_ms, query.to_ms) if ms is not None and ms % SECOND_MS and ms // DAY_MS == day]
    return (query.from_ms or 0, NEVER_MS if query.to_ms is None else query.to_ms) if ends else None


def _tags(db: sqlite3.Connection, names: Sequence[str]) -> tuple[str, ...] | None:
    """The words of names in one day's index; None where one is no document's."""
    tags = []
    for name in names:
        found = db.execute("SELECT number FROM names WHERE name = ?", (name,)).fetchone()
        if found is None:
            return None
        tags.append(tag(found[0]))
    return tuple(tags)
