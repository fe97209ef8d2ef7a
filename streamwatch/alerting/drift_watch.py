"""The drift monitors beside the evaluator: sums of closed buckets in, alerts of kind `drift` out.

As the evaluator, this is a function of the closed buckets alone, and its state is committed with the evaluator's in one step.
An alarm opens an episode, which is over as `new_level` when the monitors have learnt what is usual now, or after the rule's
`max_firing`. A rise of the negative share of which an alert tells already joins that alert.

Examples:
    >>> from streamwatch.config import load
    >>> watch = DriftWatch(load())
    >>> watch.drifting, watch.open_alerts, sorted(watch.take_changes())
    (False, set(), ['drift', 'monitors'])
    >>> watch.take_changes()
    {}
"""

import logging
from collections.abc import Iterable, Sequence
from math import inf
from typing import Protocol

import msgspec

from streamwatch.alerting.adoption import Published
from streamwatch.alerting.drift_episode import DriftEpisode, drift_id, risen, series_of, topics_of, turned_negative
from streamwatch.alerting.drift_examples import Examples
from streamwatch.alerting.transition import Reference, Transition
from streamwatch.alerting.voices import Voice
from streamwatch.config import Settings
from streamwatch.drift.finding import Finding
from streamwatch.drift.monitors import DriftConfig, Monitors
from streamwatch.drift.state import MonitorState
from streamwatch.drift.stored import DRIFT_BUCKET_MS
from streamwatch.drift.sums import Sums
from streamwatch.errors import FatalError
from streamwatch.records import Drift
from streamwatch.rules.rule import Rule

log = logging.getLogger(__name__)

EPISODES, MONITORS = "drift", "monitors"
"""Names of the two states in the evaluator's head: the second is large, and changes with the clock of documents."""
VERSION = 1
NO_RULE = Rule("")


class Beside(Protocol):
    """What is asked of the evaluator, as it stands at the end of the bucket."""

    def drift_rule(self, series: str, at_ms: int) -> Rule | None:
        """The rule under which drift of the series is told that was found at that moment."""
        ...

    def past(self, series: str, before_ms: int) -> tuple[Reference, ...]:
        """A sample of what a series, or the whole stream, spoke of before."""
        ...

    def join_drift(self, series: Sequence[str], drift: Drift, at_ms: int) -> "Joined":
        """Tell of the drift with the alert about the negative share of one of these series, if one fires."""
        ...


Joined = tuple[bool, Transition | None]
"""Whether there was such an alert, and what is told of it."""


class DriftState(msgspec.Struct, array_like=True):
    """What is remembered beside the monitors' own state."""

    version: int = VERSION
    open: list[DriftEpisode] = []
    examples: Examples = msgspec.field(default_factory=Examples)


