"""Taking documents out of the store so that their texts leave the disk.

Deleting a row leaves its words in the full-text index until its parts are merged, and its bytes in free pages and in the
write-ahead log. So a file that held a document gets its index anew, is written anew without free pages, and its log is
emptied. An indexer may be at work meanwhile: it waits for each file's turn. What is forgotten is noted first, so that it
is not stored again; only by its hash.
"""

import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path

from streamwatch.documents.sqlite.days import LEDGER, days_in
from streamwatch.documents.sqlite.ledger import Ledger
from streamwatch.documents.sqlite.opening import to_write, transaction
from streamwatch.documents.sqlite.rows import author_of, key_of
from streamwatch.errors import StoreUnavailable
from streamwatch.text.clean import text_hash

IDS_AT_ONCE = 500


def forget(folder: Path, ids: Collection[str], author_hashes: Collection[str]) -> int:
    """Note what is to be forgotten and delete it; how many documents there were."""
    if not (folder / LEDGER).exists():
        return 0
    ledger = Ledger(folder)
    try:
        ledger.forget("id", map(text_hash, ids))
        ledger.forget("author", author_hashes)
    finally:
        ledger.close()
    return sum(_forget_in(path, set(ids), set(author_hashes)) for path in days_in(folder).values())


def _forget_in(path: Path, ids: set[str], authors: set[str]) -> int:
    if not path.exists():  # past its retention meanwhile
        return 0
    db = to_write(path)
    try:
        with transaction(db):
            places = {*_of_ids(db, ids), *(_of_authors(db, authors) if authors else ())}
            if places:
                db.executemany("DELETE FROM documents WHERE place = ?", ((place,) for place in places))
                db.execute("INSERT INTO words (words) VALUES ('rebuild')")
        if places:
            db.execute("VACUUM")
        _empty_log(db, path)
        return len(places)
    finally:
        db.close()


def _empty_log(db: sqlite3.Connection, path: Path) -> None:
    """Also where nothing is deleted now: an earlier run may have deleted it and been killed, or found the file being read."""
    if db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        raise StoreUnavailable(f"{path.name} is being read, and still holds what was deleted: forget again")


def _of_ids(db: sqlite3.Connection, ids: set[str]) -> Iterator[int]:
    keys = [key_of(one) for one in sorted(ids)]
    for start in range(0, len(keys), IDS_AT_ONCE):
        some = keys[start : start + IDS_AT_ONCE]
        marks = ",".join("?" * len(some))
        for place, rest in db.execute(f"SELECT place, rest FROM documents WHERE id_key IN ({marks})", some):
            if author_of(rest)[0] in ids:
                yield place


def _of_authors(db: sqlite3.Connection, authors: set[str]) -> Iterator[int]:
    """Every row is read: writers have no index, because nobody but this asks for them."""
    for place, rest in db.execute("SELECT place, rest FROM documents"):
        if author_of(rest)[1] in authors:
            yield place
