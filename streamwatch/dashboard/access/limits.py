"""How often somebody may ask: a token bucket for each key, session or address.

A bucket holds as many tokens as a minute allows and is filled evenly; each request takes one. Buckets are of one process:
with two dashboards somebody may ask twice as often.

Examples:
    >>> limit = Limit(per_minute=2)
    >>> [limit.take("ana", now_ms=0) for _ in range(3)]
    [0.0, 0.0, 30.0]
    >>> limit.take("ben", now_ms=0), limit.take("ana", now_ms=30_000)
    (0.0, 0.0)
"""

from collections import OrderedDict

from streamwatch.timeline import MINUTE_MS

MAX_BUCKETS = 10_000
"""Buckets that are remembered, some 2 MB. The one that was used longest ago goes first: it is full again, or somebody has
10,000 addresses, and no limit by address stops those."""


class Limit:
    """A token bucket for each name."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, name: str, now_ms: int) -> float:
        """Take one token: 0, or how many seconds to wait until there is one."""
        tokens = self._tokens(name, now_ms)
        if tokens < 1:
            return (1 - tokens) * 60 / self._per_minute
        self._buckets[name] = (tokens - 1, now_ms)
        self._buckets.move_to_end(name)
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return 0.0

    def wait_s(self, name: str, now_ms: int) -> float:
        """How long `take` would have to wait; nothing is taken.

        >>> limit = Limit(per_minute=1)
        >>> limit.wait_s("ana", 0), limit.wait_s("ana", 0), limit.take("ana", 0), limit.wait_s("ana", 0)
        (0.0, 0.0, 0.0, 60.0)
        """
        tokens = self._tokens(name, now_ms)
        return 0.0 if tokens >= 1 else (1 - tokens) * 60 / self._per_minute

    def _tokens(self, name: str, now_ms: int) -> float:
        """What is in a bucket now. A clock that was set back fills nothing."""
        tokens, at_ms = self._buckets.get(name, (float(self._per_minute), now_ms))
        return min(self._per_minute, tokens + max(0, now_ms - at_ms) * self._per_minute / MINUTE_MS)
