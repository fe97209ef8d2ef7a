"""What a rule would have told of the last days, here: over `classified`, beside all other rules, in virtual time.

The days before the span teach the baselines (as far as they are there) and count for nothing. Alerts are without evidence:
what is asked is how often and when.

Examples:
    >>> trial = Trial(Settings(), RuleSet((Rule("all", series=("all",)),)), "all", from_ms=0)
    >>> trial.finish(); trial.found().n_alerts
    0
"""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import NamedTuple

import msgspec

from streamwatch.alerting.evaluator import Evaluator
from streamwatch.alerting.transition import Transition
from streamwatch.alerting.virtual import VirtualTime
from streamwatch.backtest.past import past
from streamwatch.config import Settings
from streamwatch.errors import ConfigError
from streamwatch.records import Alert, AlertKind, Classified, Severity
from streamwatch.rules.history import RuleHistory
from streamwatch.rules.rule import Rule
from streamwatch.rules.rule_set import RuleSet
from streamwatch.timeline import DAY_MS, to_ms

WARM_UP_DAYS = 7
"""Before the span: a baseline knows the hours of the week after one."""
CHUNK = 500
MOST_DOCUMENTS = 2_000_000
"""Of one trial: some minutes of a core. More says where it ended."""
MOST_ALERTS = 500
"""That are listed; the number is of all."""
LIVE_WITHIN_MS = DAY_MS
"""Event time that is so near to the wall clock is live: then the broker's stamps say where a day begins."""

OnProgress = Callable[[int, int], None]


class WouldTell(msgspec.Struct, frozen=True):
    """One alert that would have been told, as it stood at its end."""

    onset_ms: int
    series: str
    kind: AlertKind
    severity: Severity
    state: str


class Found(msgspec.Struct, frozen=True):
    """What a trial found. `from_ms` to `to_ms` is what it really covers; `n_cold` series had too little past for a test of
    their share; `whole` is false where the documents were more than are read.
    """

    n_alerts: int
    alerts: list[WouldTell]
    n_documents: int
    from_ms: int | None
    to_ms: int | None
    n_series: int
    n_cold: int
    whole: bool


class Span(NamedTuple):
    """The days that are asked for, until `until_ms` of event time; `now_ms` is the wall clock."""

    days: int
    until_ms: int
    now_ms: int

    @property
    def from_ms(self) -> int:
        """Where it begins."""
        return self.until_ms - self.days * DAY_MS

    @property
    def read_from_ms(self) -> int | None:
        """Where reading begins by the broker's stamps; None where these say nothing of dates."""
        live = abs(self.now_ms - self.until_ms) < LIVE_WITHIN_MS
        return self.from_ms - WARM_UP_DAYS * DAY_MS if live else None


class Trial:
    """One run over documents in the order of their arrival."""

    def __init__(self, settings: Settings, rules: RuleSet, name: str, from_ms: int) -> None:
        self._virtual = VirtualTime(settings, Evaluator(settings, RuleHistory().changed(rules, 0)))
        self._rules, self._name, self._from_ms = rules, name, from_ms
        self._told: dict[str, Alert] = {}
        self._first_ms: int | None = None
        self._n_documents = 0

    def feed(self, records: Sequence[Classified]) -> None:
        """Count some documents."""
        for record in records:
            if record.published_ms >= self._from_ms and record.outcome in ("classified", "duplicate"):
                self._n_documents += 1
                self._first_ms = min(record.published_ms, self._first_ms or record.published_ms)
        self._note(self._virtual.feed(records))

    def finish(self) -> None:
        """All have come."""
        self._note(self._virtual.finish())

    def _note(self, transitions: Sequence[Transition]) -> None:
        for one in transitions:
            if one.alert.rule == self._name and to_ms(one.alert.onset) >= self._from_ms:
                self._told[one.alert.id] = one.alert

    def found(self, whole: bool = True) -> Found:
        """What came of it. An alert that was withdrawn before it fired is none."""
        fired = [one for one in self._told.values() if one.state != "pending" and one.resolution != "withdrawn"]
        fired.sort(key=lambda one: (one.onset, one.id))
        owned = [one for name, one in self._virtual.evaluator.series.items() if self._owns(name)]
        return Found(
            n_alerts=len(fired),
            alerts=[
                WouldTell(to_ms(one.onset), one.series, one.kind, one.severity, one.state)
                for one in fired[-MOST_ALERTS:]
            ],
            n_documents=self._n_documents,
            from_ms=self._first_ms,
            to_ms=self._virtual.arrival_ms if self._n_documents else None,
            n_series=len(owned),
            n_cold=sum(not one.share.warm for one in owned),
            whole=whole,
        )

    def _owns(self, series: str) -> bool:
        owners = (self._rules.rule_for(series, kind) for kind in ("negative_share", "negative_volume"))
        return any(owner is not None and owner.name == self._name for owner in owners)


def try_rule(settings: Settings, rules: RuleSet, rule: Rule, span: Span, progress: OnProgress) -> Found:
    """Try `rule`, which is one of `rules`. Raises `ConfigError`, `BrokerUnavailable`."""
    if rule.name not in {one.name for one in rules.rules}:
        raise ConfigError(f"{rule.name} would own nothing: rules before it own all that it names")
    trial = Trial(settings, rules, rule.name, span.from_ms)
    records = past(settings, span.read_from_ms)
    n_fed = 0
    while chunk := list(islice(records, CHUNK)):
        trial.feed([one.record for one in chunk])
        n_fed += len(chunk)
        progress(chunk[-1].n_read, chunk[-1].n_all)
        if n_fed >= MOST_DOCUMENTS:
            break
    trial.finish()
    return trial.found(whole=n_fed < MOST_DOCUMENTS)
