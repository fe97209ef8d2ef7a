"""Which episodes are one incident, and what is told of it.

A ticker, its topic and the whole stream speak of the same documents: they give one alert with members, not three. A series
whose test crosses joins an incident that is open when

- it is a member's series already (share and volume of one series are one incident);
- a series of the incident inhibits it (by default whatever is no container keeps `all` and `source:*` quiet);
- its onset lies within `within` of the incident's, and at least `overlap` of the smaller one's negative texts are the
  other's too, in the time that both rings of witnesses reach back. Where the incident began with a container, the share
  is of the container's texts: otherwise everything would belong to it.

Of several the one with the largest overlap, then the oldest, then the first by id. What joined stays. An incident is over
when no member is pending or firing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from streamwatch.alerting.adoption import Known, Published
from streamwatch.alerting.incident import Incident
from streamwatch.alerting.series import Series
from streamwatch.alerting.transition import Transition
from streamwatch.alerting.watch import Event, Watch
from streamwatch.alerting.witnesses import Witness
from streamwatch.records import AlertState, Drift, Evidence, Resolution
from streamwatch.rules.rule import Rule
from streamwatch.rules.rule_set import RuleSet

PAST_SHOWN = 24
"""Of the past as many texts as of the window: each is a read of its own from the log."""

Rules = Callable[[], RuleSet]


class Incidents:
    """The open incidents.

    Args:
        series: all series under watch, by name.
        rules: the rules that hold now.
        open_: what was open when the state was kept.
        published: what the alert channel holds, for an evaluator that lost its state.
    """

    def __init__(
        self, series: Mapping[str, Series], rules: Rules, open_: Iterable[Incident], published: Published
    ) -> None:
        self._series = series
        self._rules = rules
        self.open = list(open_)
        self._published = published.without({incident.id for incident in self.open})

    def take(self, event: Event) -> Transition | None:
        """Note what became of an episode; the transition to tell, if any."""
        incident = self._of(event)
        if event.what == "pending" or (event.what == "firing" and incident is None):
            return self._begin(event)
        if incident is None:  # the rule that began it is gone with its incident
            return None
        return self._go_on(incident, event)

    def join_drift(self, series: Sequence[str], drift: Drift, at_ms: int) -> tuple[bool, Transition | None]:
        """Tell of a drift with the firing alert about the negative share of one of `series`, the first of them that has one;
        whether there is one, and what is to be told."""
        for name in series:
            incident = next((one for one in self.open if _tells_of_share(one, name)), None)
            if incident is not None:
                incident.drift = drift
                return True, self._told(incident, at_ms, "firing")
        return False, None

    def _of(self, event: Event) -> Incident | None:
        return next((one for one in self.open if one.member(event.series, event.kind)), None)

    def _begin(self, event: Event) -> Transition | None:
        incident = self._joined(event)
        if incident is None:
            return self._open(event)
        incident.join(event)
        if event.what == "pending":
            return None  # nothing to tell: the incident is known, and this may be withdrawn
        return self._tell(incident, event, "firing")

    def _open(self, event: Event) -> Transition | None:
        watch = self._series[event.series].watch(event.kind)
        rule = watch.rule.name if watch.rule else ""
        known = self._published.overlapping(rule, event)
        incident = Incident(
            id=known.id if known else event.episode.id,
            rule=rule,
            state="pending" if event.what == "pending" else "firing",
            revision=known.revision if known else 1,
            threshold=watch.detector.threshold,
            detector=watch.detector.version,
            members=[],
            muted=known is not None and known.until_ms is not None,
        )
        incident.join(event)
        self.open.append(incident)
        self._published = self._published.without({incident.id})  # no later episode continues it
        return self._transition(incident, event.at_ms) if known is None else self._adopt(incident, known, event)

    def _adopt(self, incident: Incident, known: Known, event: Event) -> Transition | None:
        """It was told before our state was lost, under the onset that was found then: tell only what is new."""
        incident.root.onset_ms = known.onset_ms
        if known.pending:
            return self._tell(incident, event, "firing") if event.what == "firing" else None
        incident.state = "firing"
        return None

    def _go_on(self, incident: Incident, event: Event) -> Transition | None:
        member = incident.member(event.series, event.kind)
        assert member is not None
        member.last = event.reading
        member.state = "firing" if event.what == "firing" else "resolved"
        if event.what == "firing":
            told = member is incident.root and incident.state == "firing"  # by an evaluator before us
            return None if told else self._tell(incident, event, "firing")
        if not incident.over:
            return None  # a member went quiet: said with the next revision
        self.open.remove(incident)
        fired = incident.state == "firing"
        resolution: Resolution = "recovered" if fired and event.what == "withdrawn" else event.resolution
        return self._tell(incident, event, "resolved", resolution)

    def _tell(
        self, incident: Incident, event: Event, state: AlertState, resolution: Resolution = ""
    ) -> Transition | None:
        return self._told(incident, event.at_ms, state, resolution)

    def _told(
        self, incident: Incident, at_ms: int, state: AlertState, resolution: Resolution = ""
    ) -> Transition | None:
        if incident.muted:
            return None
        incident.state = state
        incident.revision += 1
        return self._transition(incident, at_ms, resolution)

    # -- what belongs together

    def _joined(self, event: Event) -> Incident | None:
        """The open incident that the event's series belongs to."""
        found = [(self._belongs(one, event), one) for one in self.open]
        fitting = [(-overlap, one.root.onset_ms, one.id, one) for overlap, one in found if overlap > 0]
        return min(fitting)[3] if fitting else None

    def _belongs(self, incident: Incident, event: Event) -> float:
        """How much the series belongs to the incident, 0 to 2."""
        rules = self._rules()
        if any(member.series == event.series for member in incident.members):
            return 2.0
        if not rules.grouping.enabled:
            return 0.0
        going = [member.series for member in incident.members if member.state != "resolved"]
        overlap = self._overlap(incident.root.series, event.series)
        if any(rules.inhibits(name, event.series) for name in going):
            return max(overlap, 1e-9)
        near = abs(event.episode.onset_ms - incident.root.onset_ms) <= rules.grouping.within_ms
        return overlap if near and overlap >= rules.grouping.overlap else 0.0

    def _overlap(self, root: str, name: str) -> float:
        """The part of the smaller one's negative texts that are the other's too, as far as both rings reach."""
        if root not in self._series or name not in self._series:
            return 0.0
        ours, theirs = (self._series[one].witnesses.ring for one in (root, name))
        if not ours or not theirs:
            return 0.0
        since_ms = max(ours[0].at_ms, theirs[0].at_ms)
        held, asked = _texts_since(ours, since_ms), _texts_since(theirs, since_ms)
        smaller = len(held) if self._rules().inhibits(name, root) else min(len(held), len(asked))
        return len(held & asked) / smaller if smaller else 0.0

    # -- what is told

    def _transition(self, incident: Incident, at_ms: int, resolution: Resolution = "") -> Transition:
        self._look(incident)
        incident.heed(self._rule(incident))
        series = self._shown(incident)
        since_ms = incident.root.fired.window_start_ms
        evidence = _evidence(series, since_ms) if series else Evidence()
        alert = incident.alert(at_ms, evidence, resolution)
        if series is None:
            return Transition(alert=alert)
        return Transition(
            alert=alert,
            refs=series.witnesses.references(since_ms),
            past_refs=series.past.references(since_ms, at_most=PAST_SHOWN),
        )

    def _look(self, incident: Incident) -> None:
        """Bring the numbers of the members that still fire up to date."""
        for member in incident.members:
            watch = self._watch(member.series, member.kind)
            if watch is not None and member.state != "resolved":
                member.last = self._series[member.series].reading(watch)

    def _watch(self, series: str, kind: str) -> Watch | None:
        one = self._series.get(series)
        return one.watch(kind) if one else None

    def _shown(self, incident: Incident) -> Series | None:
        """The series whose documents are shown: the root's, or a member's where it is no longer watched."""
        return next((self._series[m.series] for m in incident.members if m.series in self._series), None)

    def _rule(self, incident: Incident) -> Rule | None:
        return next((rule for rule in self._rules().rules if rule.name == incident.rule), None)


def _tells_of_share(incident: Incident, series: str) -> bool:
    member = incident.member(series, "negative_share")
    return incident.state == "firing" and member is not None and member.state == "firing"


def _texts_since(ring: Iterable[Witness], since_ms: int) -> set[str]:
    return {witness.text_hash for witness in ring if witness.at_ms >= since_ms}


def _evidence(series: Series, since_ms: int) -> Evidence:
    seen = series.witnesses.summary(since_ms)
    return Evidence(
        n_distinct_texts=seen.n_distinct_texts,
        n_distinct_authors=seen.n_distinct_authors,
        largest_author_share=seen.largest_author_share,
        largest_text_share=seen.largest_text_share,
        n_near_copies=seen.n_near_copies,
        n_copies=seen.n_copies,
    )
