"""How far event time has come: the least newest arrival over all partitions that may still bring something older.

Only a caught-up partition is excepted, and slow is not caught up: everything up to the source's end offset, read after
the arrivals were, must be applied. Partitions in which a replay is open are never excepted, since a replay's arrivals
come from its file and the next one may be days before what another partition has already applied.

Examples:
    >>> busy = Progress(arrival_ms=100_000, fence=6, end_offset=9)
    >>> idle = Progress(arrival_ms=40_000, fence=2, end_offset=3)
    >>> watermark_ms([busy, idle], lateness_ms=30_000)
    70000
    >>> watermark_ms([idle, Progress(arrival_ms=90_000, fence=8, end_offset=9)], lateness_ms=30_000)
    60000
    >>> watermark_ms([busy, Progress(arrival_ms=None, fence=-1, end_offset=1)], lateness_ms=30_000) is None
    True
"""

from collections.abc import Iterable
from typing import NamedTuple


class Progress(NamedTuple):
    """One source partition: newest arrival applied, last source offset applied, source end offset read afterwards."""

    arrival_ms: int | None
    fence: int
    end_offset: int
    replaying: bool = False

    @property
    def caught_up(self) -> bool:
        """Whether everything in the source was applied and nothing older can be on its way."""
        return self.fence + 1 >= self.end_offset and not self.replaying


def watermark_ms(partitions: Iterable[Progress], lateness_ms: int) -> int | None:
    """The watermark, or None while some partition that is not caught up has applied nothing yet."""
    everyone = list(partitions)
    held = [p.arrival_ms for p in everyone if not p.caught_up]
    if held:
        arrivals = [a for a in held if a is not None]
        return min(arrivals) - lateness_ms if len(arrivals) == len(held) else None
    newest = [p.arrival_ms for p in everyone if p.arrival_ms is not None]
    return max(newest) - lateness_ms if newest else None
