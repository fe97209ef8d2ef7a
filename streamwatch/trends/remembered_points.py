"""Points that need not be read twice: days are kept in the process until something in them changes.

A day of a series changes exactly when its number of documents does, since every counted document adds one to the day's own
window in the same script call; and an epoch that is another one says that the store was begun anew. So one number of each
partition, series and day tells whether a kept day still holds, also when a document comes weeks late. It is read before
the day itself: a day that grows meanwhile is kept under the older number, and read again the next time.

Of a day that changed, the windows of hours tell in the same way which quarters did; mostly it is the running one.

What is kept is bounded by bytes; the days that nobody asked for longest go first.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from redis import Redis

from streamwatch.timeline import DAY_MS, HOUR_MS, bucket_start
from streamwatch.trends.cells import UNREAD
from streamwatch.trends.keys import Keys
from streamwatch.trends.levels import DAY, HOUR, REGISTERED, coarsest_dividing
from streamwatch.trends.points import NOTHING, Points, joined
from streamwatch.trends.reading import partitions_there
from streamwatch.trends.store import script_text
from streamwatch.trends.stretches import StretchReader, answers

KEPT_BYTES = 256 * 1024 * 1024
"""For a hundred series with 30 days of half hours and 90 of six hours it takes some 25 MB."""
PARTITIONS_FOR_S = 2.0
"""How long the list of partitions holds: some begin in the first seconds of a deployment, later ones by hand."""
DAYS_AT_ONCE = 31
"""Days that are read in one go, so that an answer of Redis stays in the megabytes."""
QUARTERS = 4
QUARTER_MS = DAY_MS // QUARTERS
"""As long as a block of minutes: less could not be read alone."""

Epochs = tuple[bytes, ...]


class _Kept(NamedTuple):
    """A day: what the store's epochs were, how many documents each of its parts held, and the points of each part.

    The parts are quarters, or the one day where the step's level keeps days together.
    """

    epochs: Epochs
    documents: tuple[int, ...]
    parts: tuple[Points, ...]

    @property
    def n_bytes(self) -> int:
        return sum(part.n_bytes for part in self.parts)


class PointReader:
    """Reads points of one deployment. Threads may share it.

    Args:
        redis: a client that returns bytes.
        prefix: the settings' prefix.
        kept_bytes: what may be remembered.
    """

    def __init__(self, redis: Redis, prefix: str, kept_bytes: int = KEPT_BYTES) -> None:
        self._redis: Any = redis
        self._prefix = prefix
        self._room = kept_bytes
        self._days: OrderedDict[tuple[str, int, int], _Kept] = OrderedDict()
        self._n_bytes = 0
        self._lock = threading.Lock()
        self._partitions: tuple[float, list[Keys]] = (-PARTITIONS_FOR_S, [])

    @property
    def n_kept_bytes(self) -> int:
        """What is remembered now."""
        return self._n_bytes

    def partitions(self) -> list[Keys]:
        """The partitions that have a state."""
        looked, there = self._partitions
        if not there or time.monotonic() - looked > PARTITIONS_FOR_S:
            there = [Keys(self._prefix, p) for p in partitions_there(self._redis, self._prefix)]
            self._partitions = (time.monotonic(), there)
        return there

    def read(self, series: str, step_ms: int, from_ms: int, to_ms: int) -> Points:
        """The windows of a step that divides a day and begin in [from, to); `from` is taken down to a step.

        Raises `StoreUnavailable`.
        """
        from_ms = bucket_start(from_ms, step_ms)
        days = self._days_between(step_ms, from_ms // DAY_MS, (to_ms - 1) // DAY_MS)
        epochs, documents = self._documents(series, days)
        kept = {day: self._kept((series, step_ms, day), epochs) for day in days}
        stale = [day for day in days if documents[day] and sum(_documents_of(kept[day])) != documents[day]]
        for start in range(0, len(stale), DAYS_AT_ONCE):
            some = stale[start : start + DAYS_AT_ONCE]
            by_part = self._documents_by_part(series, step_ms, some, documents)
            for day, fresh in self._read_days(series, step_ms, by_part, kept, epochs).items():
                kept[day] = fresh
                self._keep((series, step_ms, day), fresh)
        parts = [part for day in days if documents[day] and (one := kept[day]) is not None for part in one.parts]
        return joined(parts).between(from_ms, to_ms)

    def _read_days(
        self, series: str, step_ms: int, documents: dict[int, tuple[int, ...]], kept: dict[int, _Kept | None], epochs: Epochs
    ) -> dict[int, _Kept]:  # fmt: skip
        """What changed of some days; `documents` has the number of each part of each."""
        n_parts = _parts_of(step_ms)
        changed = [
            day * n_parts + part
            for day, numbers in documents.items()
            for part, n in enumerate(numbers)
            if n and (kept[day] is None or _documents_of(kept[day])[part] != n)
        ]
        reader = StretchReader(self._redis, self.partitions(), DAY_MS // n_parts)
        fresh = dict(zip(changed, reader.points(series, step_ms, changed), strict=True)) if changed else {}

        def part_of(day: int, part: int, n: int) -> Points:
            number, one = day * n_parts + part, kept[day]
            if number in fresh:
                return fresh[number]
            return one.parts[part] if n and one is not None else NOTHING

        return {
            day: _Kept(epochs, numbers, tuple(part_of(day, part, n) for part, n in enumerate(numbers)))
            for day, numbers in documents.items()
        }

    def _documents_by_part(
        self, series: str, step_ms: int, days: Sequence[int], documents: dict[int, int]
    ) -> dict[int, tuple[int, ...]]:
        """The documents of each part of each day: of quarters from the windows of hours."""
        n_parts = _parts_of(step_ms)
        if n_parts == 1:
            return {day: (documents[day],) for day in days}
        cells = StretchReader(self._redis, self.partitions()).cells([series], HOUR, days)[0]
        hours = cells[:, :, 0] + cells[:, :, UNREAD]
        parts = hours.reshape(len(days), n_parts, DAY_MS // HOUR_MS // n_parts).sum(axis=2)
        return {day: tuple(row) for day, row in zip(days, np.asarray(parts).tolist(), strict=True)}

    def _days_between(self, step_ms: int, first: int, last: int) -> list[int]:
        """Days in [first, last] that the level of the step has somewhere."""
        level = coarsest_dividing(step_ms)
        calls = [
            lambda pipe, keys=keys: pipe.zrange(keys.days(level), first, last, byscore=True)
            for keys in self.partitions()
        ]
        return sorted({int(day) for days in answers(self._redis, calls) for day in days})

    def _documents(self, series: str, days: Sequence[int]) -> tuple[Epochs, dict[int, int]]:
        """The store's epochs, and the documents of each day."""
        calls = [partial(_ask_days, keys, series, days) for keys in self.partitions()]
        got = list(answers(self._redis, calls))
        documents = [sum(numbers) for numbers in zip(*(one[1:] for one in got), strict=True)]
        return tuple(one[0] for one in got), dict(zip(days, documents, strict=True))

    def _kept(self, key: tuple[str, int, int], epochs: Epochs) -> _Kept | None:
        with self._lock:
            kept = self._days.get(key)
            if kept is None or kept.epochs != epochs:
                return None
            self._days.move_to_end(key)
            return kept

    def _keep(self, key: tuple[str, int, int], kept: _Kept) -> None:
        with self._lock:
            before = self._days.pop(key, None)
            self._n_bytes += kept.n_bytes - (before.n_bytes if before else 0)
            self._days[key] = kept
            while self._n_bytes > self._room:
                _, gone = self._days.popitem(last=False)
                self._n_bytes -= gone.n_bytes


def _parts_of(step_ms: int) -> int:
    """Into how many parts a day is cut that can be read alone."""
    return 1 if coarsest_dividing(step_ms) in REGISTERED or QUARTER_MS % step_ms else QUARTERS


def _documents_of(kept: _Kept | None) -> tuple[int, ...]:
    return kept.documents if kept is not None else ()


def _ask_days(keys: Keys, series: str, days: Sequence[int], pipe: Any) -> None:
    """One call for all days of a partition: 90 days of four series in four partitions would be 1,440."""
    head, tail = keys.window(DAY, 0, "").rsplit("0", 1)
    pipe.eval(script_text("days.lua"), 1, keys.state, head, f"{tail}{series}", *days)
