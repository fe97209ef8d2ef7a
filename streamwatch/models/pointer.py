"""The pointer of a registry: which model serves, replaced in one step, every change written into a history.

    current.json       the pointer: a reader sees the old one or the new one, never half of one
    history.jsonl      every pointer that there was, oldest first
    .lock              held while the pointer is changed, by one process at a time

Examples:
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     registry = Path(folder)
    ...     with locked(registry):
    ...         replace(registry, Pointer("1f0c7de2a94b6310", "2026-01-05T08:00:00Z", previous=("shipped",)))
    ...     read_current(registry).model, len(read_history(registry))
    ('1f0c7de2a94b6310', 1)
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from streamwatch.errors import ConfigError, ModelError

POINTER_FILE = "current.json"
HISTORY_FILE = "history.jsonl"
LOCK_FILE = ".lock"


Gate = Literal["", "passed", "failed", "missing"]
"""What the gate said of a model when it was promoted; empty for the shipped one and where a model came back."""


class Pointer(msgspec.Struct, frozen=True):
    """Which model serves, since when, how it came to that, and what served before, the newest last.

    `forced` is the reason that somebody gave for promoting it past a gate that failed or is missing; `by` and `reason` are who
    moved the pointer and why, where that was said.
    """

    model: str
    promoted_at: str
    action: Literal["promote", "roll_back"] = "promote"
    previous: tuple[str, ...] = ()
    gate: Gate = ""
    forced: str = ""
    by: str = ""
    reason: str = ""


def read_current(registry: Path) -> Pointer | None:
    """The pointer, or None where nothing was ever promoted. Raises `ModelError` when it cannot be read."""
    path = registry / POINTER_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Pointer)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} cannot be read ({error}): restore it from the last line of {HISTORY_FILE}") from error


def replace(registry: Path, new: Pointer) -> None:
    """Replace the pointer in one step, then write it into the history. Call it while the lock is held.

    The history is what people read; the pointer is what counts. A crash between the two is made good at the next change.
    Raises `ConfigError` when nothing can be written: then what served before serves on.
    """
    try:
        _replace(registry, new)
    except OSError as error:
        raise ConfigError(f"{registry}: cannot be written ({error.strerror}): make room, and do it again") from error


def _replace(registry: Path, new: Pointer) -> None:
    old, history = read_current(registry), read_history(registry)
    if old and old not in history[-1:]:
        _append(registry / HISTORY_FILE, old)
    write_whole(registry / POINTER_FILE, msgspec.json.encode(new) + b"\n")
    sync(registry)
    _append(registry / HISTORY_FILE, new)


def read_history(registry: Path) -> list[Pointer]:
    """Every pointer that there was, oldest first; a line that a crash cut short is passed over."""
    path = registry / HISTORY_FILE
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [pointer for pointer in map(_decoded, lines) if pointer]


@contextmanager
def locked(registry: Path) -> Iterator[None]:
    """One change of the pointer at a time, over all processes; a lock goes with the process that holds it."""
    try:
        registry.mkdir(parents=True, exist_ok=True)
        file = (registry / LOCK_FILE).open("wb")
    except OSError as error:
        raise ConfigError(f"{registry}: cannot be written ({error.strerror})") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def sync(path: Path) -> None:
    """Have the system write a file or folder to the disk: a pointer that survives a power cut names files that do, too."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file in one step, its new content on the disk first. Raises `OSError` with nothing half left."""
    new = path.with_name(f".{path.name}.new")
    try:
        new.write_bytes(content)
        sync(new)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _append(path: Path, pointer: Pointer) -> None:
    """One line more; behind one that was cut short it begins anew."""
    whole = not path.exists() or not path.stat().st_size or path.read_bytes()[-1:] == b"\n"
    with path.open("ab") as file:
        file.write((b"" if whole else b"\n") + msgspec.json.encode(pointer) + b"\n")
    sync(path)


def _decoded(line: bytes) -> Pointer | None:
    try:
        return msgspec.json.decode(line, type=Pointer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
