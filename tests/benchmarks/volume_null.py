"""How often the volume detector raises an alarm when nothing happens, against what is allowed.

    python tests/benchmarks/volume_null.py [--series 4] [--weeks 104] [--only NAME] [--bucket-minutes 30]

Each line is a kind of stream without incidents. After four weeks of warm-up the onsets are counted (each followed by a day
of rest), with the exact 95 % interval of a Poisson rate; the first four weeks stand beside them. The last lines are streams with
heavy-tailed bursts: there the Gumbel tail does not hold, and only the bar keeps the rate near the promise. `strict` is
0.0025 a series and week, what a budget of one a week over 200 series and two detectors leaves: too rare to be counted to.
"""

import argparse
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.stats import chi2
from volume_streams import Floats, wander

from streamwatch.detection.volume_score import VolumeScore
from streamwatch.timeline import DAY_MS, MINUTE_MS, WEEK_MS

START_MS = 2_000 * WEEK_MS
WARM_WEEKS = 4
ALLOWED = {"1 a week": 1.0, "0.1 a week": 0.1, "strict": 0.0025}


class Null(NamedTuple):
    """Counts an hour, and what varies."""

    per_hour: float
    daily: float = 0.0
    weekend: float = 1.0
    psi: float = 0.0
    memory_h: float = 0.0
    bursts_a_day: float = 0.0


NULLS = {
    "constant, 0.5 an hour": Null(0.5),
    "constant, 2 an hour": Null(2),
    "constant, 10 an hour": Null(10),
    "constant, 60 an hour": Null(60),
    "constant, 1200 an hour": Null(1200),
    "daily cycle x3": Null(60, daily=0.5),
    "daily cycle x9": Null(60, daily=0.8),
    "daily cycle x9, 3 an hour": Null(3, daily=0.8),
    "weekend half": Null(60, daily=0.5, weekend=0.5),
    "hours overdispersed, psi .1": Null(60, daily=0.5, psi=0.1),
    "hours overdispersed, psi .3": Null(60, daily=0.5, psi=0.3),
    "hours overdispersed, psi .3, few": Null(6, daily=0.5, psi=0.3),
    "rate remembers 3 h, psi .2": Null(60, daily=0.5, psi=0.2, memory_h=3),
    "heavy bursts, 60 an hour": Null(60, daily=0.5, bursts_a_day=2),
    "heavy bursts, 3 an hour": Null(3, bursts_a_day=2),
}


def simulate(null: Null, weeks: int, width_ms: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Counts of buckets."""
    n = weeks * WEEK_MS // width_ms
    at_ms = np.arange(n) * width_ms
    rate = null.per_hour * width_ms / (60 * MINUTE_MS) * (1 + null.daily * np.sin(2 * np.pi * at_ms / DAY_MS))
    rate = rate * np.where(at_ms // DAY_MS % 7 >= 5, null.weekend, 1.0)
    per_hour = max(1, 60 * MINUTE_MS // width_ms)
    if null.memory_h:
        sd = np.sqrt(np.log1p(null.psi))
        rate = rate * np.exp(sd * wander(rng, n, null.memory_h * per_hour) - sd * sd / 2)
    elif null.psi:
        rate = rate * np.repeat(rng.gamma(1 / null.psi, null.psi, n // per_hour + 1), per_hour)[:n]
    return np.asarray(rng.poisson(rate * (1 + _bursts(null, n, width_ms, rng))))


def onsets(counts: NDArray[np.int64], width_ms: int, allowed: float) -> list[int]:
    """Weeks in which an alarm begins."""
    score, found, quiet_ms = VolumeScore(width_ms, 1 / allowed), list[int](), 0
    for i, count in enumerate(counts.tolist()):
        at_ms = START_MS + i * width_ms
        if score.knows_its_level and at_ms >= quiet_ms and score.evidence(at_ms, count) >= score.log_threshold:
            found.append((at_ms - START_MS) // WEEK_MS)
            score.onset()
            quiet_ms = at_ms + DAY_MS
        score.close(at_ms, count)
    return found


def main() -> None:
    """Print a line for each null."""
    options = _options()
    for name, null in NULLS.items():
        if options.only in name:
            print(_line(name, null, options), flush=True)


def _line(name: str, null: Null, options: argparse.Namespace) -> str:
    width_ms = options.bucket_minutes * MINUTE_MS
    cells = []
    for label, allowed in ALLOWED.items():
        rng = np.random.default_rng(11)
        late = early = 0
        for _ in range(options.series):
            weeks = onsets(simulate(null, options.weeks, width_ms, rng), width_ms, allowed)
            late += sum(week >= WARM_WEEKS for week in weeks)
            early += sum(week < WARM_WEEKS for week in weeks)
        n = options.series * (options.weeks - WARM_WEEKS)
        low, high = _interval(late)
        kept = "" if low / n <= allowed else " NOT KEPT"
        first = early / options.series / WARM_WEEKS
        cells.append(f"{label}: {late / n:.4f} ({low / n:.4f} to {high / n:.4f}), first weeks {first:.3f}{kept}")
    return f"{name:34} " + " | ".join(cells)


def _interval(count: int) -> tuple[float, float]:
    """The exact 95 % interval of a Poisson mean."""
    low = float(chi2.ppf(0.025, 2 * count)) / 2 if count else 0.0
    return low, float(chi2.ppf(0.975, 2 * count + 2)) / 2


def _bursts(null: Null, n: int, width_ms: int, rng: np.random.Generator) -> Floats:
    """Pareto heights (index 2.2) that halve with each bucket."""
    kicks = np.zeros(n)
    where = rng.integers(0, n, rng.poisson(n * width_ms / DAY_MS * null.bursts_a_day))
    kicks[where] = np.minimum(0.7 * rng.pareto(2.2, len(where)), 25.0)
    return np.asarray(lfilter([1.0], [1.0, -0.5], kicks))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=4)
    parser.add_argument("--weeks", type=int, default=104)
    parser.add_argument("--only", default="", help="only nulls whose name contains this")
    parser.add_argument("--bucket-minutes", type=int, default=30)
    return parser.parse_args()


if __name__ == "__main__":
    main()
