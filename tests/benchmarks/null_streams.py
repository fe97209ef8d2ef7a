"""Streams in which nothing happens: n documents in each bucket of ten minutes, k of them negative.

What may vary without being news: documents of one bucket agree with each other (intra-class ρ: the bucket's share is
drawn from a beta distribution), the day has a shape in its share and in its volume, and the log-odds of the share swing
slowly (a stationary AR(1)). Every run begins at a moment of the week of its own.

Examples:
    >>> stream = Null(50, rho=0.02).stream(1008, np.random.default_rng(1))
    >>> len(stream.n), 0.25 < sum(stream.k) / sum(stream.n) < 0.35
    (1008, True)
    >>> Null(200, rho=0.05, swing=0.15).name
    'n200 rho.05 swing'
"""

from typing import NamedTuple

import numpy as np
from scipy.signal import lfilter

from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS, WEEK_MS, parse_rfc3339

BUCKET_MS = 10 * MINUTE_MS
BEGINS_MS = parse_rfc3339("2024-01-01T00:00:00Z")
DAILY_ODDS = 0.2
"""The share's log-odds go up and down by this in a day …"""
DAILY_VOLUME = 0.5
"""… and the volume by half of its mean: the busiest moment has three times the documents of the quietest."""
SHARE_LAGS_MS = 6 * HOUR_MS
"""The share is highest a quarter of a day after the volume: neither hides the other."""
SWING_SD, SWING_MS = 0.15, 3 * HOUR_MS


class Stream(NamedTuple):
    """Counts of consecutive buckets from `start_ms` on; plain integers, as a detector gets them."""

    start_ms: int
    n: list[int]
    k: list[int]

    def then(self, later: "Stream") -> "Stream":
        """This one, and the buckets of another after it."""
        return Stream(self.start_ms, self.n + later.n, self.k + later.k)


class Null(NamedTuple):
    """A kind of stream: mean documents a bucket, ρ, whether the day has a shape, standard deviation of the swing."""

    per_bucket: float
    rho: float = 0.0
    daily: bool = False
    swing: float = 0.0
    share: float = 0.3
    fixed: bool = False

    @property
    def shape(self) -> str:
        """What varies slowly."""
        return {(0, 0): "flat", (1, 0): "cycle", (0, 1): "swing", (1, 1): "both"}[self.daily, self.swing > 0]

    @property
    def name(self) -> str:
        """The cell of the table."""
        return f"n{self.per_bucket:g} rho{f'{self.rho:g}'.lstrip('0') or '0'} {self.shape}"

    def stream(self, length: int, rng: np.random.Generator) -> Stream:
        """One run of `length` buckets."""
        start_ms = BEGINS_MS + int(rng.integers(WEEK_MS // BUCKET_MS)) * BUCKET_MS
        at_ms = start_ms + np.arange(length, dtype=np.int64) * BUCKET_MS
        rate = self.per_bucket * (1 + self.daily * DAILY_VOLUME * day(at_ms))
        n = np.rint(rate).astype(np.int64) if self.fixed else rng.poisson(rate)
        turns = self.daily * DAILY_ODDS * day(at_ms - SHARE_LAGS_MS) + self.swing * wander(length, SWING_MS, rng)
        k = rng.binomial(n, agreeing(turned(np.full(length, self.share), turns), self.rho, rng))
        return Stream(start_ms, n.tolist(), k.tolist())


def turned(share: np.ndarray, log_odds: np.ndarray) -> np.ndarray:
    """The share with its log-odds changed."""
    odds = share / (1 - share) * np.exp(log_odds)
    return odds / (1 + odds)


def agreeing(share: np.ndarray, rho: float, rng: np.random.Generator) -> np.ndarray:
    """The shares of buckets whose documents have the intra-class correlation ρ."""
    if not rho:
        return share
    size = 1 / rho - 1
    return rng.beta(share * size, (1 - share) * size)


def wander(length: int, memory_ms: int, rng: np.random.Generator, step_ms: int = BUCKET_MS) -> np.ndarray:
    """A stationary AR(1) of variance 1 that forgets by a factor e in `memory_ms`."""
    kept = np.exp(-step_ms / memory_ms)
    steps = rng.normal(size=length)
    steps[1:] *= np.sqrt(1 - kept * kept)
    return lfilter([1.0], [1.0, -kept], steps)


def day(at_ms: np.ndarray) -> np.ndarray:
    """The shape of a day (UTC), between −1 and 1: highest at six in the morning."""
    return np.sin(2 * np.pi * (at_ms % DAY_MS) / DAY_MS)
