"""CSV files, read line by line."""

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

from streamwatch.channels import MAX_VALUE_BYTES
from streamwatch.errors import ConfigError
from streamwatch.sources.columns import Columns
from streamwatch.sources.drafts import Draft, draft, merge, to_row
from streamwatch.sources.row import Row


def read_csv(file: BinaryIO, path: str, columns: Columns) -> Iterator[Row]:
    """The rows of a CSV file with a header. Raises `ConfigError` at once where a needed column is missing."""
    csv.field_size_limit(MAX_VALUE_BYTES)
    # Bytes that are no UTF-8 survive as surrogates, and are written as they were by `drafts.to_bytes`.
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    reader = csv.reader(text)
    header = next(reader, None)
    if not header:
        raise ConfigError(f"{path}: empty, not even a header")
    columns.check(header, path)
    return map(to_row, merge(_drafts(reader, header, path, columns)))


def _drafts(reader: Iterator[list[str]], header: list[str], path: str, columns: Columns) -> Iterator[Draft]:
    """Each line as a draft. A line that is too short has no value in its last columns."""
    try:
        for cells in reader:
            if cells:
                yield draft(columns.pick(dict(zip(header, cells, strict=False))))
    except csv.Error as error:
        raise ConfigError(f"{path}: {error}") from error
