"""Reading the windows: merged over the partitions, for exports, reports and pages.

Counts are added; distinct texts and authors are counted on the union of what the partitions saw, never summed.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple

from redis import Redis

from streamwatch.redis_errors import answering
from streamwatch.timeline import bucket_start
from streamwatch.trends.cells import EMPTY, SCORE_UNIT, Cell, unpacked
from streamwatch.trends.counting import PartitionState
from streamwatch.trends.distinct import Distinct, HourlyDistinct, MinuteDistinct, Uncounted
from streamwatch.trends.keys import Keys
from streamwatch.trends.levels import DAY, LEVELS, MINUTE, REGISTERED, Level, coarsest_dividing
from streamwatch.trends.sliding import slide
from streamwatch.trends.store import parse_state, parse_totals

CALLS_AT_ONCE = 500
"""Commands of one pipeline, so that no answer is large."""
PARTITIONS_AT_ONCE = 64
"""Partitions that are asked for together. A writer begins the state of each partition that it is given, so their numbers
have no gaps; and a scan over all keys of a year would take seconds."""
OnProgress = Callable[[int, int], None]
"""Called with how many parts are read, of how many."""


class Window(NamedTuple):
    """One series in one window.

    `mean_score` is the mean of p(positive) − p(negative) in [−1, 1]; a sentiment given with the document counts as −1, 0
    or 1, and documents with neither are left out (None where there are only such). `distinct_authors` counts the known
    ones. `amplification` is how many documents are copies of a text of the same window. The three are None in windows
    that are not made of whole minutes. `news` and `social` are the documents of each source channel.

    `n_unread` documents could not be read and have no sentiment: they are in none of the other numbers, so that
    `n` = `negative` + `neutral` + `positive` always.
    """

    start_ms: int
    series: str
    n: int
    negative: int
    neutral: int
    positive: int
    mean_score: float | None
    distinct_authors: int | None
    distinct_texts: int | None
    amplification: int | None
    news: int
    social: int
    n_unread: int


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
        return [Keys(self._prefix, p) for p in partitions_there(self._redis, self._prefix)]

    def states(self) -> dict[int, tuple[PartitionState, dict[str, int]]]:
        """By number of the partition, its state and running totals."""
        partitions = self.partitions()
        pipe = self._redis.pipeline(transaction=False)
        for keys in partitions:
            pipe.hgetall(keys.state)
        with answering():
            found = pipe.execute()
        return {
            keys.partition: (parse_state(fields), parse_totals(fields))
            for keys, fields in zip(partitions, found, strict=True)
        }

    def totals(self) -> Counter[str]:
        """The running totals over all partitions: classified, duplicate, dead_lettered, counted, redelivered, late…"""
        total: Counter[str] = Counter()
        for _, totals in self.states().values():
            total.update(totals)
        return total

    def series(self) -> list[str]:
        """All series that have windows, by name."""
        days = [(keys, day) for keys, days in self._days(self.partitions(), DAY) for day in days]
        calls = [lambda pipe, keys=keys, day=day: pipe.smembers(keys.series(day)) for keys, day in days]
        return sorted({name.decode() for names in self._answers(calls) for name in names})

    def windows(
        self, series: str, from_ms: int | None = None, to_ms: int | None = None, width_ms: int = 60_000,
        on_progress: OnProgress | None = None,
    ) -> Iterator[Window]:  # fmt: skip
        """The non-empty buckets of `width_ms` (a multiple of 10 s) of one series that begin in [from, to), in order.

        The bucket that holds `from` is the first. They are read from the coarsest level that makes up `width_ms`, which
        is also the one that reaches back furthest; before its retention there is nothing.
        """
        return self.sliding(series, width_ms, width_ms, from_ms, to_ms, on_progress)

    def sliding(
        self, series: str, width_ms: int, step_ms: int, from_ms: int | None = None, to_ms: int | None = None,
        on_progress: OnProgress | None = None,
    ) -> Iterator[Window]:  # fmt: skip
        """The non-empty windows of `width_ms` that begin at each multiple of `step_ms` in [from, to), in order.

        Both are multiples of 10 s; where the step is shorter than the width, they overlap. A window that begins before
        `to` is read to its end.
        """
        level = coarsest_dividing(width_ms, step_ms)
        partitions = self.partitions()
        low = None if from_ms is None else bucket_start(from_ms, step_ms)
        high = None if to_ms is None else to_ms + width_ms
        cells = self._cells(partitions, level, series, low, high, on_progress)
        distinct = self._distinct(partitions, level, series, cells)
        for start_ms, cell, buckets in slide(cells, width_ms, step_ms):
            if (low is None or start_ms >= low) and (to_ms is None or start_ms < to_ms):
                yield _window(start_ms, series, cell, *distinct.of(buckets))

    def share_ranges(
        self, series: str, width_ms: int, from_ms: int | None = None, to_ms: int | None = None
    ) -> dict[int, tuple[float, float]]:
        """By start of the window, the least and the greatest negative share of its parts that hold documents that were read.

        The parts are the windows of the next finer level (minutes in an hour). They are looked up when asked for and not
        kept: where that level is past its retention there is nothing.
        """
        level = coarsest_dividing(width_ms)
        finer = LEVELS[max(LEVELS.index(level) - (width_ms == level.width_ms), 0)]
        shares: dict[int, list[float]] = {}
        for bucket_ms, (n, negative, *_) in self._cells(self.partitions(), finer, series, from_ms, to_ms, None).items():
            if n:
                shares.setdefault(bucket_start(bucket_ms, width_ms), []).append(negative / n)
        return {start_ms: (min(some), max(some)) for start_ms, some in shares.items()}

    def _cells(
        self, partitions: Sequence[Keys], level: Level, series: str, low: int | None, high: int | None,
        on_progress: OnProgress | None,
    ) -> dict[int, Cell]:  # fmt: skip
        """By start of the bucket, in order, the sum over the partitions."""
        blocks = self._blocks(partitions, level, low, high)
        calls = [lambda pipe, keys=keys, b=block: pipe.hgetall(keys.window(level, b, series)) for keys, block in blocks]
        sums: dict[int, Cell] = {}
        for (_, block), fields in zip(blocks, self._answers(calls, on_progress), strict=True):
            for index, raw in fields.items():
                bucket_ms = level.bucket_of(block, int(index))
                if (low is None or bucket_ms >= low) and (high is None or bucket_ms < high):
                    held = sums.get(bucket_ms, EMPTY)
                    sums[bucket_ms] = [a + b for a, b in zip(held, unpacked(raw), strict=True)]
        return dict(sorted(sums.items()))

    def _blocks(
        self, partitions: Sequence[Keys], level: Level, low: int | None, high: int | None
    ) -> list[tuple[Keys, int]]:
        return [
            (keys, block)
            for keys, days in self._days(partitions, level)
            for day in days
            for block in level.blocks_of(day)
            if (low is None or (block + 1) * level.block_ms > low) and (high is None or block * level.block_ms < high)
        ]

    def _days(self, partitions: Sequence[Keys], level: Level) -> list[tuple[Keys, list[int]]]:
        calls = [lambda pipe, keys=keys: pipe.zrange(keys.days(level), 0, -1) for keys in partitions]
        return [(keys, [int(day) for day in days]) for keys, days in zip(partitions, self._answers(calls), strict=True)]

    def _distinct(self, partitions: Sequence[Keys], level: Level, series: str, buckets: Iterable[int]) -> Distinct:
        if level in REGISTERED:
            return HourlyDistinct(self._redis, partitions, level, series)
        if level is not MINUTE:
            return Uncounted()
        blocks = sorted({level.block_and_index(bucket_ms)[0] for bucket_ms in buckets})
        places = [(keys, block) for keys in partitions for block in blocks]
        calls = [lambda pipe, keys=keys, b=block: pipe.hgetall(keys.sketches(b, series)) for keys, block in places]
        return MinuteDistinct(zip((block for _, block in places), self._answers(calls), strict=True))

    def _answers(self, calls: Sequence[Callable[[Any], Any]], on_progress: OnProgress | None = None) -> Iterator[Any]:
        for start in range(0, len(calls), CALLS_AT_ONCE):
            pipe = self._redis.pipeline(transaction=False)
            for call in calls[start : start + CALLS_AT_ONCE]:
                call(pipe)
            with answering():
                yield from pipe.execute()
            if on_progress is not None:
                on_progress(min(start + CALLS_AT_ONCE, len(calls)), len(calls))


def _window(start_ms: int, series: str, cell: Cell, authors: int | None, texts: int | None) -> Window:
    n, negative, positive, score, unscored, news, n_unread = cell
    return Window(
        start_ms, series, n, negative, n - negative - positive, positive,
        mean_score=score / SCORE_UNIT / (n - unscored) if n > unscored else None,
        distinct_authors=authors,
        distinct_texts=texts if texts is None else min(texts, n),
        amplification=texts if texts is None else max(n - texts, 0),
        news=news, social=n - news, n_unread=n_unread,
    )  # fmt: skip


def partitions_there(redis: Any, prefix: str) -> list[int]:
    """The numbers of the partitions that have a state. Raises `StoreUnavailable`."""
    found: list[int] = []
    for first in count(0, PARTITIONS_AT_ONCE):
        pipe = redis.pipeline(transaction=False)
        for number in range(first, first + PARTITIONS_AT_ONCE):
            pipe.exists(Keys(prefix, number).state)
        with answering():
            there = [first + i for i, exists in enumerate(pipe.execute()) if exists]
        if not there:
            break
        found += there
    return found


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
