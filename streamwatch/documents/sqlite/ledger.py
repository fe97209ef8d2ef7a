"""How far `classified` was read, by partition; which ids were counted; what was forgotten; totals.

It is written after the day files. A crash between leaves documents that the ledger does not know: their records are
applied again, and each finds its document there. The other order would lose them.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from uuid import uuid4

import msgspec

from streamwatch.documents.sqlite.days import LEDGER
from streamwatch.documents.sqlite.opening import create, to_write, transaction
from streamwatch.errors import StaleState
from streamwatch.records import Classified
from streamwatch.text.clean import text_hash
from streamwatch.trends.counting import PartitionState, SourceState

SCHEMA = """
CREATE TABLE about (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE partitions (number INTEGER PRIMARY KEY, applied INTEGER, epoch TEXT, sources BLOB, last TEXT);
CREATE TABLE ids (
    partition INTEGER, channel TEXT, generation INTEGER, id TEXT, PRIMARY KEY (partition, channel, generation, id)
) WITHOUT ROWID;
CREATE TABLE totals (name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE forgotten (kind TEXT, hash TEXT, PRIMARY KEY (kind, hash)) WITHOUT ROWID
"""
_encode = msgspec.json.Encoder().encode
_decode_sources = msgspec.json.Decoder(dict[str, SourceState]).decode


class Ledger:
    """The file beside the day files."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        create(folder / LEDGER, SCHEMA)
        self._db = to_write(folder / LEDGER)
        self._forgotten: tuple[int, frozenset[tuple[str, str]]] = (-1, frozenset())

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    # -- what is known of the whole store

    def about(self, name: str) -> int | str | None:
        """A fact of the store."""
        return about(self._db, name)

    def note(self, name: str, value: int | str) -> None:
        """Remember a fact."""
        self._db.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (name, value))

    def raise_to(self, name: str, value: int) -> None:
        """Remember the greatest value of a fact."""
        self._db.execute(
            "INSERT INTO about VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
            (name, value),
        )

    def add(self, totals: Mapping[str, int]) -> None:
        """Add to the running totals."""
        self._db.executemany(
            "INSERT INTO totals VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = n + excluded.n", totals.items()
        )

    def totals(self) -> dict[str, int]:
        """The running totals."""
        return dict(self._db.execute("SELECT name, n FROM totals"))

    # -- partitions

    def state(self, partition: int) -> PartitionState:
        """Where a partition stands; a new one gets its epoch here."""
        self._db.execute("INSERT OR IGNORE INTO partitions VALUES (?, 0, ?, ?, '')", (partition, _new_epoch(), b"{}"))
        return self._found(partition)

    def _found(self, partition: int) -> PartitionState:
        found = self._db.execute("SELECT applied, epoch, sources FROM partitions WHERE number = ?", (partition,))
        for applied, epoch, sources in found:
            return PartitionState(applied, epoch, _decode_sources(sources))
        return PartitionState()

    def last(self, partition: int) -> str:
        """What the last record applied of a partition was known by; empty before the first."""
        found = self._db.execute("SELECT last FROM partitions WHERE number = ?", (partition,)).fetchone()
        return str(found[0]) if found else ""

    def move(
        self, partition: int, before: PartitionState, after: PartitionState, last: str, write: Callable[[], None]
    ) -> PartitionState:
        """In one transaction: check that the partition stands at `before`, `write`, and set it to `after`.

        `last` is what the record before `after.applied` is known by, empty where nobody says. Raises
        `StaleState`; then nothing is written.
        """
        moved = msgspec.structs.replace(after, epoch=after.epoch or _new_epoch())
        with transaction(self._db):
            found = self._found(partition)
            if (found.applied, found.epoch) != (before.applied, before.epoch):
                raise StaleState(f"partition {partition} of the document store is not at {before.applied} any more")
            write()
            self._db.execute(
                "INSERT INTO partitions VALUES (?, ?, ?, ?, ?) ON CONFLICT (number) DO UPDATE SET "
                "applied = excluded.applied, epoch = excluded.epoch, sources = excluded.sources, last = excluded.last",
                (partition, moved.applied, moved.epoch, _encode(moved.sources), last),
            )
        return moved

    # -- ids that were counted

    def known_ids(self, partition: int, channel: str, generation: int, ids: Iterable[str]) -> list[str]:
        """Which of `ids` this generation holds."""
        found = self._db.execute(
            "SELECT ids.id FROM json_each(?) AS asked JOIN ids ON ids.partition = ? AND ids.channel = ? "
            "AND ids.generation = ? AND ids.id = asked.value",
            (_encode(list(ids)).decode(), partition, channel, generation),
        )
        return [name for (name,) in found]

    def remember_ids(self, partition: int, ids: Mapping[tuple[str, int], Sequence[str]]) -> None:
        """Ids of a batch. Hashes of texts among them (`counting.text_key`) are the drift monitors' and left out."""
        self._db.executemany(
            "INSERT OR IGNORE INTO ids VALUES (?, ?, ?, ?)",
            (
                (partition, channel, generation, name)
                for (channel, generation), names in ids.items()
                for name in names
                if not name.startswith("t")
            ),
        )

    def forget_ids_before(self, partition: int, channel: str, generation: int) -> None:
        """Ids that no later document can ask for."""
        self._db.execute(
            "DELETE FROM ids WHERE partition = ? AND channel = ? AND generation < ?", (partition, channel, generation)
        )

    # -- what was forgotten

    def forget(self, kind: str, hashes: Iterable[str]) -> None:
        """Note documents (`id`) or writers (`author`) that are not to be stored again, by hash."""
        with transaction(self._db):
            self._db.executemany("INSERT OR IGNORE INTO forgotten VALUES (?, ?)", ((kind, one) for one in hashes))
        self._forgotten = (-1, frozenset())  # `data_version` tells of other connections only

    def noted(self) -> list[tuple[str, str]]:
        """All that is noted: kind and hash."""
        return list(self._db.execute("SELECT kind, hash FROM forgotten"))

    def forgotten(self) -> Callable[[Classified], bool]:
        """Whether a document was forgotten, by all that is noted now."""
        version = self._db.execute("PRAGMA data_version").fetchone()[0]
        if version != self._forgotten[0]:
            self._forgotten = version, frozenset(self.noted())
        noted = self._forgotten[1]
        if not noted:
            return lambda record: False
        return lambda record: ("id", text_hash(record.id)) in noted or ("author", record.author_hash) in noted


def about(db: sqlite3.Connection, name: str) -> int | str | None:
    """A fact of the store, out of its ledger."""
    found = db.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
    return found[0] if found else None


def _new_epoch() -> str:
    return uuid4().hex[:12]
