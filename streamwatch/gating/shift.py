"""By how much a candidate moves what detectors watch, measured on documents that both models read.

Each document counts in the series that *its* model puts it into (a topic is the model's), so what moves of documents from topic
to topic is in it. For each series three differences, candidate less incumbent: log-odds of the negative share, log number of
negatives, log number of documents; half a document is added to every count. The standard error is that of paired documents:
what one document adds to both sides goes out, so that 2,000 of them say much of two similar models. Half a document that
changed sides is added to it, since "none of these 40 changed" does not mean that none ever will.

A series with few documents says little of itself: each is shrunk to the pool, an empirical Bayes estimate with the
variance between series by moments (DerSimonian and Laird, with a prior: of three topics that look alike nobody knows that
all do). A series that was not seen takes the pool, and the variance between series into its error. `all` and the sources
are sums of the others: they are measured and make no pool.

Documents must be a uniform sample of the stream, or carry `weights` (1 / inclusion probability).

References: B. Efron, C. Morris, "Stein's estimation rule and its competitors", JASA 68 (1973); R. DerSimonian, N. Laird,
"Meta-analysis in clinical trials", Controlled Clinical Trials 7 (1986).

Examples:
    >>> series = [("all", "topic:a" if i % 2 else "topic:b") for i in range(2000)]
    >>> old = [i % 10 < 3 for i in range(2000)]
    >>> new = [i % 10 < 4 for i in range(2000)]
    >>> table = measure(series, series, old, new)
    >>> one = table.of("all")
    >>> round(one.log_odds, 2), one.log_odds_se < 0.05, one.log_volume
    (0.44, True, 0.0)
    >>> table.of("ticker:NEW").log_odds_se > table.of("topic:a").log_odds_se
    True
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamwatch.detection.shift import Shift
from streamwatch.detection.versions import Table

Floats = NDArray[np.float64]

LEAST_DOCUMENTS = 2000
"""Of a measurement: with 2,000 a share of 30 % of which 10 % of the labels change is known to ±.03 log-odds."""
LEAST_OF_SERIES = 20
"""Of a series with a line of its own; with fewer the pool says it all."""
HALF = 0.5
"""Added to every count, and (of a document) to what changed sides: Jeffreys' prior."""
PRIOR_BETWEEN, PRIOR_SERIES = 0.1**2, 3.0
"""Variance between series before there is evidence, and its weight in series."""
SUMS = ("all", "source:")
"""Series that hold others whole: measured, and no part of the pool."""


class Estimates(NamedTuple):
    """One of the three differences in each of n series, with its variances: `(n,)` each."""

    value: Floats
    variance: Floats


def measure(
    old_series: Sequence[Sequence[str]],
    new_series: Sequence[Sequence[str]],
    old_negative: ArrayLike,
    new_negative: ArrayLike,
    weights: ArrayLike | None = None,
) -> Table:
    """The shift of every series that has documents enough, and of the others.

    Args:
        old_series: of each document, the series that it counts in as the incumbent reads it.
        new_series: the same, as the candidate does.
        old_negative: whether it counts as negative with the incumbent; labels that came with it count as they came.
        new_negative: the same with the candidate.
        weights: 1 / inclusion probability; equal where there are none.

    Raises `ValueError` where the lengths differ or there is no document.
    """
    negative = np.asarray(old_negative, bool), np.asarray(new_negative, bool)
    n = len(old_series)
    weight = np.ones(n) if weights is None else np.asarray(weights, float) / np.mean(np.asarray(weights, float))
    if not n or {len(new_series), len(negative[0]), len(negative[1]), len(weight)} != {n}:
        raise ValueError("of each document both models' series and labels are needed, and of one at least")
    members = _members(old_series), _members(new_series)
    names = [name for name in sorted(members[0].keys() | members[1].keys()) if _known(name, members)]
    rows = [_one(name, members, negative, weight) for name in names]
    return _table(names, rows)


def _members(series: Sequence[Sequence[str]]) -> dict[str, list[int]]:
    """The documents of each series."""
    members: dict[str, list[int]] = defaultdict(list)
    for i, names in enumerate(series):
        for name in set(names):
            members[name].append(i)
    return members


