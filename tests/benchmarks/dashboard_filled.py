"""Redis with months of windows in seconds: a few quarters of a day are made once and put everywhere.

A quarter is made of documents (two a minute and series, a fifth negative, each in one of four partitions), and from them its
cells of every level, its sketches and its HyperLogLogs, so that all levels agree as if a writer had written them. Redis is
given copies of what it dumped itself (DUMP, RESTORE). Of an hour or a day `n` is right and what is distinct is as a real
stream has it.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from redis import Redis

from streamwatch.timeline import DAY_MS, HOUR_MS
from streamwatch.trends.cells import EMPTY, SCORE_UNIT, packed, packed_cell
from streamwatch.trends.counting import SourceState
from streamwatch.trends.keys import Keys
from streamwatch.trends.levels import DAY, FINE, HOUR, LEVELS, MINUTE, Level
from streamwatch.trends.sketch import hash32, sketch
from streamwatch.trends.store import _pack

N_QUARTERS = 32
N_PARTITIONS = 4
QUARTER_MS = DAY_MS // 4
PER_MINUTE = 2
NEGATIVE = 0.2
FINE_DAYS = 2
AT_ONCE = 2000
EPOCH = "benchmark"
Cells = dict[int, list[int]]


class Quarter:
    """Six hours of one series: by partition, cells by level, and the texts and authors of each minute and hour."""

    def __init__(self, number: int) -> None:
        draw = random.Random(number)
        self.cells: dict[tuple[int, str], Cells] = defaultdict(lambda: defaultdict(lambda: list(EMPTY)))
        self.hashes: dict[tuple[int, str, str], dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
        for minute in range(QUARTER_MS // MINUTE.width_ms):
            for i in range(PER_MINUTE):
                self._add(draw, minute * MINUTE.width_ms + draw.randrange(MINUTE.width_ms), f"{number}.{minute}.{i}")

    def _add(self, draw: random.Random, at_ms: int, text: str) -> None:
        partition, said = draw.randrange(N_PARTITIONS), draw.random()
        score = -SCORE_UNIT if said < NEGATIVE else SCORE_UNIT if said > 0.7 else 0
        gained = (1, said < NEGATIVE, said > 0.7, score, 0, partition % 2 == 0, 0)
        for level in LEVELS:
            cell = self.cells[partition, level.code][at_ms - at_ms % level.width_ms]
            cell[:] = [a + int(b) for a, b in zip(cell, gained, strict=True)]
        author = f"author{draw.randrange(50_000)}"
        for kind, word in (("t", text), ("a", author)):
            for level in (MINUTE, HOUR):
                self.hashes[partition, level.code, kind][at_ms - at_ms % level.width_ms].append(word)


class Filled:
    """Puts quarters into Redis. `series` and `days` say how much; `to_ms` is where it ends (a whole day)."""

    def __init__(self, url: str, prefix: str, series: list[str], days: int, to_ms: int) -> None:
        self._redis: Any = Redis.from_url(url)
        self._prefix, self._series = prefix, series
        self._days = range(to_ms // DAY_MS - days, to_ms // DAY_MS)
        self._keys = [Keys(prefix, p) for p in range(N_PARTITIONS)]
        self._quarters = [Quarter(i) for i in range(N_QUARTERS)]
        self._dumps: dict[Any, bytes] = {}

    def fill(self, say: Callable[[int, int], None]) -> None:
        """Write it all; `say(done, of)` after each day."""
        pipe = self._redis.pipeline(transaction=False)
        for i, day in enumerate(self._days):
            for n, command in enumerate(self._day(day)):
                command(pipe)
                if n % AT_ONCE == AT_ONCE - 1:
                    pipe.execute()
            pipe.execute()
            say(i + 1, len(self._days))
        self._states()

    def _day(self, day: int) -> Iterator[Callable[[Any], Any]]:
        for keys in self._keys:
            yield lambda pipe, keys=keys: pipe.sadd(keys.series(day), *self._series)
        for i, series in enumerate(self._series):
            first = (i * 7 + day * 13) % N_QUARTERS
            for p in range(N_PARTITIONS):
                yield from self._series_day(series, day, p, first)

    def _series_day(self, series: str, day: int, p: int, first: int) -> Iterator[Callable[[Any], Any]]:
        keys, quarters = self._keys[p], [(first + j) % N_QUARTERS for j in range(4)]
        for j, number in enumerate(quarters):
            block = day * 4 + j
            yield self._copy(keys.window(MINUTE, block, series), ("m", p, number))
            yield self._copy(keys.sketches(block, series), ("k", p, number))
            if day >= self._days[-1] + 1 - FINE_DAYS:
                for hour in range(6):
                    yield self._copy(keys.window(FINE, block * 6 + hour, series), ("f", p, number, hour))
            for hour in range(6):
                bucket_ms = block * QUARTER_MS + hour * HOUR_MS
                yield self._copy(keys.texts(HOUR, bucket_ms, series), ("t", p, number, hour))
                yield self._copy(keys.authors(HOUR, bucket_ms, series), ("a", p, number, hour))
        yield self._copy(keys.window(HOUR, day, series), ("h", p, first))
        yield self._copy(keys.window(DAY, day, series), ("d", p, first))
        yield self._copy(keys.texts(DAY, day * DAY_MS, series), ("T", p, first))
        yield self._copy(keys.authors(DAY, day * DAY_MS, series), ("A", p, first))

    def _copy(self, key: str, of: tuple[Any, ...]) -> Callable[[Any], Any]:
        raw = self._dumps.get(of) or self._dumps.setdefault(of, self._dumped(of))
        return lambda pipe: pipe.restore(key, 0, raw)

    def _dumped(self, of: tuple[Any, ...]) -> bytes:
        """What Redis itself says of such a key."""
        name = f"{self._prefix}template"
        self._redis.delete(name)
        fields, words = self._content(*of)
        if fields:
            self._redis.hset(name, mapping=fields)
        else:
            self._redis.pfadd(name, *(words or ["nothing"]))
        raw: bytes = self._redis.dump(name)
        self._redis.delete(name)
        return raw

    def _content(self, kind: str, p: int, number: int, hour: int = 0) -> tuple[dict[int, bytes], list[str]]:
        one, day = self._quarters[number], [self._quarters[(number + j) % N_QUARTERS] for j in range(4)]
        if kind == "k":
            return {m // MINUTE.width_ms: raw for m, raw in _sketches(one, p)}, []
        if kind in ("t", "a"):
            return {}, one.hashes[p, HOUR.code, kind][hour * HOUR_MS]
        if kind in ("T", "A"):
            return {}, [w for q in day for words in q.hashes[p, HOUR.code, kind.lower()].values() for w in words]
        if kind in ("m", "f"):
            level = MINUTE if kind == "m" else FINE
            return _fields(one.cells[p, kind], level, hour * HOUR_MS), []
        if kind == "h":
            return {
                j * 6 + index: raw
                for j, q in enumerate(day)
                for index, raw in _fields(q.cells[p, "h"], HOUR, 0, QUARTER_MS).items()
            }, []
        sums = [sum(column) for column in zip(*(cell for q in day for cell in q.cells[p, "h"].values()), strict=True)]
        return {0: packed_cell(sums)}, []

    def _states(self) -> None:
        newest_ms = (self._days[-1] + 1) * DAY_MS
        for keys in self._keys:
            for level in LEVELS:
                kept = [day for day in self._days if level is not FINE or day >= self._days[-1] + 1 - FINE_DAYS]
                self._redis.zadd(keys.days(level), {str(day): day for day in kept})
            source = _pack(SourceState(999_999, newest_ms, ()))
            self._redis.hset(keys.state, mapping={"epoch": EPOCH, "applied": 1_000_000, "s:social": source})


def _fields(cells: Cells, level: Level, from_ms: int, span_ms: int | None = None) -> dict[int, bytes]:
    """Fields of one block that begins at `from_ms` of the quarter."""
    span_ms = span_ms or min(level.block_ms, QUARTER_MS)
    return {
        (ms - from_ms) // level.width_ms: packed_cell(cell)
        for ms, cell in cells.items()
        if from_ms <= ms < from_ms + span_ms
    }


def _sketches(one: Quarter, p: int) -> Iterator[tuple[int, bytes]]:
    texts, authors = one.hashes[p, MINUTE.code, "t"], one.hashes[p, MINUTE.code, "a"]
    for ms in texts:
        yield ms, packed(sketch(map(hash32, texts[ms]))) + packed(sketch(map(hash32, authors[ms])))
