"""Reading the windows: merged over the partitions, for exports, reports and pages.

Counts are added; distinct texts are counted on the union of the partitions' registers, never summed.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from redis import Redis

from streamwatch.config import BUCKET_MS
from streamwatch.redis_errors import answering
from streamwatch.timeline import HOUR_MS, bucket_start
from streamwatch.trends.counting import PartitionState
from streamwatch.trends.keys import Keys
from streamwatch.trends.store import parse_state, parse_totals


class Window(NamedTuple):
    """One series in one bucket."""

    start_ms: int
    series: str
    n: int
    negative: int
    neutral: int
    positive: int
    distinct_texts: int


class TrendReader:
    """Reads one deployment's windows.

    Args:
        redis: a client that returns bytes.
        prefix: the settings' prefix.
    """

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis: Any = redis
        self._prefix = prefix

    def partitions(self) -> list[Keys]:
        """The partitions that have a state."""
        number = re.compile(re.escape(self._prefix) + r"sw:\{p(\d+)\}:state")
        with answering():
            names = list(self._redis.scan_iter(match=f"{_literal(self._prefix)}sw:{{p*}}:state", count=1000))
        found = (number.fullmatch(name.decode()) for name in names)
        return [Keys(self._prefix, p) for p in sorted(int(m[1]) for m in found if m)]

    def states(self) -> list[tuple[PartitionState, dict[str, int]]]:
        """State and running totals of each partition."""
        pipe = self._redis.pipeline(transaction=False)
        for keys in self.partitions():
            pipe.hgetall(keys.state)
        with answering():
            return [(parse_state(fields), parse_totals(fields)) for fields in pipe.execute()]

    def totals(self) -> Counter[str]:
        """The running totals over all partitions: classified, duplicate, dead_lettered, counted, redelivered, late…"""
        total: Counter[str] = Counter()
        for _, totals in self.states():
            total.update(totals)
        return total

    def series(self) -> list[str]:
        """All series that have windows, by name."""
        return sorted({name for _, name in self._hours(self.partitions())})

    def windows(
        self, series: str, from_ms: int | None = None, to_ms: int | None = None, width_ms: int = 60_000
    ) -> Iterator[Window]:
        """The non-empty buckets of `width_ms` (a multiple of 10 s) of one series in [from, to), in order."""
        partitions = self.partitions()
        hours = sorted({hour for hour, name in self._hours(partitions) if name == series})
        low = from_ms if from_ms is not None else 0
        high = to_ms if to_ms is not None else 2**62
        counts: dict[int, Counter[str]] = defaultdict(Counter)
        fine: dict[int, set[int]] = defaultdict(set)
        for hour in hours:
            if (hour + 1) * HOUR_MS <= low or hour * HOUR_MS >= high:
                continue
            for bucket, name, n in self._counts(partitions, hour, series):
                if low <= bucket < high:
                    start = bucket_start(bucket, width_ms)
                    counts[start][name] += n
                    fine[start].add(bucket)
        for start in sorted(counts):
            n, negative, positive = (counts[start][name] for name in "n-+")
            distinct = self._distinct(partitions, series, fine[start])
            yield Window(start, series, n, negative, n - negative - positive, positive, distinct)

    def _hours(self, partitions: Iterable[Keys]) -> set[tuple[int, str]]:
        pipe = self._redis.pipeline(transaction=False)
        for keys in partitions:
            pipe.zrange(keys.hours, 0, -1)
        with answering():
            members = {member.decode() for answer in pipe.execute() for member in answer}
        return {(int(hour), name) for hour, _, name in (member.partition(":") for member in members)}

    def _counts(self, partitions: Iterable[Keys], hour: int, series: str) -> Iterator[tuple[int, str, int]]:
        pipe = self._redis.pipeline(transaction=False)
        for keys in partitions:
            pipe.hgetall(keys.window(hour, series))
        with answering():
            answers = pipe.execute()
        for answer in answers:
            for field, n in answer.items():
                index, _, name = field.decode().partition(":")
                yield hour * HOUR_MS + int(index) * BUCKET_MS, name, int(n)

    def _distinct(self, partitions: Iterable[Keys], series: str, buckets: Iterable[int]) -> int:
        names = [keys.texts(bucket, series) for keys in partitions for bucket in sorted(buckets)]
        with answering():
            return int(self._redis.pfcount(*names))


def delete_windows(redis: Redis, prefix: str) -> int:
    """Delete all keys of one deployment, the evaluator's too; how many there were."""
    client: Any = redis
    with answering():
        names = list(client.scan_iter(match=f"{_literal(prefix)}sw:{{*}}:*", count=1000))
        for start in range(0, len(names), 500):
            client.unlink(*names[start : start + 500])
    return len(names)


def _literal(text: str) -> str:
    """`text` for a Redis pattern, in which `[`, `?` and `*` mean something."""
    return re.sub(r"([\[\]?*^\\])", r"\\\1", text)
