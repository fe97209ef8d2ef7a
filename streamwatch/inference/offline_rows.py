"""Rows to classify out of a file: JSON lines or CSV, plain or gzipped, or JSON lines from standard input.

Like the readers of `streamwatch.sources`, with the same ids for rows that have none, but a row needs only a text: no
date, and each line stays a line of its own.
"""

import csv
import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from streamwatch.errors import ConfigError
from streamwatch.sources.columns import Columns
from streamwatch.sources.drafts import to_row
from streamwatch.sources.jsonl_file import read_jsonl
from streamwatch.sources.row import Row

STDIN = "-"
DAMAGED = (OSError, EOFError, zlib.error, csv.Error)
Reader = Callable[[BinaryIO, str, Columns], Iterator[Row]]


class OpenRows:
    """The rows of a file, and how much of it is read.

    Raises `ConfigError` when the file cannot be opened, is of another kind, or turns out to be damaged.
    """

    def __init__(self, path: str, columns: Columns) -> None:
        self._path = path
        self._columns = columns
        self._reader = _reader(path)
        self._raw = _open(path)
        self.size = 0 if path == STDIN else Path(path).stat().st_size

    def __iter__(self) -> Iterator[Row]:
        unpacked = cast(BinaryIO, gzip.GzipFile(fileobj=self._raw)) if self._path.endswith(".gz") else self._raw
        try:
            with self._raw, unpacked:
                yield from self._reader(unpacked, self._path, self._columns)
        except DAMAGED as error:
            raise ConfigError(f"{self._path}: {error}") from error

    @property
    def position(self) -> int:
        """Bytes of the file that were read, packed ones where it is packed."""
        return self._raw.tell() if self.size and not self._raw.closed else 0


def _open(path: str) -> BinaryIO:
    if path == STDIN:
        return sys.stdin.buffer
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error


def _reader(path: str) -> Reader:
    if path == STDIN:
        return _read_json_lines
    kind = Path(path.removesuffix(".gz")).suffix.lower()
    readers: dict[str, Reader] = {".jsonl": _read_json_lines, ".ndjson": _read_json_lines, ".csv": _read_csv}
    if kind not in readers:
        raise ConfigError(f"{path}: expected a file named .jsonl, .ndjson or .csv, or one of these with .gz")
    return readers[kind]


def _read_json_lines(file: BinaryIO, path: str, columns: Columns) -> Iterator[Row]:
    rows = read_jsonl(file, path, Columns({}))
    return (_renamed(row, columns) for row in rows) if columns.named else rows


def _renamed(row: Row, columns: Columns) -> Row:
    """The row with its fields named as a document's; what is no object stays as it is."""
    try:
        found = msgspec.json.decode(row.value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return row
    return to_row(columns.pick(found)) if isinstance(found, dict) else row


def _read_csv(file: BinaryIO, path: str, columns: Columns) -> Iterator[Row]:
    reader = csv.DictReader(io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline=""))
    names = reader.fieldnames or []
    for field in {"text", *columns.named}:
        if columns.of(field) not in names:
            raise ConfigError(
                f"{path}: no column {columns.of(field)} (--column {field}=NAME); columns are {', '.join(names)}"
            )
    for cells in reader:
        yield to_row(columns.pick(cells))
