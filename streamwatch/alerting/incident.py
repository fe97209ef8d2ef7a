"""One incident: the series that fired first, and the others that tell of the same documents. One incident, one alert."""

from math import exp
from typing import Literal

import msgspec

from streamwatch.alerting.severity import severity
from streamwatch.alerting.watch import Event
from streamwatch.detection.reading import Reading
from streamwatch.records import Alert, AlertKind, AlertState, Drift, Evidence, Member, Resolution, Severity
from streamwatch.rules.rule import Rule
from streamwatch.timeline import from_ms

LARGEST_LOG = 690.0
"""e to this is still a float that JSON can carry."""


class IncidentMember(msgspec.Struct, array_like=True):
    """A series of the incident. `fired` is the reading at its onset, `last` the newest."""

    id: str
    series: str
    kind: AlertKind
    onset_ms: int
    state: AlertState
    fired: Reading
    last: Reading

    @property
    def score(self) -> float:
        """The evidence at its onset."""
        return exp(min(self.fired.log_e, LARGEST_LOG))

    @property
    def lift(self) -> float:
        """Times the usual number of negatives."""
        return self.last.k / max(self.last.k_expected, 1e-9)

    def as_record(self) -> Member:
        """As an alert lists it."""
        return Member(
            id=self.id, series=self.series, kind=self.kind, onset=from_ms(self.onset_ms),
            firing=self.state == "firing", n=self.last.n, k=self.last.k, k_expected=self.last.k_expected,
            lift=self.lift, score=self.score,
        )  # fmt: skip


class Incident(msgspec.Struct, array_like=True):
    """`members[0]` is the root: it names the incident. `threshold` and `detector` are those of its test.

    A `muted` one was told to its end before the evaluator's state was lost, and nothing more is told of it. `severity`,
    `labels` and `routes` are the rule's; what it said last stays when the rule is gone, so that who was told of the beginning
    is told of the end. `drift` is what the monitors found of the same series.
    """

    id: str
    rule: str
    state: AlertState
    revision: int
    threshold: float
    detector: str
    members: list[IncidentMember]
    muted: bool = False
    severity: Literal["auto"] | Severity = "auto"
    labels: dict[str, str] = {}
    routes: tuple[str, ...] = ()
    drift: Drift | None = None

    @property
    def root(self) -> IncidentMember:
        """The series that crossed first."""
        return self.members[0]

    @property
    def over(self) -> bool:
        """Whether no member is pending or firing any more."""
        return all(member.state == "resolved" for member in self.members)

    def member(self, series: str, kind: AlertKind) -> IncidentMember | None:
        """The member that is pending or firing."""
        found = (m for m in self.members if (m.series, m.kind) == (series, kind) and m.state != "resolved")
        return next(found, None)

    def join(self, event: Event) -> IncidentMember:
        """Add the series of an event that begins something."""
        state: AlertState = "pending" if event.what == "pending" else "firing"
        episode = event.episode
        member = IncidentMember(
            episode.id, event.series, event.kind, episode.onset_ms, state, episode.fired, event.reading
        )
        self.members.append(member)
        return member

    def heed(self, rule: Rule | None) -> None:
        """Take what the rule says now, if it is still there."""
        if rule is not None:
            self.severity, self.labels, self.routes = rule.severity, rule.labels, rule.routes

    def alert(self, at_ms: int, evidence: Evidence, resolution: Resolution = "") -> Alert:
        """The record of the state as it is now. Counts are the root's newest, the usual and the score its onset's."""
        root, now = self.root, self.root.last
        since_ms = root.fired.window_start_ms
        return Alert(
            id=self.id,
            revision=self.revision,
            state=self.state,
            rule=self.rule,
            series=root.series,
            kind=root.kind,
            severity=self._severity(),
            onset=from_ms(root.onset_ms),
            at=from_ms(at_ms),
            window_s=(at_ms - since_ms) // 1000,
            n=now.n,
            k=now.k,
            share=now.k / max(now.n, 1),
            p0=root.fired.p0,
            p0_low=root.fired.p0_low,
            p0_high=root.fired.p0_high,
            k_expected=now.k_expected,
            lift=root.lift,
            score=root.score,
            threshold=self.threshold,
            evidence=evidence,
            members=tuple(member.as_record() for member in self.members[1:]),
            labels=self.labels,
            routes=self.routes,
            resolution=resolution,
            detector=self.detector,
            drift=self.drift,
        )

    def _severity(self) -> Severity:
        if self.severity != "auto":
            return self.severity
        return severity(self.root.lift, self.root.score, self.threshold, self.root.last.k)
