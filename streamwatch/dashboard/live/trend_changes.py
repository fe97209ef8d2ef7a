"""Which series moved since the last look, and their minutes as they are now: what a trend event says.

Looking is cheap while nothing moves: one call for the state of all partitions. Where one moved, the entries that wait for
detection say which series they are of, since each counted document leaves one there; the minutes of these series are read and
summed over the partitions. So a look costs as much as what came, and is bounded by the series and entries that it takes.

A document that corrects history only (late, or sent as backfill) leaves no entry: pages see it when they read again.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from redis import Redis

from streamwatch.redis_errors import answering
from streamwatch.timeline import MINUTE_MS, bucket_start
from streamwatch.trends.cells import unpacked
from streamwatch.trends.entry import Entry
from streamwatch.trends.keys import Keys
from streamwatch.trends.levels import MINUTE

MOST_SERIES = 100
"""Of one event, those with most documents: at four events a second more would be megabytes a minute to each page."""
MOST_MINUTES = 3
"""Of one series, the newest: documents of one moment lie in one or two."""
MOST_ENTRIES = 5000
"""Of one bucket and partition in one look: what a worker that catches up brings in a quarter of a second."""
OPEN_BUCKETS = 12
"""The newest buckets that are looked at: two minutes of event time."""

_read_entry = msgspec.json.Decoder(Entry).decode


class Moved(NamedTuple):
    """What moved: by series, [start of the minute, n, negative] each; how many series there was no room for."""

    series: dict[str, list[tuple[int, int, int]]]
    watermark_ms: int | None
    n_left_out: int


class TrendChanges:
    """Looks at the windows of one deployment.

    Args:
        redis: a client that returns bytes.
        prefix: the settings' prefix.
        n_partitions: of `classified`.
    """

    def __init__(self, redis: Redis, prefix: str, n_partitions: int) -> None:
        self._redis: Any = redis
        self._partitions = [Keys(prefix, p) for p in range(n_partitions)]
        self._evaluated = f"{prefix}sw:{{eval}}:head"
        self._states: list[Any] = []
        self._seen: dict[tuple[int, int], int] = {}

    def look(self) -> Moved | None:
        """What moved since the last look; None where nothing did, and at the first look. Raises `StoreUnavailable`."""
        with answering():
            states, closed = self._read_states()
            first, before = not self._states, self._states
            self._states = states
            moved = [p for p, state in enumerate(states) if first or state != before[p]]
            if not moved:
                return None
            grown = self._grown(moved)
            if first:
                return None
            return self._summed(self._named(grown), closed)

    def _read_states(self) -> tuple[list[Any], int | None]:
        pipe = self._redis.pipeline(transaction=False)
        for keys in self._partitions:
            pipe.hmget(keys.state, "applied", "epoch")
        pipe.hget(self._evaluated, "closed")
        *states, closed = pipe.execute()
        return states, int(closed) if closed is not None and int(closed) > 0 else None

    def _grown(self, partitions: Sequence[int]) -> list[tuple[int, int, int, int]]:
        """(partition, bucket, length before, length now) of the newest buckets that have more entries than at the last look."""
        pipe = self._redis.pipeline(transaction=False)
        for p in partitions:
            pipe.zrange(self._partitions[p].open, 0, OPEN_BUCKETS - 1, desc=True)
        places = [(p, int(b)) for p, found in zip(partitions, pipe.execute(), strict=True) for b in found]
        pipe = self._redis.pipeline(transaction=False)
        for p, bucket in places:
            pipe.llen(self._partitions[p].entries(bucket))
        lengths = dict(zip(places, pipe.execute(), strict=True))
        grown = [(*place, self._before(place, n), n) for place, n in lengths.items() if n != self._seen.get(place, 0)]
        self._seen = {place: n for place, n in self._seen.items() if place[0] not in partitions} | lengths
        return grown

    def _before(self, place: tuple[int, int], n: int) -> int:
        """How long it was; a list that shrank was built anew."""
        before = self._seen.get(place, 0)
        return before if before <= n else 0

    def _named(self, grown: Iterable[tuple[int, int, int, int]]) -> dict[str, Counter[int]]:
        """By series, how many new entries lie in each minute."""
        grown = list(grown)
        pipe = self._redis.pipeline(transaction=False)
        for p, bucket, before, n in grown:
            pipe.lrange(self._partitions[p].entries(bucket), before, min(n, before + MOST_ENTRIES) - 1)
        named: dict[str, Counter[int]] = {}
        for (_, bucket, _, _), raws in zip(grown, pipe.execute(), strict=True):
            minute = bucket_start(bucket, MINUTE_MS)
            for raw in raws:
                for name in _read_entry(raw).series:
                    named.setdefault(name, Counter())[minute] += 1
        return named

    def _summed(self, named: dict[str, Counter[int]], closed_ms: int | None) -> Moved:
        """The minutes as they are now, summed over all partitions."""
        most = sorted(named, key=lambda name: (-named[name].total(), name))[:MOST_SERIES]
        asked = [(name, minute) for name in most for minute in sorted(named[name])[-MOST_MINUTES:]]
        pipe = self._redis.pipeline(transaction=False)
        for name, minute in asked:
            block, index = MINUTE.block_and_index(minute)
            for keys in self._partitions:
                pipe.hget(keys.window(MINUTE, block, name), index)
        answers = pipe.execute()
        series: dict[str, list[tuple[int, int, int]]] = {}
        n = len(self._partitions)
        for i, (name, minute) in enumerate(asked):
            cells = [unpacked(raw) for raw in answers[i * n : (i + 1) * n] if raw is not None]
            series.setdefault(name, []).append((minute, sum(c[0] for c in cells), sum(c[1] for c in cells)))
        return Moved(series, closed_ms, len(named) - len(most))
