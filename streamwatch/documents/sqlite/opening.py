"""Opening the files of a store, and what their faults mean.

Every commit is on the disk before the next file is written (`synchronous=FULL`): the order of the files is what a crash
is survived by. `secure_delete` overwrites what is deleted.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from streamwatch.errors import ConfigError, StoreUnavailable

FORMAT = 1
"""Of the tables; kept in `user_version`."""
BUSY_S = 30.0
"""How long one writer waits for another: forgetting rewrites a day's file, some seconds for a large one."""
MMAP_BYTES = 1 << 28
"""Of a file, read through the page cache and not copied: a page of documents touches a few."""


@contextmanager
def answering(folder: Path) -> Iterator[None]:
    """Turns what SQLite raises into `StoreUnavailable`, or `ConfigError` where a file is none of its own."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreUnavailable(f"the document store in {folder} does not answer: {error}") from error
    except sqlite3.DatabaseError as error:
        raise ConfigError(
            f"the document store in {folder} is damaged ({error}): streamwatch index --anew makes it anew from `classified`"
        ) from error


def create(path: Path, schema: str) -> None:
    """Make a database that is there whole or not at all; nothing happens where it is there."""
    if path.exists():
        return
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    db = sqlite3.connect(new, isolation_level=None)
    try:
        db.execute("PRAGMA synchronous=OFF")  # one fsync below is enough for a file that nobody knows yet
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript(f"BEGIN; {schema}; PRAGMA user_version={FORMAT}; COMMIT")
    finally:
        db.close()
    with new.open("rb") as file:
        os.fsync(file.fileno())
    new.replace(path)


def to_write(path: Path) -> sqlite3.Connection:
    """A connection that writes; transactions are begun by name."""
    db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_S, check_same_thread=False)
    db.execute("PRAGMA synchronous=FULL")
    db.execute("PRAGMA secure_delete=ON")
    return _checked(db, path)


def to_read(path: Path) -> sqlite3.Connection:
    """A connection that cannot write; several threads may use it, one after the other."""
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_S, check_same_thread=False)
    db.execute(f"PRAGMA mmap_size={MMAP_BYTES}")
    return _checked(db, path)


def _checked(db: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    [found] = db.execute("PRAGMA user_version").fetchone()
    if found != FORMAT:
        db.close()
        raise ConfigError(
            f"{path} has format {found}, and this streamwatch writes {FORMAT}: streamwatch index --anew makes the store anew"
        )
    return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing, with the right to write from its begin on."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
