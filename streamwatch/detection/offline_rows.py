"""The rows of a CSV file for `streamwatch detect`: a time and one count, or a time and two.

Every row of the file gives one `Row`, in the order of the file. What is empty or NaN is a measurement that is missing; what
cannot be a count is an error that names its line.

Examples:
    >>> [parse_time(text) for text in ("2015-02-22 16:00:00", "2015-02-22T17:00:00+01:00", "1424620800", "1424620800000")]
    [1424620800000, 1424620800000, 1424620800000, 1424620800000]
"""

import csv
import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import pairwise
from math import isfinite, isnan
from pathlib import Path
from statistics import median
from typing import BinaryIO, NamedTuple, cast

from streamwatch.errors import ConfigError
from streamwatch.timeline import HOUR_MS, parse_rfc3339

TIME = "timestamp"
LARGEST = 1e12
"""More is no count; squares of it are still far from the end of floats."""
LARGEST_EPOCH_S = 1e11
"""A number above this is milliseconds: as seconds it would be the year 5138."""
LATEST_MS = 253_402_300_799_999
"""The end of the year 9999."""


class Row(NamedTuple):
    """A row of the file: its line, its time as it stood there, and its counts, None when one is missing."""

    line: int
    text: str
    at_ms: int
    counts: tuple[float, ...] | None


def read_rows(path: str, columns: Sequence[str]) -> list[Row]:
    """All rows. Raises `ConfigError` with the line that is wrong, or for a file that is not there or not CSV."""
    with _opened(path) as file:
        reader = csv.DictReader(file)
        missing = [name for name in (TIME, *columns) if name not in (reader.fieldnames or ())]
        if missing:
            there = ", ".join(reader.fieldnames or ()) or "none"
            raise ConfigError(f"{path}: no column {', '.join(missing)}; columns are {there}")
        return list(_rows(path, reader, columns))


def spacing_ms(rows: Sequence[Row]) -> int:
    """The usual distance of rows: the median difference of their times; an hour where there are not two times."""
    times = sorted({row.at_ms for row in rows})
    steps = [later - earlier for earlier, later in pairwise(times)]
    return max(1000, round(median(steps))) if steps else HOUR_MS


def parse_time(text: str) -> int:
    """Milliseconds of an RFC 3339 time (UTC where it names no zone), or of seconds or milliseconds since 1970.

    Raises `ValueError`.
    """
    try:
        number = float(text)
    except ValueError:
        return parse_rfc3339(text)
    if not isfinite(number):
        raise ValueError(text)
    ms = round(number * 1000) if abs(number) < LARGEST_EPOCH_S else round(number)
    if not 0 <= ms <= LATEST_MS:
        raise ValueError(text)
    return ms


def _rows(path: str, reader: "csv.DictReader[str]", columns: Sequence[str]) -> Iterator[Row]:
    try:
        for fields in reader:
            yield _row(f"{path}: line {reader.line_num}", reader.line_num, fields, columns)
    except (csv.Error, UnicodeDecodeError, EOFError, OSError) as error:
        raise ConfigError(f"{path}: line {reader.line_num + 1}: cannot be read as CSV in UTF-8 ({error})") from error


def _row(where: str, line: int, fields: dict[str, str], columns: Sequence[str]) -> Row:
    text = fields[TIME] or ""
    try:
        at_ms = parse_time(text)
    except (ValueError, OverflowError):
        raise ConfigError(f"{where}: {text[:40]!r} is no time such as 2015-02-22 16:00:00 or 1424620800") from None
    counts = [_count(where, name, fields[name]) for name in columns]
    there = [count for count in counts if count is not None]
    if len(there) == 2 and there[1] > there[0]:
        raise ConfigError(f"{where}: {columns[1]} is {there[1]:g}, more than {columns[0]} ({there[0]:g})")
    return Row(line, text, at_ms, tuple(there) if len(there) == len(counts) else None)


def _count(where: str, name: str, text: str | None) -> float | None:
    """The number, None when it is missing."""
    if not (text or "").strip():
        return None
    try:
        number = float(text or "")
    except ValueError:
        raise ConfigError(f"{where}: {name} is {(text or '')[:40]!r}, no number") from None
    if isnan(number):
        return None
    if not 0 <= number <= LARGEST:
        raise ConfigError(f"{where}: {name} is {number:g}, no count (0 to {LARGEST:g})")
    return number


@contextmanager
def _opened(path: str) -> Iterator[TextIOWrapper]:
    """A text file, gunzipped where its name ends in .gz."""
    try:
        with (
            gzip.open(path, "rb") if path.endswith(".gz") else Path(path).open("rb") as raw,
            TextIOWrapper(cast(BinaryIO, raw), encoding="utf-8-sig", newline="") as file,
        ):
            yield file
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
