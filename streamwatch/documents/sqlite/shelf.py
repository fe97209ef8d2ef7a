"""The day files as readers hold them: opened when a question needs them, let go when they are deleted.

SQLite gives up the interpreter's lock while it searches, so a few readers answer at once; each is used by one thread at a
time.
"""

import queue
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streamwatch.documents.sqlite.days import LEDGER, days_in, files_of
from streamwatch.documents.sqlite.opening import to_read
from streamwatch.errors import StoreUnavailable

READERS = 3
"""Questions that are answered at once; a dashboard has some dozens of people, whose questions take milliseconds."""
MOST_OPEN = 40
"""Files of one reader: the 36 days of the default retention and the ledger. Three descriptors each, and a process may have a
thousand for everything."""
WAIT_S = 30.0
"""How long a question waits for a reader."""


class Reader:
    """Connections of one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[tuple[str, int], sqlite3.Connection] = {}

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
            db = self._open.pop(key, None) or to_read(path)
        except FileNotFoundError:
            raise StoreUnavailable(f"{path.name} was deleted while it was read: ask again") from None
        self._open[key] = db  # the newest used is the last
        if len(self._open) > MOST_OPEN:
            self._close(next(iter(self._open)))
        return db

    def _close(self, key: tuple[str, int]) -> None:
        self._open.pop(key).close()

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

    def __init__(self, folder: Path, n: int = READERS) -> None:
        self._free: queue.LifoQueue[Reader] = queue.LifoQueue()  # the one with the warmest files first
        self._all = [Reader(folder) for _ in range(n)]
        for reader in self._all:
            self._free.put(reader)

    @contextmanager
    def one(self) -> Iterator[Reader]:
        """A reader, for as long as the block runs. Raises `StoreUnavailable` where none gets free."""
        try:
            reader = self._free.get(timeout=WAIT_S)
        except queue.Empty:
            raise StoreUnavailable(f"all readers of the document store were busy for {WAIT_S:g} s") from None
        try:
            yield reader
        finally:
            reader.let_go()
            self._free.put(reader)

    def close(self) -> None:
        """Close all of them."""
        for reader in self._all:
            reader.close()


def stamp_of(path: Path) -> tuple[int, ...]:
    """Inode, times and sizes of a file and its log: each commit changes one of them."""
    stamp: list[int] = []
    for one in files_of(path)[:2]:
        try:
            found = one.stat()
            stamp += (found.st_ino, found.st_mtime_ns, found.st_size)
        except FileNotFoundError:
            stamp.append(0)
    return tuple(stamp)
