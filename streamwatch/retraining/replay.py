"""The replay store: what was learned before, kept small, so that it can be learned again beside what is new.

One Parquet file beside the registry, `replay/replay.parquet`. A row for each document that was learned; those that the
reservoir keeps have their text, of the others only hash, class and month remain, so that "a tenth of what was seen" counts each
document once however often a run is repeated. Texts are redacted, as everywhere; a document older than the retention goes.

Examples:
    >>> old = KnownText(id="a", text="oil falls", published_ms=0, origin="answers", topic="energy and oil")
    >>> store = remembered(Store(), [old] * 3, since_ms=0)
    >>> store.n_seen, len(store.texts)  # a tenth of one is none
    (1, 0)
"""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from streamwatch.errors import ConfigError
from streamwatch.models.pointer import locked
from streamwatch.retraining.known import KnownText, id_hash
from streamwatch.retraining.reservoir import drawn, room

REPLAY_FILE = "replay.parquet"
INSTALL = "the replay store needs pyarrow: pip install streamwatch[retrain]"


class Seen(msgspec.Struct, frozen=True):
    """What stays of a document that was learned: enough to count it once, and to let it grow too old."""

    label: str
    published_ms: int
    author_hash: str = ""

    @property
    def stratum(self) -> str:
        """Class and month."""
        return f"{self.label}/{KnownText(id='', text='', published_ms=self.published_ms, origin='replay').month}"


class Store(msgspec.Struct, frozen=True):
    """All that was learned, by the hash of its id, and the texts of those that are kept."""

    seen: dict[str, Seen] = {}
    texts: dict[str, KnownText] = {}

    @property
    def n_seen(self) -> int:
        """How many different documents were learned."""
        return len(self.seen)


def remembered(store: Store, learned: Iterable[KnownText], since_ms: int) -> Store:
    """`store` with what was learned now, nothing in it published before `since_ms`. Doing it twice changes nothing."""
    new = {id_hash(text.id): text for text in learned if text.is_labelled}
    seen = store.seen | {h: Seen(text.label, text.published_ms, text.author_hash) for h, text in new.items()}
    seen = {h: one for h, one in seen.items() if one.published_ms >= since_ms}
    strata: dict[str, list[str]] = {}
    texts = store.texts | {h: msgspec.structs.replace(text, origin="replay", weight=1.0) for h, text in new.items()}
    for h in texts.keys() & seen.keys():
        strata.setdefault(seen[h].stratum, []).append(h)
    kept = drawn(strata, room(len(seen)))
    return Store(dict(sorted(seen.items())), {h: texts[h] for h in sorted(kept)})


def without(store: Store, is_gone: Callable[[str, str], bool]) -> Store:
    """`store` without the documents of which `is_gone(hash of the id, hash of the author)` is true."""
    seen = {h: one for h, one in store.seen.items() if not is_gone(h, one.author_hash)}
    return Store(seen, {h: text for h, text in store.texts.items() if h in seen})


def read_replay(folder: Path) -> Store:
    """The store in `folder`; an empty one where there is none. Raises `ConfigError` on a file that is no replay store."""
    path = folder / REPLAY_FILE
    if not path.is_file():
        return Store()
    pyarrow, parquet = _pyarrow()
    try:
        rows = parquet.read_table(path, columns=list(_schema(pyarrow).names)).to_pylist()
    except (OSError, pyarrow.ArrowException) as error:
        raise ConfigError(f"{path} is no replay store ({error}): restore it, or move it away and begin anew") from error
    seen = {row["hash"]: Seen(row["label"], row["published_ms"], row["author_hash"]) for row in rows}
    return Store(seen, {row["hash"]: _text(row) for row in rows if row["text"] is not None})


def change_replay(folder: Path, change: Callable[[Store], Store]) -> Store:
    """Read the store, change it, write it whole; nobody else changes it meanwhile. Gives what is there now.

    Raises `ConfigError` when it cannot be written: then it is as it was.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            before = read_replay(folder)
            after = change(before)
            if after != before:
                _write(folder, after)
            return after
    except OSError as error:
        raise ConfigError(f"{folder}: the replay store cannot be written ({error.strerror or error})") from error


def _write(folder: Path, store: Store) -> None:
    pyarrow, parquet = _pyarrow()
    table = pyarrow.Table.from_pylist([_row(h, store) for h in store.seen], schema=_schema(pyarrow))
    new = folder / f".{REPLAY_FILE}.new"
    try:
        with new.open("wb") as file:
            parquet.write_table(table, file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        new.replace(folder / REPLAY_FILE)
    finally:
        new.unlink(missing_ok=True)


def _row(h: str, store: Store) -> dict[str, Any]:
    seen, text = store.seen[h], store.texts.get(h)
    known = {name: getattr(text, name) if text else None for name in _OF_TEXTS}
    return {
        "hash": h, "label": seen.label, "published_ms": seen.published_ms, "author_hash": seen.author_hash, **known
    }  # fmt: skip


_OF_TEXTS = ("id", "text", "source", "topic", "sentiment", "reading", "uniform")


def _text(row: Mapping[str, Any]) -> KnownText:
    known = {name: row[name] for name in _OF_TEXTS}
    return KnownText(published_ms=row["published_ms"], author_hash=row["author_hash"], origin="replay", **known)


def _schema(pyarrow: Any) -> Any:
    text, optional = pyarrow.string(), [(name, pyarrow.string()) for name in _OF_TEXTS if name != "uniform"]
    return pyarrow.schema(
        [("hash", text), ("label", text), ("published_ms", pyarrow.int64()), ("author_hash", text), *optional,
         ("uniform", pyarrow.bool_())]
    )  # fmt: skip


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ConfigError(INSTALL) from None
    return pyarrow, parquet
