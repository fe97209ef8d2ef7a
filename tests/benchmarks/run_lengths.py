"""How long the share detector runs until it says something: one run, and the statistics of many.

A run is driven as production would: every bucket with documents is an `update`, and where it has negatives (only they
move a test towards its threshold) `crossed` is asked. A false alarm is an episode, resolved after an hour.

The mean run length is estimated with censored runs counted: buckets watched ÷ alarms, the maximum-likelihood estimate
of an exponential run length, with the exact Poisson interval of the alarms (F. Garwood, "Fiducial limits for the
Poisson distribution", Biometrika 28, 1936). Where runs differ (a baseline that was estimated low alarms soon, another
never) it errs to the short side.

Examples:
    >>> watched = RunLengths.of([(500, True), (1500, True), (4000, False)])
    >>> watched.mean, [round(bound) for bound in watched.interval]
    (3000.0, [830, 24772])
    >>> RunLengths(4000, 0, 1).mean
    inf
"""

from collections.abc import Iterable
from math import inf, isclose
from typing import NamedTuple, Protocol

import msgspec
from null_streams import BUCKET_MS, Stream
from scipy.stats import chi2

from streamwatch.detection.settings import DetectionConfig
from streamwatch.timeline import HOUR_MS

EPISODE_MS = HOUR_MS
"""How long a false alarm is taken to fire before it is resolved: nothing is wrong, so calm comes at once."""
CONFIDENCE = 0.95


class RunLengths(NamedTuple):
    """`exposure` buckets were watched in `runs` runs, of which `alarms` ended in an alarm."""

    exposure: int
    alarms: int
    runs: int

    @classmethod
    def of(cls, runs: Iterable[tuple[int, bool]]) -> "RunLengths":
        """From each run's length and whether an alarm ended it."""
        kept = list(runs)
        return cls(sum(length for length, _ in kept), sum(alarmed for _, alarmed in kept), len(kept))

    def __add__(self, other: object) -> "RunLengths":
        """Both together."""
        if not isinstance(other, RunLengths):
            return NotImplemented
        return RunLengths(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    @property
    def mean(self) -> float:
        """Buckets to a false alarm."""
        return self.exposure / self.alarms if self.alarms else inf

    @property
    def interval(self) -> tuple[float, float]:
        """95 % of the mean."""
        fewest, most = poisson_interval(self.alarms)
        return self.exposure / most, self.exposure / fewest if fewest else inf


def poisson_interval(count: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The exact interval of the mean of a Poisson count.

    >>> [round(bound, 2) for bound in poisson_interval(0)], [round(bound, 2) for bound in poisson_interval(10)]
    ([0.0, 3.69], [4.8, 18.39])
    """
    tail = (1 - confidence) / 2
    fewest = float(chi2.ppf(tail, 2 * count)) / 2 if count else 0.0
    return fewest, float(chi2.ppf(1 - tail, 2 * count + 2)) / 2


def config_of(run_length: float) -> DetectionConfig:
    """The settings that promise one false alarm of the share detector in `run_length` buckets of ten minutes.

    >>> round(config_of(1008).share_run_length, 6)
    1008.0
    """
    unit = DetectionConfig(detection_bucket_ms=BUCKET_MS, max_series=1, false_alarms_per_week=1.0)
    config = msgspec.structs.replace(unit, false_alarms_per_week=unit.share_run_length / run_length)
    if not isclose(config.share_run_length, run_length):
        raise ValueError(f"these settings promise {config.share_run_length} buckets, not {run_length}")
    return config


class Tested(Protocol):
    """What is driven: the share detector."""

    @property
    def crossed(self) -> bool: ...
    def update(self, start_ms: int, n: int, k: int) -> None: ...
    def begin(self) -> None: ...
    def end(self, at_ms: int, new_level: bool) -> None: ...


def drive(detector: Tested, stream: Stream, since: int, until: int, first_only: bool = False) -> list[int]:
    """Feed buckets `since` to `until`; the buckets with an alarm. With `first_only` the run ends there."""
    alarms: list[int] = []
    calm_ms = 0
    for i in range(since, until):
        at_ms, n, k = stream.start_ms + i * BUCKET_MS, stream.n[i], stream.k[i]
        if calm_ms and at_ms >= calm_ms:
            detector.end(at_ms, new_level=False)
            calm_ms = 0
        if not n:
            continue
        detector.update(at_ms, n, k)
        if k and not calm_ms and detector.crossed:
            alarms.append(i)
            if first_only:
                return alarms
            detector.begin()
            calm_ms = at_ms + EPISODE_MS
    if calm_ms:
        detector.end(stream.start_ms + until * BUCKET_MS, new_level=False)
    return alarms


def first(alarms: list[int], since: int, until: int) -> tuple[int, bool]:
    """Length of a run that is watched from `since` on, and whether an alarm ended it.

    >>> first([107], 100, 200), first([], 100, 200)
    ((8, True), (100, False))
    """
    return (alarms[0] - since + 1, True) if alarms else (until - since, False)
