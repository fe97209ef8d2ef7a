"""The day files as readers hold them: opened when a question needs them, let go when they are deleted.

SQLite gives up the interpreter's lock while it searches, so a few readers answer at once; each is used by one thread at a
time.
"""

import queue
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from time import monotonic

from streamwatch.documents.sqlite.days import LEDGER, days_in
from streamwatch.documents.sqlite.opening import to_read
from streamwatch.errors import StoreUnavailable

READERS = 3
"""Questions that are answered at once; a dashboard has some dozens of people, whose questions take milliseconds."""
MOST_OPEN = 40
"""Files of one reader: the 36 days of the default retention and the ledger. Three descriptors each, and a process may have a
thousand for everything."""
MOST_REMEMBERED = 500
"""Totals of one file that a reader remembers: the second page of a query need not count again."""
LONGEST_S = 20.0
"""What one lending may take: by then whoever asked over HTTP was told that it takes too long, and nobody reads the answer."""
LOOK_EACH = 100_000
"""Steps of SQLite's machine between two looks at the clock: some milliseconds."""
WAIT_S = 30.0
"""How long a question waits for a reader."""


class Reader:
    """Connections of one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[tuple[str, int], sqlite3.Connection] = {}
        self._totals: dict[sqlite3.Connection, dict[object, int]] = {}
        self.until_s = inf
        """When what is asked now ends, by the monotonic clock, with or without an answer."""

    def days(self, from_day: int | None, to_day: int | None) -> dict[int, Path]:
        """The day files in [from, to], the newest first."""
        return {
            day: path
            for day, path in days_in(self._folder).items()
            if (from_day is None or day >= from_day) and (to_day is None or day <= to_day)
        }

    def ledger(self) -> sqlite3.Connection | None:
        """The ledger; None where the store has not been begun."""
        path = self._folder / LEDGER
        return self.open(path) if path.exists() else None

    def open(self, path: Path) -> sqlite3.Connection:
        """A connection to a file, good until `MOST_OPEN` others were asked for. Raises `StoreUnavailable`."""
        try:
            key = (path.name, path.stat().st_ino)  # a file that was made anew is another one
            db = self._open.pop(key, None) or self._opened(path)
        except FileNotFoundError:
            raise StoreUnavailable(f"{path.name} was deleted while it was read: ask again") from None
        self._open[key] = db  # the newest used is the last
        if len(self._open) > MOST_OPEN:
            self._close(next(iter(self._open)))
        return db

    def _opened(self, path: Path) -> sqlite3.Connection:
        db = to_read(path)
        db.set_progress_handler(lambda: monotonic() > self.until_s, LOOK_EACH)
        return db

    def total(self, path: Path, of: object, count: Callable[[sqlite3.Connection], int]) -> int:
        """`count` of a file, remembered under `of` for as long as the file holds what it held.

        Whether it does is asked inside the count's own snapshot. The times of files would not do: a commit is written to the
        log before it can be seen, so an old count would be kept for a new file.
        """
        db = self.open(path)
        known = self._totals.setdefault(db, {})
        db.execute("BEGIN")
        try:
            db.execute("SELECT 1 FROM names LIMIT 1").fetchone()  # the snapshot begins
            [version] = db.execute("PRAGMA data_version").fetchone()
            if (version, of) not in known:
                if len(known) >= MOST_REMEMBERED:
                    known.clear()
                known[version, of] = count(db)
            return known[version, of]
        finally:
            db.execute("COMMIT")

    def _close(self, key: tuple[str, int]) -> None:
        db = self._open.pop(key)
        self._totals.pop(db, None)
        db.close()

    def let_go(self) -> None:
        """Close files that are not there any more: their bytes are free only then."""
        for name, inode in list(self._open):
            path = self._folder / name
            if not path.exists() or path.stat().st_ino != inode:
                self._close((name, inode))

    def close(self) -> None:
        """Close everything."""
        for key in list(self._open):
            self._close(key)


class Readers:
    """A few readers, lent one at a time."""

    def __init__(self, folder: Path, n: int = READERS, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s
        self._free: queue.LifoQueue[Reader] = queue.LifoQueue()  # the one with the warmest files first
        self._all = [Reader(folder) for _ in range(n)]
        for reader in self._all:
            self._free.put(reader)

    @contextmanager
    def one(self) -> Iterator[Reader]:
        """A reader, for as long as the block runs. Raises `StoreUnavailable` where none gets free.

        A search that goes on for too long ends with SQLite's `interrupted`: nobody waits for it any more, and others for
        its reader.
        """
        try:
            reader = self._free.get(timeout=WAIT_S)
        except queue.Empty:
            raise StoreUnavailable(f"all readers of the document store were busy for {WAIT_S:g} s") from None
        try:
            reader.until_s = monotonic() + self._longest_s
            yield reader
        finally:
            reader.until_s = inf
            reader.let_go()
            self._free.put(reader)

    def close(self) -> None:
        """Close all of them."""
        for reader in self._all:
            reader.close()
