"""Times and steps as a request gives them: RFC 3339 or whole milliseconds, `5m` or whole milliseconds.

Examples:
    >>> moment_of("2015-02-22T16:00:00Z"), moment_of("1424620800000"), moment_of(1424620800000)
    (1424620800000, 1424620800000, 1424620800000)
    >>> step_of("5m"), step_of("86400000"), step_of("1d")
    (300000, 86400000, 86400000)
    >>> step_of("7s")
    Traceback (most recent call last):
      ...
    ValueError: '7s' is no step: a multiple of 10s, such as 10s, 5m, 1h or 1d, or as many milliseconds
    >>> said(300_000), said(21_600_000), said(90_000)
    ('5 min', '6 h', '90 s')
"""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from streamwatch.config import BUCKET_MS
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, parse_rfc3339

LAST_MS = 253_402_300_799_999
"""The end of the year 9999: later ones cannot be written in RFC 3339."""
LONGEST_STEP_MS = 400 * DAY_MS
"""As long as the windows of days are kept."""
UNITS_MS = {"s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_NAMES = (("d", DAY_MS), ("h", HOUR_MS), ("min", MINUTE_MS), ("s", SECOND_MS))
_STEP = re.compile(r"(\d{1,15})([smhd]?)", re.ASCII)
_MS = re.compile(r"\d{1,15}", re.ASCII)


def moment_of(given: Any) -> int:
    """Milliseconds since 1970. Raises `ValueError`."""
    text = str(given).strip()
    try:
        ms = int(text) if _MS.fullmatch(text) else parse_rfc3339(text.replace(" ", "+"))  # `+` is a space in a query
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"{text[:40]!r} is no time such as 2015-02-22T16:00:00Z, nor milliseconds since 1970"
        ) from error
    if not 0 <= ms <= LAST_MS:
        raise ValueError(f"{text[:40]!r} lies outside of the years 1970 to 9999")
    return ms


def step_of(given: Any) -> int:
    """Milliseconds; a number without a unit is milliseconds already. Raises `ValueError`."""
    match = _STEP.fullmatch(str(given).strip())
    step_ms = int(match[1]) * UNITS_MS.get(match[2], 1) if match else 0
    if not step_ms or step_ms % BUCKET_MS:
        raise ValueError(
            f"{str(given)[:40]!r} is no step: a multiple of 10s, such as 10s, 5m, 1h or 1d, or as many milliseconds"
        )
    if step_ms > LONGEST_STEP_MS:
        raise ValueError(f"{str(given)[:40]!r} is longer than {LONGEST_STEP_MS // DAY_MS} days")
    return step_ms


def said(ms: int) -> str:
    """A length of time for people, in the largest unit that is whole."""
    unit, each = next((unit, each) for unit, each in _NAMES if (ms % each == 0 and ms >= each) or each == SECOND_MS)
    return f"{ms // each} {unit}"


_MOMENT_SCHEMA = {
    "anyOf": [{"type": "string", "format": "date-time"}, {"type": "integer", "minimum": 0, "maximum": LAST_MS}]
}
_STEP_SCHEMA = {"type": "string", "pattern": "^[1-9][0-9]{0,5}0s$|^[1-9][0-9]{0,3}m$|^[1-9][0-9]{0,2}h$|^[1-9][0-9]?d$"}

Moment = Annotated[int, BeforeValidator(moment_of), WithJsonSchema(_MOMENT_SCHEMA)]
"""A time of a request, in milliseconds."""
Step = Annotated[int, BeforeValidator(step_of), WithJsonSchema(_STEP_SCHEMA)]
"""A step of a request, in milliseconds."""
