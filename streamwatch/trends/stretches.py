"""Stretches of time (whole days, or quarters of one) out of Redis as points: thousands of hashes at once.

`trends.reading` goes window by window, which is right for any width and slow for a page. Here all fields of a level are
decoded in one call and added up as arrays; what comes out is the same, and a test compares the two.

    cells of the step's level ─┐
    cells of the next finer one ─ least and greatest share ─ Points of each stretch
    sketches (minutes) or HyperLogLogs (hours, days) ─┘
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from streamwatch.redis_errors import answering
from streamwatch.timeline import DAY_MS
from streamwatch.trends.cells import EMPTY, UNREAD
from streamwatch.trends.keys import Keys
from streamwatch.trends.levels import LEVELS, MINUTE, REGISTERED, Level, coarsest_dividing
from streamwatch.trends.points import UNKNOWN, Points, Real, Whole, of_columns
from streamwatch.trends.sketch import K
from streamwatch.trends.unpacking import cells_of, sketches_of

CALLS_AT_ONCE = 1000
"""Commands of one pipeline: some megabytes of answers."""
HASHES = 2**32
_INDICES = {str(index).encode(): index for index in range(360)}
"""Fields of a block as Redis gives them; a block has no more."""
Calls = Sequence[Callable[[Any], Any]]
Key = Callable[[Keys, Level, int, str], str]
"""The name of a hash: of a partition, a level, a block and a series."""


def finer_of(step_ms: int) -> Level:
    """The level of the next finer windows in a step.

    >>> [finer_of(step).name for step in (10_000, 60_000, 300_000, 3_600_000, 21_600_000, 86_400_000)]
    ['fine', 'fine', 'minute', 'minute', 'hour', 'hour']
    """
    level = coarsest_dividing(step_ms)
    return LEVELS[max(LEVELS.index(level) - (step_ms == level.width_ms), 0)]


class StretchReader:
    """Reads stretches of one length, which are numbered since 1970.

    Args:
        redis: a client that returns bytes.
        partitions: all that hold windows.
        stretch_ms: a day, or a part of one that the blocks of the levels that are read divide.
    """

    def __init__(self, redis: Any, partitions: Sequence[Keys], stretch_ms: int = DAY_MS) -> None:
        self._redis, self._partitions, self._ms = redis, partitions, stretch_ms

    def points(self, series: str, step_ms: int, numbers: Sequence[int]) -> list[Points]:
        """The points of each stretch. `step_ms` divides a stretch and is a multiple of 10 s."""
        level, finer = coarsest_dividing(step_ms), finer_of(step_ms)
        cells = self.cells([series], level, numbers)[0]
        fine = cells if finer is level else self.cells([series], finer, numbers)[0]
        counts = cells.reshape(len(numbers), self._ms // step_ms, -1, len(EMPTY)).sum(axis=2)
        low, high = _share_range(fine, self._ms // step_ms)
        there = (counts[:, :, 0] > 0) | (counts[:, :, UNREAD] > 0)
        authors, texts = self._distinct(series, level, step_ms, numbers, cells, there)
        starts = np.array(numbers, np.int64)[:, None] * self._ms + np.arange(0, self._ms, step_ms)
        return [
            of_columns(column[i][there[i]] for column in (starts, counts, low, high, authors, texts))
            for i in range(len(numbers))
        ]

    def cells(self, names: Sequence[str], level: Level, numbers: Sequence[int]) -> Whole:
        """(series, stretch, bucket of the stretch, seven numbers), summed over the partitions."""
        n_buckets = self._ms // level.width_ms
        total = np.zeros((len(names) * len(numbers) * n_buckets, len(EMPTY)), np.int64)
        places, fields = self._hashes(names, numbers, level, _window)
        if len(places):
            np.add.at(total, places, cells_of(fields))
        return total.reshape(len(names), len(numbers), n_buckets, len(EMPTY))

    def _blocks(self, level: Level, number: int) -> range:
        each = self._ms // level.block_ms
        return range(number * each, (number + 1) * each)

    def _hashes(
        self, names: Sequence[str], numbers: Sequence[int], level: Level, key: Key
    ) -> tuple[Whole, list[bytes]]:
        """All fields of the level's blocks: the place of each among the buckets of all series and stretches, and its bytes."""
        a_block, a_stretch = level.block_ms // level.width_ms, self._ms // level.width_ms
        firsts: list[int] = []
        calls: list[Callable[[Any], Any]] = []
        for i, (name, number) in enumerate(product(names, numbers)):
            for j, block in enumerate(self._blocks(level, number)):
                for keys in self._partitions:
                    firsts.append(i * a_stretch + j * a_block)
                    calls.append(partial(_hgetall, key(keys, level, block, name)))
        places: list[int] = []
        values: list[bytes] = []
        for first, fields in zip(firsts, answers(self._redis, calls), strict=True):
            if fields:
                places += [first + _INDICES[index] for index in fields]
                values += fields.values()
        return np.array(places, np.int64), values

    def _distinct(
        self, series: str, level: Level, step_ms: int, numbers: Sequence[int], cells: Whole, there: Any
    ) -> tuple[Whole, Whole]:  # fmt: skip
        """(authors, texts) of each step of each stretch."""
        unknown = np.full(there.shape, UNKNOWN, np.int64)
        if level in REGISTERED:
            return self._registered(series, level, numbers, cells, there)
        return self._sketched(series, step_ms, numbers) if level is MINUTE else (unknown, unknown)

    def _sketched(self, series: str, step_ms: int, numbers: Sequence[int]) -> tuple[Whole, Whole]:
        minutes, fields = self._hashes([series], numbers, MINUTE, _sketches)
        n_steps = len(numbers) * (self._ms // step_ms)
        steps = minutes // (step_ms // MINUTE.width_ms)
        of_texts, of_authors = sketches_of(fields)
        texts = _union_sizes(steps[of_texts.field], of_texts.value, n_steps)
        authors = _union_sizes(steps[of_authors.field], of_authors.value, n_steps)
        return authors.reshape(len(numbers), -1), texts.reshape(len(numbers), -1)

    def _registered(
        self, series: str, level: Level, numbers: Sequence[int], cells: Whole, there: Any
    ) -> tuple[Whole, Whole]:  # fmt: skip
        """Redis merges the registers of a step's buckets over all partitions, of each step that holds documents."""
        filled = (cells[:, :, 0] > 0).reshape(*there.shape, -1)
        found = np.zeros((2, *there.shape), np.int64)
        asked = [
            (kind, i, step, buckets)
            for i, step in zip(*np.nonzero(filled.any(axis=2)), strict=True)
            for buckets in [
                (step * filled.shape[2] + np.flatnonzero(filled[i, step])) * level.width_ms + numbers[i] * self._ms
            ]
            for kind in (0, 1)
        ]
        calls = [self._count_call(series, level, kind, buckets.tolist()) for kind, _, _, buckets in asked]
        for (kind, i, step, _), n in zip(asked, answers(self._redis, calls), strict=True):
            found[kind, i, step] = n
        return found[0], found[1]

    def _count_call(self, series: str, level: Level, kind: int, buckets: Iterable[int]) -> Callable[[Any], Any]:
        names = [
            (keys.authors, keys.texts)[kind](level, bucket_ms, series)
            for keys in self._partitions
            for bucket_ms in buckets
        ]
        return lambda pipe: pipe.pfcount(*names)


def _window(keys: Keys, level: Level, block: int, series: str) -> str:
    return keys.window(level, block, series)


def _sketches(keys: Keys, level: Level, block: int, series: str) -> str:
    return keys.sketches(block, series)


def _hgetall(key: str, pipe: Any) -> None:
    pipe.hgetall(key)


def answers(redis: Any, calls: Calls) -> Iterator[Any]:
    """The answers of many commands, in order. Raises `StoreUnavailable`."""
    for start in range(0, len(calls), CALLS_AT_ONCE):
        pipe = redis.pipeline(transaction=False)
        for call in calls[start : start + CALLS_AT_ONCE]:
            call(pipe)
        with answering():
            got = pipe.execute()
        yield from got


def _share_range(cells: Whole, n_steps: int) -> tuple[Real, Real]:
    """The least and the greatest share of the buckets that hold documents, by day and step."""
    n, negative = cells[:, :, 0], cells[:, :, 1]
    share = np.divide(negative, n, out=np.full(n.shape, np.nan), where=n > 0).reshape(len(cells), n_steps, -1)
    missing = np.isnan(share)
    low = np.where(missing, np.inf, share).min(axis=2)
    high = np.where(missing, -np.inf, share).max(axis=2)
    low[~np.isfinite(low)] = high[~np.isfinite(high)] = np.nan
    return low, high


def _union_sizes(steps: Whole, hashes: Whole, n_steps: int) -> Whole:
    """How many distinct hashes the sketches of each step saw together (`trends.sketch.estimate` of their union).

    >>> _union_sizes(np.array([0, 0, 0, 2]), np.array([3, 7, 7, 5]), 3).tolist()
    [2, 0, 1]
    """
    ordered = np.sort(steps * HASHES + hashes)
    distinct = ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered
    first = np.searchsorted(distinct, np.arange(n_steps + 1) * HASHES)
    sizes = np.diff(first)
    for step in np.flatnonzero(sizes >= K).tolist():
        sizes[step] = round((K - 1) * HASHES / (int(distinct[first[step] + K - 1]) % HASHES + 1))
    return sizes
