"""The four widths in which windows are kept: 10 s, minute, hour and day, each for a time of its own.

A document counts in every level whose retention reaches back to it, in the same script call. So a level is never made
from another one later, and each equals the sum of the finer one wherever that is still kept.

Examples:
    >>> [level.name for level in LEVELS]
    ['fine', 'minute', 'hour', 'day']
    >>> coarsest_dividing(90 * MINUTE_MS).name, coarsest_dividing(7 * DAY_MS).name, coarsest_dividing(30_000).name
    ('minute', 'day', 'fine')
    >>> MINUTE.block_and_index(1424620860000)            # the minute that begins 2015-02-22T16:01:00Z
    (65954, 241)
"""

from typing import NamedTuple

from streamwatch.config import BUCKET_MS, Settings
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS


class Level(NamedTuple):
    """One width. `code` names it in Redis keys; a Redis hash holds the buckets of one `block_ms`.

    Blocks divide a day, so that retention can go by days, and hold at most 360 buckets: Redis keeps a hash of up to 512
    small fields as one packed string, at a tenth of the memory of a table.
    """

    name: str
    code: str
    width_ms: int
    block_ms: int

    def start_of(self, ms: int) -> int:
        """The start of the bucket that holds `ms`."""
        return ms - ms % self.width_ms

    def block_and_index(self, bucket_ms: int) -> tuple[int, int]:
        """The block (number since 1970) that holds a bucket, and the bucket's place in it."""
        return bucket_ms // self.block_ms, bucket_ms % self.block_ms // self.width_ms

    def bucket_of(self, block: int, index: int) -> int:
        """The start of a bucket: the inverse of `block_and_index`."""
        return block * self.block_ms + index * self.width_ms

    def blocks_of(self, day: int) -> range:
        """The blocks of one day (days since 1970)."""
        each = DAY_MS // self.block_ms
        return range(day * each, (day + 1) * each)

    def buckets_of(self, day: int) -> range:
        """The starts of the buckets of one day."""
        return range(day * DAY_MS, (day + 1) * DAY_MS, self.width_ms)


FINE = Level("fine", "f", BUCKET_MS, HOUR_MS)
MINUTE = Level("minute", "m", MINUTE_MS, 6 * HOUR_MS)
HOUR = Level("hour", "h", HOUR_MS, DAY_MS)
DAY = Level("day", "d", DAY_MS, DAY_MS)
LEVELS = (FINE, MINUTE, HOUR, DAY)
REGISTERED = (HOUR, DAY)
"""Levels whose distinct counts are kept in HyperLogLogs; minutes have small sketches, 10 s buckets none."""


def retentions_ms(settings: Settings) -> tuple[int, ...]:
    """How long each level is kept behind the watermark, in the order of `LEVELS`; they never shrink."""
    days = (
        settings.fine_retention_days, settings.minute_retention_days,
        settings.hour_retention_days, settings.day_retention_days,
    )  # fmt: skip
    return tuple(n * DAY_MS for n in days)


def coarsest_dividing(*widths_ms: int) -> Level:
    """The coarsest level whose buckets make up all of `widths_ms`, which are multiples of 10 s. It is also the one that
    reaches back furthest."""
    return next(level for level in reversed(LEVELS) if not any(width % level.width_ms for width in widths_ms))
