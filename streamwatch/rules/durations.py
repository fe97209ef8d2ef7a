"""Durations as people write them: a whole number and one unit.

Examples:
    >>> parse_duration("30m"), parse_duration("2h"), parse_duration("0s")
    (1800000, 7200000, 0)
    >>> format_duration(1_800_000), format_duration(90_000), format_duration(0), format_duration(1500)
    ('30m', '90s', '0s', '1500ms')
    >>> parse_duration("1.5h")
    Traceback (most recent call last):
      ...
    ValueError: '1.5h' is no duration such as 45s, 30m, 2h or 1d
"""

import re

from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

UNITS_MS = {"d": DAY_MS, "h": HOUR_MS, "m": MINUTE_MS, "s": SECOND_MS, "ms": 1}
LONGEST_MS = 366 * DAY_MS
"""A year: what is longer is a slip of the pen."""


def parse_duration(text: str) -> int:
    """Milliseconds. Raises `ValueError` with one line for people."""
    match = re.fullmatch(r"([0-9]{1,15})(ms|[smhd])", text)
    if not match:
        raise ValueError(f"{text!r} is no duration such as 45s, 30m, 2h or 1d")
    duration_ms = int(match[1]) * UNITS_MS[match[2]]
    if duration_ms > LONGEST_MS:
        raise ValueError(f"{text!r} is longer than 366d")
    return duration_ms


def format_duration(duration_ms: int) -> str:
    """The shortest exact text."""
    if not duration_ms:
        return "0s"
    unit = next(name for name, size_ms in UNITS_MS.items() if duration_ms % size_ms == 0)
    return f"{duration_ms // UNITS_MS[unit]}{unit}"
