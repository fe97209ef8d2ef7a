"""What others do with a share, for comparison: a z-test, an exact binomial test, an EWMA chart.

All take p₀ from the history before the bucket (a discounted mean, half-life a week) and are set to one false alarm in
`run_length` buckets, as their books say: the tests by their level, the chart by its average run length on independent
normal scores. They work on matrices (run × bucket) and answer where they alarm.

References: S. W. Roberts, "Control chart tests based on geometric moving averages", Technometrics 1 (1959), the chart;
D. Brook, D. A. Evans, "An approach to the probability distribution of cusum run length", Biometrika 59 (1972), its limit.

Examples:
    >>> n = np.full((1, 200), 10)
    >>> k = np.where(np.arange(200) < 190, 3, 9)[None, :]
    >>> {name: int(np.argmax(alarms)) for name, alarms in peers(n, k, 1008).items()}
    {'z': 190, 'binomial': 190, 'EWMA': 191}
"""

from functools import cache

import numpy as np
from null_streams import BUCKET_MS
from scipy.optimize import brentq
from scipy.signal import lfilter
from scipy.stats import binom, norm

from streamwatch.timeline import WEEK_MS

NAMES = ("z", "binomial", "EWMA")
EWMA_WEIGHT = 0.2
KEPT = 0.5 ** (BUCKET_MS / WEEK_MS)


def peers(n: np.ndarray, k: np.ndarray, run_length: float) -> dict[str, np.ndarray]:
    """Where each peer alarms."""
    p0 = history(n, k)
    z = (k - n * p0) / np.sqrt(np.maximum(n, 1) * p0 * (1 - p0))
    return {
        "z": z >= norm.isf(1 / run_length),
        "binomial": (k > 0) & (binom.sf(k - 1, n, p0) <= 1 / run_length),
        "EWMA": _ewma(z, n > 0) >= ewma_limit(run_length),
    }


def history(n: np.ndarray, k: np.ndarray) -> np.ndarray:
    """The share of all buckets before each one, discounted; Jeffreys' prior."""
    discounted = [lfilter([0.0, 1.0], [1.0, -KEPT], counts.astype(float), axis=1) for counts in (n, k)]
    return (discounted[1] + 0.5) / (discounted[0] + 1.0)


@cache
def ewma_limit(run_length: float) -> float:
    """The upper limit of the chart whose average run length on independent standard normal scores is `run_length`.

    >>> round(float(ewma_limit(1008) / np.sqrt(EWMA_WEIGHT / (2 - EWMA_WEIGHT))), 2)
    2.96
    """
    return float(brentq(lambda limit: ewma_run_length(limit) - run_length, 0.3, 1.5))


def ewma_run_length(limit: float, n_states: int = 400) -> float:
    """By a Markov chain over the chart's values, from zero; below −6 standard deviations nothing returns soon."""
    lowest = -6 * np.sqrt(EWMA_WEIGHT / (2 - EWMA_WEIGHT))
    edges = np.linspace(lowest, limit, n_states + 1)
    centres = (edges[1:] + edges[:-1]) / 2
    reached = norm.cdf((edges[None, :] - (1 - EWMA_WEIGHT) * centres[:, None]) / EWMA_WEIGHT)
    steps = np.diff(reached, axis=1)
    steps[:, 0] += reached[:, 0]
    lengths = np.linalg.solve(np.eye(n_states) - steps, np.ones(n_states))
    return float(np.interp(0.0, centres, lengths))


def _ewma(z: np.ndarray, heard: np.ndarray) -> np.ndarray:
    """The moving average of the buckets that have documents."""
    out = np.empty_like(z)
    value = np.zeros(len(z))
    for i in range(z.shape[1]):
        value = np.where(heard[:, i], value + EWMA_WEIGHT * (z[:, i] - value), value)
        out[:, i] = value
    return out
