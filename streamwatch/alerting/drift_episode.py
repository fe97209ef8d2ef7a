"""The life of one drift alert: it fires when the monitors find something, and is over when they know what is usual now.

A finding is about a whole stream or one of its topics: its series is `topic:x` where topic x carries most of it, else `all`.

Examples:
    >>> from streamwatch.drift.finding import Moved as Found
    >>> from streamwatch.drift.finding import TopicMoved
    >>> finding = Finding("class_shares", "m/1", 0, 60_000, 80, (Found("negative", 0.2, 0.4),),
    ...                   (TopicMoved("ipo", 60, 0.8, Found("negative", 0.2, 0.5)),), 11.5, 10.8)
    >>> series_of(finding), turned_negative(finding), risen(finding)
    ('topic:ipo', True, 'negative')
    >>> drift_of(finding).moved[1]
    Moved(label='negative', before=0.2, after=0.5, topic='ipo')
"""

from math import exp
from typing import Literal

import msgspec

from streamwatch.alerting.episode import episode_id
from streamwatch.alerting.incident import LARGEST_LOG
from streamwatch.alerting.transition import Reference, Transition
from streamwatch.drift.finding import Finding
from streamwatch.drift.stored import DRIFT_BUCKET_MS
from streamwatch.inference.engine import UNCLEAR
from streamwatch.records import SENTIMENTS, Alert, AlertState, Drift, Evidence, Moved, Resolution, Severity
from streamwatch.rules.rule import Rule
from streamwatch.timeline import from_ms

DETECTOR = "drift/1"
MOST = 2 / 3
"""The part of a finding from which on it is called one topic's: of two topics that carry it alike, neither has that."""
SEVERITY: Severity = "warning"
"""Of a rule with `auto`: somebody should look today. Nothing has happened to a customer or a price."""


class DriftEpisode(msgspec.Struct, array_like=True):
    """One that is open. `ends_ms` is when it is over in any case, at the end of a bucket.

    A `muted` one is told by nobody: another alert tells of it, no rule asks for it, or it was told to its end before the state
    was lost.
    """

    id: str
    rule: str
    series: str
    revision: int
    onset_ms: int
    ends_ms: int
    n: int
    drift: Drift
    refs: tuple[Reference, ...] = ()
    past_refs: tuple[Reference, ...] = ()
    toward: bytes = b""
    muted: bool = False
    severity: Literal["auto"] | Severity = "auto"
    labels: dict[str, str] = {}
    routes: tuple[str, ...] = ()

    @classmethod
    def of(cls, finding: Finding, rule: Rule, at_ms: int) -> "DriftEpisode":
        """The episode that a finding begins under the rule that owns it."""
        series = series_of(finding)
        return cls(
            id=drift_id(rule.name, series, finding),
            rule=rule.name,
            series=series,
            revision=1,
            onset_ms=finding.onset_ms,
            ends_ms=-(-(at_ms + rule.max_firing_ms) // DRIFT_BUCKET_MS) * DRIFT_BUCKET_MS,
            n=finding.n,
            drift=drift_of(finding),
            toward=finding.toward,
            severity=rule.severity,
            labels=rule.labels,
            routes=rule.routes,
        )

    def transition(self, state: AlertState, at_ms: int, resolution: Resolution = "") -> Transition:
        """What is told of it now."""
        alert = Alert(
            id=self.id, revision=self.revision, state=state, rule=self.rule, series=self.series, kind="drift",
            severity=SEVERITY if self.severity == "auto" else self.severity,
            onset=from_ms(self.onset_ms), at=from_ms(at_ms), window_s=(at_ms - self.onset_ms) // 1000,
            n=self.n, k=0, share=0.0, p0=0.0, p0_low=0.0, p0_high=0.0, k_expected=0.0, lift=0.0,
            score=self.drift.e_value, threshold=self.drift.threshold, evidence=Evidence(n_distinct_texts=len(self.refs)),
            labels=self.labels, routes=self.routes, resolution=resolution, model=self.drift.model, detector=DETECTOR,
            drift=self.drift,
        )  # fmt: skip
        return Transition(alert=alert, refs=self.refs, past_refs=self.past_refs, toward=self.toward)


def drift_id(rule: str, series: str, finding: Finding) -> str:
    """As of other alerts, and of the model version: two of them may be found in the same bucket."""
    return episode_id(rule, series, f"drift|{finding.model}", finding.onset_ms)


def drift_of(finding: Finding) -> Drift:
    """The finding as a record."""
    return Drift(
        monitor=finding.kind,
        model=finding.model,
        e_value=exp(min(finding.log_e, LARGEST_LOG)),
        threshold=exp(min(finding.log_threshold, LARGEST_LOG)),
        moved=(
            *(Moved(label=one.name, before=one.before, after=one.after) for one in finding.moved),
            *(
                Moved(label=one.moved.name, before=one.moved.before, after=one.moved.after, topic=one.topic)
                for one in finding.topics
            ),
        ),
        topics=topics_of(finding),
    )


def topics_of(finding: Finding) -> tuple[str, ...]:
    """The topics that carry it, most first."""
    if finding.kind == "unclear_share":
        return (UNCLEAR,)
    return tuple(one.topic for one in finding.topics if one.topic)


def series_of(finding: Finding) -> str:
    """What the alert is about."""
    first = next(iter(finding.topics), None)
    alone = first is not None and first.part >= MOST and first.topic not in ("", UNCLEAR)
    return f"topic:{first.topic}" if first is not None and alone else "all"


def risen(finding: Finding) -> str:
    """The sentiment whose share rose most; empty where none did, or none was watched."""
    rises = [(one.after - one.before, one.name) for one in finding.moved if one.name in SENTIMENTS]
    rise, name = max(rises, default=(0.0, ""))
    return name if rise > 0 else ""


def turned_negative(finding: Finding) -> bool:
    """Whether it says what an alert about the negative share says."""
    return finding.kind == "class_shares" and any(
        one.name == "negative" and one.after > one.before for one in finding.moved
    )
