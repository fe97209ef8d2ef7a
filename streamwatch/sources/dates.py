"""Dates as files write them.

Examples:
    >>> parse_date("2015-02-22T16:00:00Z") == parse_date("1424620800") == parse_date(1424620800000)
    True
    >>> parse_date("2020-01-01")
    1577836800000
    >>> parse_date("last Tuesday") is None
    True
"""

import math
import re
from typing import Any

from streamwatch.timeline import parse_rfc3339

_EPOCH = re.compile(r"-?\d{9,}(?:\.\d+)?")
"""Nine digits or more: fewer would be before 1973, and eight are a date (20200101)."""

MILLISECONDS_FROM = 100_000_000_000
"""A number from here on counts milliseconds: as seconds it would lie in the year 5138, as milliseconds in 1973."""


def parse_date(value: Any) -> int | None:
    """Milliseconds since 1970 of an RFC 3339 time, a day (its midnight, UTC) or an epoch in seconds or milliseconds.

    A time without a zone is read as UTC. None where the value is no date.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _epoch(value)
    if not isinstance(value, str):
        return None
    text = value.strip()
    if _EPOCH.fullmatch(text):
        return _epoch(float(text) if "." in text else int(text))
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError):
        return None


def _epoch(number: float) -> int | None:
    if not math.isfinite(number):
        return None
    ms = int(number) if abs(number) >= MILLISECONDS_FROM else round(number * 1000)
    return ms if abs(ms) < LAST_MS else None


LAST_MS = 253_402_300_800_000
"""The end of the year 9999, the last that RFC 3339 can write."""
