"""Event time: integer milliseconds, UTC, and the buckets that cut it.

Examples:
    >>> parse_rfc3339("2015-02-22T16:00:00Z")
    1424620800000
    >>> format_rfc3339(1424620800000)
    '2015-02-22T16:00:00Z'
    >>> bucket_start(1424620807123, 10_000)
    1424620800000
"""

from datetime import UTC, datetime

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(instant: datetime) -> int:
    """Milliseconds since 1970 of an aware datetime, exactly (no float in between)."""
    if instant.tzinfo is None:
        raise ValueError("a time without a zone is no instant")
    since = instant - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def from_ms(ms: int) -> datetime:
    """An aware UTC datetime."""
    return datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)


def parse_rfc3339(text: str) -> int:
    """RFC 3339 text to milliseconds. A text without a zone is read as UTC. Raises `ValueError`."""
    instant = datetime.fromisoformat(text.strip())
    return to_ms(instant if instant.tzinfo else instant.replace(tzinfo=UTC))


def format_rfc3339(ms: int) -> str:
    """Milliseconds to RFC 3339 UTC text; whole seconds have no fraction."""
    timespec = "milliseconds" if ms % 1000 else "seconds"
    return from_ms(ms).isoformat(timespec=timespec).replace("+00:00", "Z")


def bucket_start(ms: int, width_ms: int) -> int:
    """The start of the bucket that holds `ms`."""
    return ms - ms % width_ms
