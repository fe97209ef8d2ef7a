"""When a row is due, and what time it is in a replay.

Examples:
    >>> pace = Pace(speed=60, clock=lambda: 100.0)
    >>> pace.wait_s(0), pace.wait_s(120_000)
    (0.0, 2.0)
    >>> clock = ArrivalClock(first_ms=1000, latest_ms=lambda: 5000)
    >>> [clock.see(ms) for ms in (2000, 1500, None, 9999, 3000)]
    [2000, 2000, 2000, 2000, 3000]
"""

import time
from collections.abc import Callable


def wall_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


class Pace:
    """Event time against the wall clock: `speed` event seconds pass in one second. None waits for nothing."""

    def __init__(self, speed: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._speed = speed
        self._clock = clock
        self._origin: tuple[float, int] | None = None

    def wait_s(self, event_ms: int) -> float:
        """Seconds until a moment is due; 0 where it has passed. The first moment asked for is due now."""
        if self._speed is None:
            return 0.0
        now = self._clock()
        if self._origin is None:
            self._origin = (now, event_ms)
        started, first_ms = self._origin
        return max(0.0, started + (event_ms - first_ms) / 1000 / self._speed - now)


class ArrivalClock:
    """The arrival time of each row: the largest date so far in the file.

    A date in the future (2099) does not move it: one such line would carry the watermark away, and every later document
    would count as late.
    """

    def __init__(self, first_ms: int, latest_ms: Callable[[], int]) -> None:
        self.largest_ms = first_ms
        self._latest_ms = latest_ms

    def see(self, published_ms: int | None) -> int:
        """The arrival time of a row with this date."""
        if published_ms is not None and published_ms > self.largest_ms and published_ms <= self._latest_ms():
            self.largest_ms = published_ms
        return self.largest_ms
