"""The detectors over the rows of a file: a score and perhaps an onset for each row, without broker, store or clock.

Rows are taken in the order of their times (they may stand in any order). A row whose time was there before is a copy: it
gets the score of the first one and counts for nothing. A row whose count is missing gets the score 0. The score is the
evidence over what is needed for an alert: from 1 on it is one, but for `refractory_ms` after an onset there is no other.

Examples:
    >>> rows = [Row(i + 2, "", i * HOUR_MS, (90.0 if i == 400 else 20.0 + i % 3,)) for i in range(500)]
    >>> scored = list(score_rows(rows, VolumeTest(HOUR_MS, false_alarms_per_week=1.0)))
    >>> [row.line for row, _, alert in scored if alert], scored[10].score
    ([402], 0.0)
"""

from collections.abc import Iterator, Sequence
from math import exp, log
from typing import NamedTuple, Protocol

from streamwatch.detection.offline_rows import Row
from streamwatch.detection.settings import DetectionConfig
from streamwatch.detection.share import ShareDetector
from streamwatch.detection.volume_score import VolumeScore
from streamwatch.timeline import DAY_MS, HOUR_MS, bucket_start

REFRACTORY_MS = DAY_MS
LARGEST_LOG = log(1e12)
GAP_BUCKETS = 3
"""A longer gap parts what came before it from what comes after."""
COLD_HOURS = 24
"""So many hours (or rows, when these lie further apart) with a count above 0 make a series known."""
EMERGES = log(10.0)
"""Weeks to chance, of a row in a series that is not known yet: collection began here."""


class Scored(NamedTuple):
    """A row with its score and whether an alert begins there."""

    row: Row
    score: float
    alert: bool


class RowTest(Protocol):
    """A detector over rows in the order of time."""

    def take(self, at_ms: int, counts: tuple[float, ...]) -> float:
        """Count a row; the log of evidence over threshold, −∞ while the series is not known."""
        ...

    def onset(self) -> None:
        """An alert begins."""
        ...

    def rest(self, at_ms: int) -> None:
        """The refractory time is over."""
        ...


def score_rows(rows: Sequence[Row], test: RowTest, refractory_ms: int = REFRACTORY_MS) -> Iterator[Scored]:
    """Score all rows, in the order of time."""
    last: Scored | None = None
    onset_ms: int | None = None
    for row in sorted(rows, key=lambda row: row.at_ms):
        if last is not None and last.row.at_ms == row.at_ms and last.row.counts is not None:
            yield Scored(row, last.score, False)
            continue
        if onset_ms is not None and row.at_ms - onset_ms >= refractory_ms:
            test.rest(row.at_ms)
            onset_ms = None
        beyond = test.take(row.at_ms, row.counts) if row.counts is not None else float("-inf")
        alert = beyond >= 0 and onset_ms is None
        if alert:
            test.onset()
            onset_ms = row.at_ms
        last = Scored(row, exp(min(beyond, LARGEST_LOG)), alert)
        yield last


class VolumeTest:
    """Counts against what is usual.

    Args:
        width_ms: of a bucket; the distance of rows.
        false_alarms_per_week: allowed.
        aligned: buckets begin at multiples of their width (rows of one bucket add up, the open one is tested at each row);
            otherwise each row is a bucket.
    """

    def __init__(self, width_ms: int, false_alarms_per_week: float, aligned: bool = False) -> None:
        self._width_ms = width_ms
        self._weeks = 1 / false_alarms_per_week
        self._aligned = aligned
        self._open_ms: int | None = None
        self._count = 0.0
        self._begin()

    def _begin(self) -> None:
        self._score = VolumeScore(self._width_ms, self._weeks, follows=True)
        self._hours: set[int] = set()

    @property
    def _known(self) -> bool:
        return self._score.knows_its_level and len(self._hours) >= COLD_HOURS

    def take(self, at_ms: int, counts: tuple[float, ...]) -> float:
        """See `RowTest`."""
        opens_ms = bucket_start(at_ms, self._width_ms) if self._aligned else at_ms
        if opens_ms != self._open_ms:
            self._close(opens_ms)
        self._count += counts[0]
        self._see_hour(at_ms, counts[0])
        evidence = self._score.evidence(opens_ms, self._count)
        if self._known:
            return evidence - self._score.log_threshold
        if self._score.knows_its_level and evidence > EMERGES:
            self._begin()
        return float("-inf")

    def _see_hour(self, at_ms: int, count: float) -> None:
        if count > 0 and len(self._hours) < COLD_HOURS:
            self._hours.add(at_ms // max(HOUR_MS, self._width_ms))

    def onset(self) -> None:
        """See `RowTest`."""
        self._score.onset()

    def rest(self, at_ms: int) -> None:
        """See `RowTest`: nothing was frozen."""

    def _close(self, opens_ms: int) -> None:
        """The bucket that was open ends, and another one begins; rows that are missing are not known."""
        if self._open_ms is not None:
            self._score.close(self._open_ms, self._count)
            if opens_ms - self._open_ms > GAP_BUCKETS * self._width_ms:
                self._score.interrupt()
        self._open_ms, self._count = opens_ms, 0.0


class ShareTest:
    """Negatives among documents: the detector of production, which is frozen for the refractory time after an onset."""

    def __init__(self, width_ms: int, false_alarms_per_week: float) -> None:
        self._detector = ShareDetector(
            DetectionConfig(
                detection_bucket_ms=width_ms,
                false_alarms_per_week=false_alarms_per_week,
                max_series=1,
                n_kinds=1,
                bucket_ms=width_ms,
            )
        )
        self._log_threshold = log(self._detector.threshold)

    def take(self, at_ms: int, counts: tuple[float, ...]) -> float:
        """See `RowTest`."""
        n, k = counts
        if n:
            self._detector.update(at_ms, int(n), int(k))
        beyond = self._detector.log_e - self._log_threshold
        return beyond if self._detector.crossed else min(beyond, -1e-9)

    def onset(self) -> None:
        """See `RowTest`."""
        self._detector.begin()

    def rest(self, at_ms: int) -> None:
        """See `RowTest`: what has lasted as long is usual now."""
        self._detector.end(at_ms, new_level=not self._detector.calm(at_ms))
