"""Labelled texts out of a file: CSV with a header or JSON lines, plain or gzipped, read row by row.

Examples:
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.csv")
    ...     _ = path.write_text("text,label\\nprofit falls,negative\\n")
    ...     list(LabelledFile(str(path), "text", "label"))
    [LabelledText(row=1, text='profit falls', label='negative', group='')]
"""

import csv
import gzip
import io
import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import msgspec

from streamwatch.channels import MAX_VALUE_BYTES
from streamwatch.errors import ConfigError
from streamwatch.inference.offline_rows import DAMAGED

JSON_LINES = (".jsonl", ".ndjson")


class LabelledText(NamedTuple):
    """One row of the file, numbered from 1, the header not counted. `group` is what figures are broken down by."""

    row: int
    text: str
    label: str
    group: str = ""


class LabelledFile:
    """The rows of a labelled file, and how much of it is read.

    Args:
        path: ends in .csv, .jsonl or .ndjson, or one of these and .gz.
        group_column: a further column to keep; empty for none.

    Raises:
        ConfigError: one line, with the row where there is one: no such file, another kind, damaged, a missing column or cell.
    """

    def __init__(self, path: str, text_column: str, label_column: str, group_column: str = "") -> None:
        self._path = path
        self._columns = (text_column, label_column, *([group_column] if group_column else []))
        self._kind = Path(path.removesuffix(".gz")).suffix.lower()
        if self._kind not in {".csv", *JSON_LINES}:
            raise ConfigError(f"{path}: expected a file named .csv, .jsonl or .ndjson, or one of these with .gz")
        self._raw = _open(path)
        self.size = Path(path).stat().st_size

    @property
    def position(self) -> int:
        """Bytes of the file that were read, packed ones where it is packed."""
        return self.size if self._raw.closed else self._raw.tell()

    def __iter__(self) -> Iterator[LabelledText]:
        unpacked = cast(BinaryIO, gzip.GzipFile(fileobj=self._raw)) if self._path.endswith(".gz") else self._raw
        try:
            with self._raw, unpacked:
                found = self._json_rows(unpacked) if self._kind in JSON_LINES else self._csv_rows(unpacked)
                yield from itertools.starmap(self._labelled, enumerate(found, 1))
        except DAMAGED as error:
            raise ConfigError(f"{self._path}: {error}") from error

    def _csv_rows(self, file: BinaryIO) -> Iterator[Mapping[str, Any]]:
        csv.field_size_limit(MAX_VALUE_BYTES)
        # Bytes that are no UTF-8 survive as surrogates: their text fails alone, and the file does not.
        reader = csv.DictReader(io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline=""))
        if not reader.fieldnames:
            raise ConfigError(f"{self._path}: empty, not even a header")
        self._check(reader.fieldnames)
        return iter(reader)

    def _json_rows(self, file: BinaryIO) -> Iterator[Mapping[str, Any]]:
        lines = enumerate((line for line in file if line.strip()), 1)
        rows = (_object(line, f"{self._path}: row {row}") for row, line in lines)
        first = next(rows, None)
        if first is None:
            raise ConfigError(f"{self._path}: empty")
        self._check(first)
        return itertools.chain([first], rows)

    def _check(self, names: Iterable[str]) -> None:
        for column in self._columns:
            if column not in names:
                raise ConfigError(f"{self._path}: no column {column}; columns are {', '.join(names)}")

    def _labelled(self, row: int, cells: Mapping[str, Any]) -> LabelledText:
        found = [cells.get(column) for column in self._columns]
        if None in found:
            raise ConfigError(f"{self._path}: row {row} has no {self._columns[found.index(None)]}")
        text, label, *group = found
        if not isinstance(text, str):
            raise ConfigError(f"{self._path}: row {row}: the text is {type(text).__name__}, expected a string")
        return LabelledText(row, text, str(label), *map(str, group))


def _open(path: str) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error


def _object(line: bytes, place: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{place}: no JSON ({error})") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{place}: a line is {type(found).__name__}, expected an object")
    return found
