"""What the evaluator watches, read from its state in Redis at most once in a while, whoever asks.

The state is a megabyte for hundreds of series, so it is read again only when the evaluator has closed another bucket, and
then not more often than `AGE_S`. The day of text hashes, most of it, stays where it is.
"""

import asyncio
import time
from functools import lru_cache

from streamwatch.alerting.evaluator import Evaluator
from streamwatch.alerting.series import Series
from streamwatch.alerting.store import AlertStore
from streamwatch.alerting.transition import EvaluatorState
from streamwatch.dashboard.desk import Desk
from streamwatch.timeline import HOUR_MS

AGE_S = 2.0
"""Buckets close every 10 s of event time: a page that is two seconds behind shows nothing wrong."""
HOURS_OF_WEEK = 168
Band = tuple[float, float, float]
"""A usual share, its lower and its upper bound."""


class Watched:
    """The evaluator as it was a moment ago."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.series: dict[str, Series] = evaluator.series
        self.closed_until_ms = evaluator.closed_until_ms
        self._band = lru_cache(maxsize=100_000)(self._band_of)

    def band(self, series: str, at_ms: int) -> Band:
        """The usual share of the hour that holds `at_ms`, as known now."""
        return self._band(series, at_ms // HOUR_MS % HOURS_OF_WEEK)

    def _band_of(self, series: str, hour: int) -> Band:
        return self.series[series].share.usual(hour * HOUR_MS)


class Watching:
    """Gives `Watched` to whoever asks."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._store = AlertStore(desk.redis, desk.settings.prefix, 0)
        self._lock = asyncio.Lock()
        self._looked_s = -AGE_S
        self._mark: tuple[int, str] | None = None
        self._watched = Watched(Evaluator(desk.settings))

    async def now(self) -> Watched:
        """Raises `StoreUnavailable`."""
        async with self._lock:
            if time.monotonic() - self._looked_s > AGE_S:
                await self._look()
                self._looked_s = time.monotonic()
            return self._watched

    async def _look(self) -> None:
        mark = await self._store.mark()
        if mark != self._mark:
            state = await self._store.peek(texts=False)
            self._watched = await self._desk.reading(self._made, state)
            self._mark = mark

    def _made(self, state: EvaluatorState) -> Watched:
        decisions = self._desk.channels.decisions
        return Watched(Evaluator(self._desk.settings, decisions.rule_history, state, versions=decisions.versions))
