"""Series of counts every five minutes, as social media bring them, with planted anomalies.

Each seed draws a series of its own kind: level from 0.3 to 500 a row, daily cycle, weekend, overdispersed rows, a rate that
remembers for hours, heavy-tailed bursts that are no anomalies, drifts and unlabelled steps, a collection that begins late,
rows that are missing, rows that are zero because the collector failed. One to five anomalies (spikes, bursts that fade,
slow rises, steps) have amplitudes from hardly visible to plain. Windows lie around the onsets and hold a tenth of the
rows together, as in the Numenta benchmark.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

Floats = NDArray[np.float64]
STEP_MS = 300_000
ROWS_A_DAY = 288
WINDOWS_PART = 0.1
HEIGHTS, HEIGHTS_PLAIN = (1.0, 20.0), (2.5, 40.0)
FIRST_MS = 1_400_000_100_000


class Labelled(NamedTuple):
    """`at_ms` and `count` of the rows there are, `windows` as inclusive pairs of row numbers."""

    name: str
    at_ms: NDArray[np.int64]
    count: NDArray[np.int64]
    windows: list[tuple[int, int]]


def synthetic(seed: int, plain: bool = False) -> Labelled:
    """The series of a seed; `plain` has anomalies that are easier to see."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(18, 60)) * ROWS_A_DAY
    rate = _background(rng, n)
    onsets = _onsets(rng, n)
    excess = np.zeros(n)
    typical = float(np.median(rate))
    for onset in onsets:
        excess += _anomaly(rng, n, onset, typical, plain)
    shape = 1.0 / rng.choice([0.005, 0.02, 0.05, 0.1, 0.3])
    count = rng.poisson((rate + excess) * rng.gamma(shape, 1 / shape, n))
    _break(rng, count, onsets)
    kept = rng.random(n) >= rng.choice([0.0, 0.0, 0.001, 0.03])
    at_ms = FIRST_MS + np.arange(n) * STEP_MS
    moved = np.cumsum(kept) - 1
    windows = windows_around([int(moved[onset]) for onset in onsets], int(kept.sum()))
    return Labelled(f"synthetic {seed}", at_ms[kept], count[kept], windows)


def planted(name: str, at_ms: NDArray[np.int64], count: NDArray[np.int64], seed: int, plain: bool = False) -> Labelled:
    """A real series with anomalies planted in it; what it has of its own is not labelled."""
    rng = np.random.default_rng(seed)
    onsets = _onsets(rng, len(count))
    rows_a_day = int(86_400_000 // np.median(np.diff(at_ms)))
    typical = max(float(np.mean(count)), 0.5)
    total = count.copy()
    for onset in onsets:
        total += rng.poisson(_anomaly(rng, len(count), onset, typical, plain, rows_a_day))
    return Labelled(f"{name} {seed}", at_ms, total, windows_around(onsets, len(count)))


def windows_around(onsets: list[int], n: int) -> list[tuple[int, int]]:
    """Windows of equal width around the onsets, a tenth of the rows together."""
    half = max(1, int(n * WINDOWS_PART / len(onsets) / 2))
    return [(max(0, onset - half), min(n - 1, onset + half)) for onset in onsets]


def _background(rng: np.random.Generator, n: int) -> Floats:
    rows = np.arange(n)
    rate = np.full(n, np.exp(rng.uniform(np.log(0.3), np.log(500))))
    phase, second = rng.uniform(0, 2 * np.pi, 2)
    day = 2 * np.pi * rows / ROWS_A_DAY
    rate *= np.exp(rng.uniform(0, 1.0) * np.sin(day + phase) + rng.uniform(0, 0.4) * np.sin(2 * day + second))
    rate *= np.where(rows // ROWS_A_DAY % 7 >= 5, rng.uniform(0.5, 1.1), 1.0)
    rate *= np.exp(rng.choice([0.05, 0.15, 0.3, 0.5]) * wander(rng, n, rng.choice([6, 24, 72])))
    rate *= np.exp(rng.choice([0.0, 0.1, 0.3]) * wander(rng, n, 10 * ROWS_A_DAY))
    rate *= 1 + _bursts(rng, n)
    if rng.random() < 0.2:
        rate[int(rng.integers(n // 2, n)) :] *= rng.uniform(0.5, 1.6)
    return rate


def _bursts(rng: np.random.Generator, n: int) -> Floats:
    """A retweeted post, a scheduled one: Pareto heights that fade within some rows."""
    kicks = np.zeros(n)
    number = rng.poisson(n / ROWS_A_DAY * rng.choice([0.0, 0.3, 1.0, 4.0]))
    where = rng.integers(0, n, number)
    kicks[where] = np.minimum(0.7 * rng.pareto(rng.uniform(1.8, 3.5), number), 25.0)
    return np.asarray(lfilter([1.0], [1.0, -rng.choice([0.0, 0.4, 0.8])], kicks))


def _onsets(rng: np.random.Generator, n: int) -> list[int]:
    """One to five, not in the first 16 % and not within 3 % of each other."""
    number, onsets = int(rng.integers(1, 6)), list[int]()
    while len(onsets) < number:
        onset = int(rng.integers(int(n * 0.16), int(n * 0.97)))
        if all(abs(onset - other) > n * 0.1 for other in onsets):
            onsets.append(onset)
    return sorted(onsets)


def _anomaly(
    rng: np.random.Generator, n: int, onset: int, typical: float, plain: bool, rows_a_day: int = ROWS_A_DAY
) -> Floats:
    """The excess rate of one anomaly, in a shape drawn at random; the height is so many times the typical rate."""
    low, high = HEIGHTS_PLAIN if plain else HEIGHTS
    height = typical * np.exp(rng.uniform(np.log(low), np.log(high)))
    after = np.maximum(np.arange(n) - onset, 0.0)
    on = np.arange(n) >= onset
    kind = rng.choice(["spike", "fade", "fade", "rise", "step"])
    if kind == "spike":
        return np.asarray(2 * height * (on & (after < rng.integers(1, 5))))
    if kind == "fade":
        return np.asarray(height * on * np.exp(-after / (rows_a_day / 24 * rng.uniform(0.3, 8))))
    if kind == "rise":
        length = rows_a_day / 24 * rng.uniform(2, 10)
        return np.asarray(height * np.clip(after / length, 0, 1) * np.exp(-np.maximum(after - length, 0) / length))
    return np.asarray(0.4 * height * (on & (after < rows_a_day * rng.uniform(0.5, 6))))


def _break(rng: np.random.Generator, count: NDArray[np.int64], onsets: list[int]) -> None:
    """A collection that begins late, and collectors that fail for a while."""
    if rng.random() < 0.2:
        begins = int(rng.integers(0, int(len(count) * 0.1)))
        count[:begins] = rng.poisson(0.02, begins)
    for _ in range(rng.choice([0, 0, 1, 3])):
        start = int(rng.integers(0, len(count)))
        if all(abs(start - onset) > ROWS_A_DAY for onset in onsets):
            count[start : start + int(rng.integers(3, 60))] = 0


def wander(rng: np.random.Generator, n: int, memory: float) -> Floats:
    """A stationary AR(1) of variance 1 that forgets by a factor e in `memory` rows."""
    keep = float(np.exp(-1 / memory))
    steps = rng.normal(size=n) * np.sqrt(1 - keep * keep)
    steps[0] = rng.normal()
    return np.asarray(lfilter([1.0], [1.0, -keep], steps))