def _known(name: str, members: tuple[dict[str, list[int]], dict[str, list[int]]]) -> bool:
    return max(len(of.get(name, ())) for of in members) >= LEAST_OF_SERIES


def _one(
    name: str, members: tuple[dict[str, list[int]], ...], negative: tuple[NDArray[np.bool_], ...], weight: Floats
) -> list[tuple[float, float]]:
    """The three differences of one series, each with its variance: sums of squared influences of paired documents."""
    sides = []
    for of, said in zip(members, negative, strict=True):
        inside = np.zeros(len(weight))
        inside[of.get(name, [])] = 1.0
        sides.append(_side(inside * weight, said))
    (log_odds, by_odds, half_odds), (negatives, by_negatives, half_negatives), (volume, by_volume, half_volume) = (
        (new[0] - old[0], new[1] - old[1], max(new[2], old[2])) for old, new in zip(*sides, strict=True)
    )
    moved = bool(np.any(by_volume))
    return [
        (log_odds, float(by_odds @ by_odds) + HALF * half_odds**2),
        (negatives, float(by_negatives @ by_negatives) + HALF * half_negatives**2),
        (volume, float(by_volume @ by_volume) + HALF * half_volume**2 * moved),
    ]


def _side(inside: Floats, negative: NDArray[np.bool_]) -> list[tuple[float, Floats, float]]:
    """Of one model and series: each of the three numbers, what each document adds to it, and what a changed one would."""
    among = inside * negative
    k, n = among.sum() + HALF, inside.sum() + 2 * HALF
    rest = n - k
    return [
        (float(np.log(k / rest)), among / k - (inside - among) / rest, float(1 / k + 1 / rest)),
        (float(np.log(k)), among / k, float(1 / k)),
        (float(np.log(n)), inside / n, float(1 / n)),
    ]


def _table(names: Sequence[str], rows: Sequence[Sequence[tuple[float, float]]]) -> Table:
    """Each series shrunk to the pool, difference by difference."""
    pooled = np.array([not name.startswith(SUMS) for name in names], bool)
    pools, shrunk = [], []
    for i in range(3):
        estimates = Estimates(np.array([row[i][0] for row in rows]), np.array([row[i][1] for row in rows]))
        of_pool, between = _pool(estimates, pooled)
        pools += [of_pool.value[0], float(np.sqrt(of_pool.variance[0] + between))]
        shrunk.append(_shrunk(estimates, of_pool, between, pooled))
    series = {
        name: Shift(*(number for one in shrunk for number in (float(one.value[j]), float(np.sqrt(one.variance[j])))))
        for j, name in enumerate(names)
    }
    return Table(Shift(*map(float, pools)), series)


def _pool(estimates: Estimates, pooled: NDArray[np.bool_]) -> tuple[Estimates, float]:
    """The mean of the series and its variance, and the variance between them; of `all` where nothing else is known."""
    value, variance = (part[pooled] if pooled.any() else part[:1] for part in estimates)
    known = np.maximum(variance, 1e-12)
    w = 1 / known
    mean = float(w @ value / w.sum())
    spare = w.sum() - (w @ w) / w.sum()
    seen = PRIOR_BETWEEN
    if len(value) > 1:
        seen = max(0.0, float((w @ (value - mean) ** 2 - (len(value) - 1)) / spare))
    between = (PRIOR_SERIES * PRIOR_BETWEEN + len(value) * seen) / (PRIOR_SERIES + len(value))
    w = 1 / (known + between)
    return Estimates(np.array([w @ value / w.sum()]), np.array([1 / w.sum()])), between


def _shrunk(estimates: Estimates, pool: Estimates, between: float, pooled: NDArray[np.bool_]) -> Estimates:
    """The posterior means and variances; what is no part of the pool stays as it was measured."""
    own = between / np.maximum(between + estimates.variance, 1e-12)
    own = np.where(pooled, own, 1.0)
    value = own * estimates.value + (1 - own) * pool.value
    variance = own**2 * estimates.variance + (1 - own) ** 2 * (pool.variance + between)
    return Estimates(value, variance)
