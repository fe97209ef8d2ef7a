"""How often the detectors fire when nothing happens, against the promise.

    python tests/benchmarks/detection_null.py [--series 50] [--weeks 4] [--allowed 1] [--only NAME]

Each line is a kind of stream without incidents: `--series` series of `--weeks` weeks. The promise is `false_alarms_per_week`
(here `--allowed`) over `max_series` series, half of it for each detector: 0.0025 a series and week with the defaults. That is too
rare to count, so `--allowed 200` (one alarm a series and week) shows whether the promise is kept where it can be seen.
"""

import argparse
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from streamwatch.detection.settings import DetectionConfig
from streamwatch.detection.share import ShareDetector
from streamwatch.detection.volume import VolumeDetector
from streamwatch.timeline import MINUTE_MS

HOUR = 60
WEEK = 7 * 24 * HOUR
STEP = 5
"""Minutes between updates: documents come in five-minute heaps, so that the simulation is affordable."""


class Null(NamedTuple):
    """A stream without incidents: documents an hour, share, and what varies."""

    per_hour: float
    share: float = 0.3
    daily: float = 0.0
    daily_odds: float = 0.0
    weekend: float = 1.0
    psi: float = 0.0
    rho: float = 0.0
    swing: float = 0.0
    memory_h: float = 1.0


NULLS = {
    "constant, 2 an hour": Null(2),
    "constant, 60 an hour": Null(60),
    "constant, 1200 an hour": Null(1200),
    "daily cycle x3": Null(60, daily=0.5),
    "daily cycle x9, share too by .2": Null(60, daily=0.8, daily_odds=0.2),
    "weekend half": Null(60, daily=0.5, weekend=0.5),
    "hours overdispersed, psi .1": Null(60, daily=0.5, psi=0.1),
    "hours overdispersed, psi .3": Null(60, daily=0.5, psi=0.3),
    "hours overdispersed, psi .3, few": Null(6, daily=0.5, psi=0.3),
    "rate remembers 3 h, psi .2": Null(60, daily=0.5, psi=0.2, memory_h=3),
    "share rho .02": Null(600, rho=0.02),
    "share rho .05": Null(120, rho=0.05),
    "share wanders by .2 over 6 h": Null(120, swing=0.2, memory_h=6),
}


def simulate(null: Null, weeks: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Documents and negatives of each five minutes."""
    minutes = np.arange(0, weeks * WEEK, STEP)
    rate = null.per_hour * STEP / HOUR * (1 + null.daily * np.sin(2 * np.pi * minutes / (24 * HOUR)))
    rate = rate * np.where(minutes // (24 * HOUR) % 7 >= 5, null.weekend, 1.0) * _liveliness(null, len(minutes), rng)
    n = rng.poisson(rate)
    turns = null.daily_odds * np.sin(2 * np.pi * minutes / (24 * HOUR))
    odds = null.share / (1 - null.share) * np.exp(turns + null.swing * _wander(null.memory_h, len(minutes), rng))
    p = odds / (1 + odds)
    if null.rho:
        size = 1 / null.rho - 1
        p = rng.beta(p * size, (1 - p) * size)
    return n, rng.binomial(n, p)


def false_alarms(detector: ShareDetector | VolumeDetector, n: np.ndarray, k: np.ndarray) -> int:
    """Crossings; after each the detector begins without evidence."""
    count = 0
    for i in np.flatnonzero(n):
        at_ms = int(i) * STEP * MINUTE_MS
        detector.update(at_ms, int(n[i]), int(k[i]))
        if k[i] and detector.crossed:
            count += 1
            detector.begin()
            detector.end(at_ms, new_level=False)
    return count


def main() -> None:
    """Print a line for each null."""
    options = _options()
    for name, null in NULLS.items():
        if options.only in name:
            print(_line(name, null, options), flush=True)


def _line(name: str, null: Null, options: argparse.Namespace) -> str:
    config = DetectionConfig(false_alarms_per_week=options.allowed)
    rng = np.random.default_rng(7)
    detectors: list[Callable[[DetectionConfig], ShareDetector | VolumeDetector]] = [ShareDetector, VolumeDetector]
    counts = [0, 0]
    for _ in range(options.series):
        n, k = simulate(null, options.weeks, rng)
        for which, detector in enumerate(detectors):
            counts[which] += false_alarms(detector(config), n, k)
    share, volume = (count / (options.series * options.weeks) for count in counts)
    promised = options.allowed / config.max_series / 2
    return f"{name:36} alarms a series and week: share {share:.4f} volume {volume:.4f} promised {promised:.4f} each"


def _liveliness(null: Null, length: int, rng: np.random.Generator) -> np.ndarray:
    """A factor of mean 1 and variance ψ: drawn for each hour, or a wandering one that remembers for hours."""
    if not null.psi:
        return np.ones(length)
    if null.memory_h > 1:
        sd = np.sqrt(np.log1p(null.psi))
        return np.exp(sd * _wander(null.memory_h, length, rng) - sd * sd / 2)
    hours = rng.gamma(1 / null.psi, null.psi, length * STEP // HOUR + 1)
    return np.repeat(hours, HOUR // STEP)[:length]


def _wander(memory_h: float, length: int, rng: np.random.Generator) -> np.ndarray:
    """A stationary AR(1) of variance 1 that forgets by a factor e in `memory_h`."""
    keep = np.exp(-STEP / HOUR / memory_h)
    steps = rng.normal(size=length) * np.sqrt(1 - keep * keep)
    steps[0] = rng.normal()
    out = np.empty(length)
    value = 0.0
    for i, step in enumerate(steps):
        value = keep * value + step
        out[i] = value
    return out


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=50)
    parser.add_argument("--weeks", type=int, default=4)
    parser.add_argument("--allowed", type=float, default=1.0, help="false_alarms_per_week")
    parser.add_argument("--only", default="", help="only nulls whose name contains this")
    return parser.parse_args()


if __name__ == "__main__":
    main()