class DriftWatch:
    """Watches for drift.

    Args:
        settings: of the deployment; with a `drift_run_length` of 0 nothing is watched.
        kept: the bytes of `take_changes`, by name; none for the first start.
        published: what the alert channel holds, for one that lost its state.
    """

    def __init__(
        self, settings: Settings, kept: dict[str, bytes] | None = None, published: Published | None = None
    ) -> None:
        self.on = settings.drift_run_length > 0
        config = DriftConfig(
            run_length=max(settings.drift_run_length, 1.0), reference_documents=settings.drift_reference_documents
        )
        kept = kept or {}
        self._state = _read_state(kept.get(EPISODES, b""))
        self._monitors = Monitors(config, _read_monitors(kept.get(MONITORS, b"")))
        self._published = (published or Published({})).without(self.open_alerts)
        self._changed = {EPISODES, MONITORS} if self.on else set()

    @property
    def open_alerts(self) -> set[str]:
        """Ids of the drift alerts that are firing."""
        return {episode.id for episode in self._state.open if not episode.muted}

    @property
    def ends_ms(self) -> float:
        """When the next alert has lasted for long enough; infinity where none is open."""
        return min((episode.ends_ms for episode in self._state.open), default=inf)

    @property
    def drifting(self) -> bool:
        """Whether something has moved and is not known yet."""
        return bool(self._state.open)

    def take_changes(self) -> dict[str, bytes]:
        """What must be persisted since the last call, by name."""
        made = {}
        if EPISODES in self._changed:
            made[EPISODES] = msgspec.msgpack.encode(self._state)
        if MONITORS in self._changed:
            made[MONITORS] = self._monitors.state.packed()
        self._changed.clear()
        return made

    def hear(self, counted: Iterable[tuple[int, Sequence[Voice]]]) -> None:
        """Remember the texts that counted, by bucket, as what may be shown."""
        for start_ms, voices in counted if self.on else ():
            self._state.examples.add(start_ms, voices)
            self._changed.add(EPISODES)

    def advance(self, bucket_ms: int, sums: Sums, evaluator: Beside) -> list[Transition]:
        """Take a closed bucket; the evaluator stands at its end."""
        if not self.on:
            return []
        at_ms = bucket_ms + DRIFT_BUCKET_MS
        self._changed.add(MONITORS)
        findings = self._monitors.advance(bucket_ms, sums)
        told = self._end(at_ms, [one for one in self._state.open if not self._monitors.learning(one.drift.model)])
        for finding in findings:
            told += self._begin(finding, at_ms, evaluator)
        return told

    def pass_time(self, until_ms: int) -> list[Transition]:
        """End what has lasted for long."""
        due = sorted(
            (one for one in self._state.open if one.ends_ms <= until_ms), key=lambda one: (one.ends_ms, one.id)
        )
        return [transition for one in due for transition in self._end(one.ends_ms, [one])]

    # -- episodes

    def _begin(self, finding: Finding, at_ms: int, evaluator: Beside) -> list[Transition]:
        self._changed.add(EPISODES)
        rule = evaluator.drift_rule(series_of(finding), at_ms)
        episode = DriftEpisode.of(finding, rule or NO_RULE, at_ms)
        self._state.open.append(episode)
        joined, told = _joined(finding, episode, at_ms, evaluator)
        if joined or rule is None:
            episode.muted = True
            return [told] if told is not None else []
        self._show(episode, finding, evaluator)
        return [episode.transition("firing", at_ms)] if self._is_news(episode, finding) else []

    def _show(self, episode: DriftEpisode, finding: Finding, evaluator: Beside) -> None:
        """Choose what is shown: documents of what moved, and what the series spoke of before."""
        examples, topics, since_ms = self._state.examples, topics_of(finding), finding.onset_ms
        episode.refs = examples.of(topics, risen(finding), since_ms) or examples.of((), "", since_ms)
        episode.past_refs = evaluator.past(episode.series, since_ms)

    def _is_news(self, episode: DriftEpisode, finding: Finding) -> bool:
        """Whether nobody was told of it before our state was lost; what was told goes on under its id."""
        name = drift_id(episode.rule, episode.series, finding)
        known = self._published.known(episode.rule, episode.series, "drift", name, finding.onset_ms)
        if known is None:
            return True
        episode.id, episode.onset_ms, episode.revision = known.id, known.onset_ms, known.revision
        episode.muted = known.until_ms is not None
        self._published = self._published.without({known.id})
        return False

    def _end(self, at_ms: int, episodes: Iterable[DriftEpisode]) -> list[Transition]:
        """What is usual now is known, or was waited for long enough."""
        told = []
        for episode in episodes:
            self._changed.add(EPISODES)
            self._state.open.remove(episode)
            if not episode.muted:
                episode.revision += 1
                told.append(episode.transition("resolved", at_ms, "new_level"))
        return told


def _joined(finding: Finding, episode: DriftEpisode, at_ms: int, evaluator: Beside) -> Joined:
    if not turned_negative(finding):
        return False, None
    names = [f"topic:{topic}" for topic in topics_of(finding)]
    return evaluator.join_drift([*names, "all"], episode.drift, at_ms)


def _read_state(raw: bytes) -> DriftState:
    """The state out of its bytes; one of another version is left, and begun anew."""
    if not raw:
        return DriftState()
    try:
        state = msgspec.msgpack.decode(raw, type=DriftState)
    except msgspec.MsgspecError as error:
        log.warning("the drift alerts' state cannot be read (%s): it is begun anew", error)
        return DriftState()
    return state if state.version == VERSION else DriftState()


def _read_monitors(raw: bytes) -> MonitorState | None:
    try:
        return MonitorState.unpacked(raw) if raw else None
    except FatalError as error:
        log.warning("%s", error)
        return None
