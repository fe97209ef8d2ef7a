"""Documents through windows and detectors in virtual time, with all evidence: the alerts that a worker would have sent.

Examples:
    >>> backtest = Backtest(Settings())
    >>> backtest.feed([]), backtest.finish()
    ([], [])
"""

from collections.abc import Sequence
from typing import NamedTuple

from streamwatch.alerting.evaluator import Evaluator
from streamwatch.alerting.evidence import complete
from streamwatch.alerting.transition import Transition
from streamwatch.alerting.virtual import PARTITION, VirtualTime
from streamwatch.config import Settings
from streamwatch.records import Alert, Classified
from streamwatch.rules.history import RuleHistory
from streamwatch.rules.rule_set import RuleSet, default_rules
from streamwatch.timeline import HOUR_MS, bucket_start
from streamwatch.trends.entry import series_of

KEPT_RECORDS = 500_000
"""Of which evidence can be shown: half a gigabyte. A worker reads its evidence from the log, which is kept for weeks."""


class Point(NamedTuple):
    """What one series brought in one step of the drawing, and what was usual for its share then (None while unknown)."""

    n: int
    k: int


class Usual(NamedTuple):
    """The expected share with its interval."""

    p0: float
    low: float
    high: float


class Backtest:
    """One run.

    Args:
        rules: those of a file; None: those of the settings.
        step_ms: width of the points that are kept for drawing.

    Attributes:
        step_ms: width of the points.
        points: by series and start of the step.
        usual: by series and start of the step, as the detector had it when the step ended.
        emerged: series that spoke up without a history, and when that was first seen.
    """

    def __init__(self, settings: Settings, rules: RuleSet | None = None, step_ms: int = HOUR_MS) -> None:
        self.rules = rules or default_rules(settings)
        self.virtual = VirtualTime(settings, Evaluator(settings, RuleHistory().changed(self.rules, 0)))
        self.points: dict[str, dict[int, Point]] = {}
        self.usual: dict[str, dict[int, Usual]] = {}
        self.emerged: dict[str, int] = {}
        self.first_ms: int | None = None
        self.step_ms = step_ms
        self._records: dict[tuple[int, int], Classified] = {}
        self._noted_ms = -1

    @property
    def evaluator(self) -> Evaluator:
        """What it feeds."""
        return self.virtual.evaluator

    @property
    def last_ms(self) -> int:
        """The newest date so far."""
        return self.virtual.arrival_ms

    def feed(self, records: Sequence[Classified]) -> list[Alert]:
        """Count documents, in the order of the log; the alerts that this brings."""
        self._keep(records)
        told = self._completed(self.virtual.feed(records))
        self._note_usual()
        return told

    def finish(self) -> list[Alert]:
        """All have come."""
        return self._completed(self.virtual.finish())

    def _completed(self, transitions: Sequence[Transition]) -> list[Alert]:
        return [complete(transition, self._records) for transition in transitions]

    def _keep(self, records: Sequence[Classified]) -> None:
        offset = self.virtual.n_fed
        for i, record in enumerate(records):
            self.first_ms = record.published_ms if self.first_ms is None else min(self.first_ms, record.published_ms)
            self._records[PARTITION, offset + i] = record
            self._records.pop((PARTITION, offset + i - KEPT_RECORDS), None)
            self._draw(record)

    def _draw(self, record: Classified) -> None:
        if not record.counted_sentiment:
            return  # it was not read, and is no part of n
        step = bucket_start(record.published_ms, self.step_ms)
        negative = record.counted_sentiment == "negative"
        for name in series_of(record):
            points = self.points.setdefault(name, {})
            before = points.get(step, Point(0, 0))
            points[step] = Point(before.n + 1, before.k + negative)

    def _note_usual(self) -> None:
        """Once a step: what each series' share is expected to be."""
        step = bucket_start(max(self.evaluator.closed_until_ms, 0), self.step_ms)
        if step <= self._noted_ms:
            return
        self._noted_ms = step
        for name in self.evaluator.emerging:
            self.emerged.setdefault(name, step)
        for name, one in self.evaluator.series.items():
            baseline = one.share.state.baseline
            if one.share.warm:
                usual = Usual(baseline.p(step), baseline.lower(step), baseline.upper(step))
                self.usual.setdefault(name, {})[step] = usual
