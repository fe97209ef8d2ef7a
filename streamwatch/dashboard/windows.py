"""The windows of the deployment as the pages ask for them: where event time is, which series there are, tables and points.

All calls block: routes go through `desk.reading`.
"""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
from redis import Redis

from streamwatch.config import Settings
from streamwatch.redis_errors import answering
from streamwatch.timeline import DAY_MS, bucket_start
from streamwatch.trends.levels import DAY, HOUR, LEVELS, Level, retentions_ms
from streamwatch.trends.points import UNKNOWN, Points, Whole
from streamwatch.trends.reading import TrendReader, Window
from streamwatch.trends.remembered_points import PointReader
from streamwatch.trends.store import parse_state
from streamwatch.trends.stretches import StretchReader, answers

NEAR = 5
"""Names that are offered when one is not there."""
NEAR_DAYS = 7
"""They are looked for among the series of so many of the newest days."""


class Windows:
    """Reads windows.

    Args:
        redis: a client that returns bytes.
        settings: of the deployment.
    """

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._redis: Any = redis
        self._settings = settings
        self._points = PointReader(redis, settings.prefix)
        self._reader = TrendReader(redis, settings.prefix)

    def watermark_ms(self) -> int | None:
        """How far event time was evaluated; before the first evaluation, the newest arrival less the lateness."""
        with answering():
            closed = int(self._redis.hget(f"{self._settings.prefix}sw:{{eval}}:head", "closed") or -1)
        if closed >= 0:
            return closed
        states = [parse_state(fields) for fields in answers(self._redis, self._state_calls())]
        arrivals = [s.arrival_ms for state in states for s in state.sources.values() if s.arrival_ms is not None]
        return max(arrivals) - self._settings.lateness_s * 1000 if arrivals else None

    def reach_ms(self, level: Level, now_ms: int) -> int:
        """From when on windows of a level are kept."""
        return max(now_ms - retentions_ms(self._settings)[LEVELS.index(level)], 0)

    def points(self, series: str, step_ms: int, from_ms: int, to_ms: int) -> Points:
        """The non-empty windows of a step that begin in [from, to), `from` taken down to a step."""
        if DAY_MS % step_ms == 0:
            return self._points.read(series, step_ms, from_ms, to_ms)
        return self._slowly(series, step_ms, from_ms, to_ms)

    def _slowly(self, series: str, step_ms: int, from_ms: int, to_ms: int) -> Points:
        """For steps that do not divide a day, window by window."""
        windows = list(self._reader.windows(series, from_ms, to_ms, step_ms))
        ranges = self._reader.share_ranges(series, step_ms, bucket_start(from_ms, step_ms), to_ms + step_ms)
        bounds = [ranges.get(one.start_ms, (np.nan, np.nan)) for one in windows]
        return Points(
            np.array([one.start_ms for one in windows], np.int64),
            np.array([_counts(one) for one in windows], np.int64).reshape(len(windows), -1),
            np.array([low for low, _ in bounds]), np.array([high for _, high in bounds]),
            _known([one.distinct_authors for one in windows]), _known([one.distinct_texts for one in windows]),
        )  # fmt: skip

    def names(self, from_ms: int, to_ms: int) -> list[str]:
        """The series that have windows in the days of [from, to)."""
        return sorted(self._names(range(from_ms // DAY_MS, (to_ms - 1) // DAY_MS + 1)))

    def table(self, names: Sequence[str], from_ms: int, to_ms: int) -> Whole:
        """(series, hour, seven numbers) of the hours in [from, to), which are whole hours."""
        first, last = from_ms // DAY_MS, (to_ms - 1) // DAY_MS
        cells = StretchReader(self._redis, self._points.partitions()).cells(names, HOUR, range(first, last + 1))
        start = (from_ms - first * DAY_MS) // HOUR.width_ms
        n_hours = (last - first + 1) * DAY_MS // HOUR.width_ms  # where there is no series, nothing else says it
        hours: Whole = cells.reshape(len(names), n_hours, cells.shape[-1])
        return hours[:, start : start + (to_ms - from_ms) // HOUR.width_ms]

    def is_there(self, series: str) -> bool:
        """Whether a series has windows anywhere."""
        calls = [
            lambda pipe, key=key: pipe.sismember(key, series)
            for key in (keys.series(day) for keys, days in self._days() for day in days)
        ]
        return any(answers(self._redis, calls))

    def near(self, series: str) -> list[str]:
        """Names like one that is not there: with the same words after the kind, or nearly the same letters."""
        newest = {day for _, days in self._days() for day in sorted(days)[-NEAR_DAYS:]}
        known = {name.casefold(): name for name in sorted(self._names(sorted(newest)[-NEAR_DAYS:]))}
        wanted = re.sub(r"^[a-z]+:", "", series.casefold())
        same = [name for folded, name in known.items() if wanted and wanted in folded]
        close = [known[folded] for folded in get_close_matches(series.casefold(), known, n=NEAR, cutoff=0.5)]
        return list(dict.fromkeys([*same[:NEAR], *close]))[:NEAR]

    def _names(self, days: Sequence[int]) -> set[str]:
        keys = [keys.series(day) for keys in self._points.partitions() for day in days]
        calls = [lambda pipe, key=key: pipe.smembers(key) for key in keys]
        return {name.decode() for names in answers(self._redis, calls) for name in names}

    def _days(self) -> list[tuple[Any, list[int]]]:
        partitions = self._points.partitions()
        calls = [lambda pipe, keys=keys: pipe.zrange(keys.days(DAY), 0, -1) for keys in partitions]
        found = answers(self._redis, calls)
        return [(keys, [int(day) for day in days]) for keys, days in zip(partitions, found, strict=True)]

    def _state_calls(self) -> list[Any]:
        return [lambda pipe, key=keys.state: pipe.hgetall(key) for keys in self._points.partitions()]


def _counts(one: Window) -> list[int]:
    """A window as a cell; of the scores only the mean is known, so that it stands for one document."""
    score = 0 if one.mean_score is None else round(one.mean_score * 10_000)
    unscored = one.n if one.mean_score is None else one.n - 1
    return [one.n, one.negative, one.positive, score, unscored, one.news, one.n_unread]


def _known(counts: list[int | None]) -> Whole:
    return np.array([UNKNOWN if n is None else n for n in counts], np.int64)
