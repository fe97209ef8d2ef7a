"""Files of documents, by their names: `.csv`, `.jsonl` (or `.ndjson`), each also as `.gz`."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from streamwatch.errors import ConfigError
from streamwatch.sources.columns import Columns
from streamwatch.sources.csv_file import read_csv
from streamwatch.sources.jsonl_file import named_channels, read_jsonl
from streamwatch.sources.row import Row

JSON_LINES = (".jsonl", ".ndjson")


def read_rows(path: Path, columns: Columns | None = None) -> Iterator[Row]:
    """The rows of a file, one at a time. Raises `ConfigError`, for what can be seen from the file's start at once."""
    columns = columns or Columns({})
    read = {".csv": read_csv} | dict.fromkeys(JSON_LINES, read_jsonl)
    kind = _kind(path)
    if kind not in read:
        raise ConfigError(f"{path}: expected a file named .csv, .jsonl or .ndjson, or one of these with .gz")
    file = _open(path)
    try:
        return _closing(file, path, read[kind](file, str(path), columns))
    except DAMAGED as error:
        raise ConfigError(f"{path}: {error}") from error


def channels_named_in(path: Path) -> set[str]:
    """The source channels that the lines of a file name themselves (JSON lines only)."""
    if _kind(path) not in JSON_LINES:
        return set()
    with _open(path) as file:
        try:
            return named_channels(file)
        except DAMAGED as error:
            raise ConfigError(f"{path}: {error}") from error


DAMAGED = (OSError, EOFError, zlib.error)
"""What reading raises on a damaged or vanished file."""


def _kind(path: Path) -> str:
    """`.csv` of `day.csv.gz`."""
    return Path(path.name.removesuffix(".gz")).suffix.lower()


def _open(path: Path) -> BinaryIO:
    try:
        opened: Any = gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # noqa: SIM115 - the caller closes it
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    return cast(BinaryIO, opened)


def _closing(file: BinaryIO, path: Path, rows: Iterator[Row]) -> Iterator[Row]:
    with file:
        try:
            yield from rows
        except DAMAGED as error:
            raise ConfigError(f"{path}: {error}") from error
