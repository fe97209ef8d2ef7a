"""What must never be learned from again: hashes of documents and writers who asked to be forgotten.

`classified` keeps a document for its retention, and an answer file that somebody exported may hold it for longer. So beside
the replay store lies a list of what was forgotten, when and by whom, without text, name or id; every retraining leaves out
what is on it.

Examples:
    >>> import tempfile
    >>> from streamwatch.retraining.known import id_hash
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     note(Path(folder), Forgotten("document", id_hash("a"), "2026-01-05T08:00:00Z", "ana"))
    ...     gone = is_forgotten(Path(folder))
    ...     gone(id_hash("a"), ""), gone(id_hash("b"), "")
    (True, False)
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from streamwatch.errors import ConfigError
from streamwatch.models.pointer import locked

FORGOTTEN_FILE = "forgotten.jsonl"


class Forgotten(msgspec.Struct, frozen=True):
    """A document (`hash` is of its id, as draws have it) or a writer (as records have it), since when, and who did it."""

    what: Literal["document", "author"]
    hash: str
    at: str
    by: str


def read_forgotten(folder: Path) -> list[Forgotten]:
    """All that was forgotten, in order. Raises `ConfigError` on a line that cannot be read: nobody may slip back in."""
    path = folder / FORGOTTEN_FILE
    if not path.is_file():
        return []
    made = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            made.append(msgspec.json.decode(line, type=Forgotten))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{path}, line {number}: {error}: take the line out, and forget again what it named"
            ) from error
    return made


def is_forgotten(folder: Path | None) -> Callable[[str, str], bool]:
    """Whether a document with these hashes, of its id and of its author, must not be used."""
    known = read_forgotten(folder) if folder is not None else []
    documents = {one.hash for one in known if one.what == "document"}
    authors = {one.hash for one in known if one.what == "author"}
    return lambda document, author: document in documents or (bool(author) and author in authors)


def note(folder: Path, *forgotten: Forgotten) -> None:
    """Add to the list what is not on it; on disk when this returns. Raises `ConfigError` where it cannot be written."""
    try:
        with locked(folder):
            known = {(one.what, one.hash) for one in read_forgotten(folder)}
            new = [one for one in forgotten if (one.what, one.hash) not in known]
            with (folder / FORGOTTEN_FILE).open("ab") as file:
                file.write(b"".join(msgspec.json.encode(one) + b"\n" for one in new))
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        raise ConfigError(f"{folder}: the list of what was forgotten cannot be written ({error.strerror})") from error
