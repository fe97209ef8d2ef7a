"""The evaluator: a deterministic function from the sequence of closed 10 s buckets to alerts.

Nothing else goes in but the rules, each with the bucket that it holds from, and the model versions, each told before its
first document: not the wall clock, not how buckets were grouped into calls, not the partition or the order of the entries. So
a replay at any speed, a crash and a reload anywhere, and the offline backtest give the same alerts.

Examples:
    >>> evaluator = Evaluator(Settings())
    >>> entry = Entry("t1", "negative", ("all",), "", 0, 0)
    >>> evaluator.advance(20_000, [(0, [entry])])
    []
    >>> changes = evaluator.take_changes()
    >>> sorted(changes.detectors), changes.texts
    (['all'], {0: ['t1']})
    >>> again = Evaluator(Settings(), state=EvaluatorState().after(changes))
    >>> again.closed_until_ms
    20000
    >>> again.advance(20_000, [(0, [entry])])
    Traceback (most recent call last):
      ...
    streamwatch.errors.StaleState: bucket 0 was evaluated before: everything before 20000 is closed
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from streamwatch.alerting.adoption import Published
from streamwatch.alerting.incident import Incident
from streamwatch.alerting.incidents import PAST_SHOWN, Incidents
from streamwatch.alerting.roster import NAMES_KEPT, Room, Roster
from streamwatch.alerting.series import DetectorState, EvidenceState, Series, SeriesState
from streamwatch.alerting.texts import Texts
from streamwatch.alerting.transition import Changes, EvaluatorState, Reference, Transition
from streamwatch.alerting.voices import Voice, voices
from streamwatch.alerting.watch import Event
from streamwatch.config import Settings
from streamwatch.detection.peers import Peers
from streamwatch.detection.settings import DetectionConfig
from streamwatch.detection.versions import NO_VERSION, Versions
from streamwatch.errors import FatalError, StaleState
from streamwatch.records import Drift
from streamwatch.rules.history import RuleHistory
from streamwatch.rules.rule import Rule
from streamwatch.rules.rule_set import KINDS, RuleSet, default_rules
from streamwatch.timeline import DAY_MS, MINUTE_MS, bucket_start
from streamwatch.trends.entry import Entry

log = logging.getLogger(__name__)

VERSION = 3
"""Of the state's layout. A state of another version is refused: an empty Redis is built anew from `classified`."""
AS_NOW = 2
"""What a version before lacks has a default: until a document comes, its baselines are in the units of no model version."""
TICK_MS = MINUTE_MS
"""How often a series in an episode is asked whether it fires now, or is calm."""
FORGOTTEN_MS = 14 * DAY_MS
"""A series that was silent for longer makes room."""
ALL_BUDGETS = ""
SPECIFIC = ("ticker:", "entity:", "topic:", "source:")
"""Of series that cross in one bucket, the most specific names the incident."""


class Header(msgspec.Struct, array_like=True):
    """`closed_until_ms` is −1 before the first call; `full` once the cap on series was reached; `peers` as of the last hour's
    end, in the units of `peers_version`; `met` are the model versions whose documents came, the newest last.
    """

    version: int = VERSION
    closed_until_ms: int = -1
    full: bool = False
    roster: Roster = msgspec.field(default_factory=Roster)
    incidents: list[Incident] = []
    peers: Peers = Peers()
    peers_version: int = NO_VERSION
    met: list[int] = []


class Evaluator:
    """Tests every series.

    Args:
        settings: of the deployment.
        rules: which rules hold when; those of the settings where there are none.
        state: what the store kept, None for the first start.
        published: what the alert channel holds, so that an evaluator that lost its state goes on with what was told.
        versions: the model versions that were promoted. More may be told later, each before its first document is given.
    """

    def __init__(
        self,
        settings: Settings,
        rules: RuleHistory | None = None,
        state: EvaluatorState | None = None,
        published: Published | None = None,
        versions: Versions | None = None,
    ) -> None:
        self.config = DetectionConfig.of(settings)
        self._cap = settings.max_series
        self._default = default_rules(settings)
        self._history = rules or RuleHistory()
        self._versions = versions or Versions()
        kept = state or EvaluatorState()
        self._header = _read_header(kept.header)
        self._rules = self._rules_at(max(self.closed_until_ms, 0))
        self._texts = Texts(self.config.text_horizon_ms, kept.texts)
        self._series = {name: self._load(name, kept) for name in sorted(kept.detectors.keys() & kept.evidence.keys())}
        self._busy = {name for name, one in self._series.items() if one.busy}
        self._budgets_of: dict[str, frozenset[str]] = {}
        self._room = self._make_room()
        self._incidents = Incidents(
            self._series, lambda: self._rules, self._header.incidents, published or Published({})
        )
        self._changed: dict[str, None] = {}
        self._counted: list[tuple[int, list[Voice]]] = []

    @property
    def closed_until_ms(self) -> int:
        """Everything before this was evaluated; −1 at the very start."""
        return self._header.closed_until_ms

    @property
    def firing(self) -> dict[str, list[str]]:
        """The series that are firing, with the ids of their episodes."""
        return {
            name: [watch.episode.id for watch in one.watches if watch.firing and watch.episode]
            for name, one in sorted(self._series.items())
            if one.firing
        }

    @property
    def series(self) -> dict[str, Series]:
        """All series under watch, by name."""
        return dict(sorted(self._series.items()))

    @property
    def emerging(self) -> list[str]:
        """Series that speak up without a history of their own, once the stream as a whole has one."""
        whole = self._series.get("all")
        if whole is None or not whole.volume.warm:
            return []
        return [name for name, one in sorted(self._series.items()) if one.emerging]

    @property
    def n_turned_away(self) -> int:
        """Names that had no room in the last hour."""
        return self._header.roster.n_turned_away

    @property
    def met(self) -> tuple[int, ...]:
        """The model versions whose documents came, as far as they were met, the newest last."""
        return tuple(self._header.met)

    def meet(self, versions: Iterable[int]) -> None:
        """Remember that documents of these versions come: what is to be told of them was told."""
        self._header.met += [version for version in versions if version not in self._header.met]

    @property
    def open_alerts(self) -> set[str]:
        """Ids of the incidents that are pending or firing."""
        return {incident.id for incident in self._incidents.open}

    def set_rules(self, history: RuleHistory) -> None:
        """From now on these rules hold, each from its own bucket on; what is closed stays as it was decided."""
        self._history = history

    def advance(self, closed_until_ms: int, buckets: Iterable[tuple[int, Sequence[Entry]]]) -> list[Transition]:
        """Evaluate the non-empty buckets (start, entries) that closed, in time order; those not given were empty.

        Raises `StaleState`, with nothing done, when a bucket or `closed_until_ms` lies before what was evaluated.
        """
        closed, self._counted = list(buckets), []
        self._check(closed_until_ms, [start_ms for start_ms, _ in closed])
        transitions: list[Transition] = []
        for start_ms, entries in closed:
            transitions += self._pass_time(start_ms)
            self._govern(start_ms)
            transitions += self._count(start_ms, entries)
        return transitions + self._pass_time(closed_until_ms)

    def drift_rule(self, series: str, at_ms: int) -> Rule | None:
        """The rule under which drift of a series is told that was found when time came to `at_ms`."""
        return self._rules_at(at_ms - self.config.bucket_ms).rule_for(series, "drift")

    def past(self, series: str, before_ms: int) -> tuple[Reference, ...]:
        """Where texts are to be read that a series, or the whole stream, spoke of before."""
        one = self._series.get(series) or self._series.get("all")
        return one.past.references(before_ms, at_most=PAST_SHOWN) if one is not None else ()

    def join_drift(self, series: Sequence[str], drift: Drift, at_ms: int) -> tuple[bool, Transition | None]:
        """Tell of a drift, found when time came to `at_ms`, with the firing alert about the negative share of one of `series`;
        whether there is one, and what is to be told."""
        self._govern(at_ms - self.config.bucket_ms)
        return self._incidents.join_drift(series, drift, at_ms)

    def take_changes(self) -> Changes:
        """What must be persisted since the last call."""
        states = {name: self._series[name].state if name in self._series else None for name in sorted(self._changed)}
        self._changed = {}
        texts, dropped_hours = self._texts.take_changes()
        self._header.incidents = self._incidents.open
        encode = msgspec.msgpack.encode
        return Changes(
            {name: encode(state.detectors) if state else None for name, state in states.items()},
            {name: encode(state.evidence) if state else None for name, state in states.items()},
            texts,
            dropped_hours,
            encode(self._header),
        )

    def take_counted(self) -> list[tuple[int, list[Voice]]]:
        """By bucket, the texts that counted in the last call of `advance`: those in which no copy counted before."""
        counted, self._counted = self._counted, []
        return counted

    def _check(self, closed_until_ms: int, starts_ms: list[int]) -> None:
        at_ms = self.closed_until_ms
        if closed_until_ms < at_ms:
            raise StaleState(f"asked to close until {closed_until_ms}: everything before {at_ms} is closed")
        for start_ms in starts_ms:
            if start_ms < at_ms:
                raise StaleState(f"bucket {start_ms} was evaluated before: everything before {at_ms} is closed")
            if start_ms % self.config.bucket_ms or start_ms + self.config.bucket_ms > closed_until_ms:
                raise ValueError(f"bucket {start_ms} is no closed bucket: closed until {closed_until_ms}")
            at_ms = start_ms + self.config.bucket_ms

    # -- time

    def _pass_time(self, until_ms: int) -> list[Transition]:
        """Tick the series in an episode at every boundary after the last one up to `until_ms`."""
        told: list[Transition] = []
        tick_ms = bucket_start(self.closed_until_ms, TICK_MS) + TICK_MS
        busy = [self._series[name] for name in sorted(self._busy)]
        while busy and tick_ms <= until_ms:
            self._govern(tick_ms - self.config.bucket_ms)
            for one in busy:
                self._changed[one.name] = None
                told += self._tell(one.tick(tick_ms))
            busy = [one for one in busy if one.busy]
            self._busy = {one.name for one in busy}
            self._come_to(tick_ms)
            tick_ms += TICK_MS
        self._come_to(until_ms)
        return told

    def _come_to(self, until_ms: int) -> None:
        """Time has come to `until_ms`: close the hour and the day that end there or before.

        Asked minute by minute while a series is in an episode, so that who stays for its episode's sake does not depend on
        how far one call goes.
        """
        if bucket_start(until_ms, DAY_MS) > self.closed_until_ms:
            self._forget_silent(bucket_start(until_ms, DAY_MS))
        if self._header.roster.closes(until_ms):
            self._close_hour()
        self._header.closed_until_ms = until_ms

    def _tell(self, events: Iterable[Event]) -> list[Transition]:
        return [told for event in events if (told := self._incidents.take(event)) is not None]

    def _rules_at(self, bucket_ms: int) -> RuleSet:
        return self._history.at(bucket_ms) or self._default

    def _govern(self, start_ms: int) -> None:
        """Put the rules into force that decide this bucket."""
        before, self._rules = self._rules, self._rules_at(start_ms)
        if self._rules is before or self._rules == before:
            return
        self._room = self._make_room()
        for one in self._series.values():
            one.govern(self._rules)

    # -- documents

    def _count(self, start_ms: int, entries: Sequence[Entry]) -> list[Transition]:
        heard: dict[str, list[Voice]] = defaultdict(list)
        counted: list[Voice] = []
        self._counted.append((start_ms, counted))
        for voice in voices(entries):
            if self._texts.count(voice.text_hash, start_ms):
                counted.append(voice)
                for name in voice.series:
                    heard[name].append(voice)
            else:
                self._amplify(voice)
        models = {voice.model for voice in counted}
        version = models.pop() if len(models) == 1 else None
        listening = [
            one for name in sorted(heard) if (one := self._hear(name, start_ms, heard[name], version)) is not None
        ]
        self._header.roster.trim()
        crossing = [one for one in listening if self._may_fire(one, heard[one.name])]
        told: list[Transition] = []
        for one in sorted(crossing, key=_specific):
            told += self._tell(one.test(start_ms))
            if one.busy:
                self._busy.add(one.name)
        return told

    def _hear(self, name: str, start_ms: int, heard: Sequence[Voice], version: int | None) -> Series | None:
        """Count the voices of a series, all read by `version` if one read all, if it is watched."""
        self._header.roster.hear(name, len(heard), start_ms)
        one = self._watched(name)
        if one is not None:
            one.count(start_ms, heard, version)
            self._changed[name] = None
        return one

    def _may_fire(self, one: Series, heard: Iterable[Voice]) -> bool:
        """Only negatives move a test towards its threshold, and a source that is the whole stream adds nothing."""
        whole = self._series.get("all")
        return any(voice.negative for voice in heard) and (whole is None or not one.echoes(whole))

    def _amplify(self, voice: Voice) -> None:
        for name in voice.series:
            one = self._series.get(name)
            if one is not None and one.witnesses.amplify(voice.text_hash, voice.copies):
                self._changed[name] = None

    # -- which series

    def _watched(self, name: str) -> Series | None:
        """The series of that name, while there is room under the cap."""
        one = self._series.get(name)
        if one is not None:
            return one
        if not self._header.roster.admit(name, self._room):
            self._say_full(name)
            return None
        one = self._series[name] = self._new_series(name)
        return one

    def _make_room(self) -> Room:
        """The cap on all series and those of the rules that hold now, with the series in it that are watched or may be."""
        self._budgets_of.clear()
        caps = {rule.name: rule.max_series for rule in self._rules.rules} | {ALL_BUDGETS: self._cap}
        room = Room(caps, self._budgets)
        for name in (*self._series, *self._header.roster.places):
            room.take(name)
        return room

    def _budgets(self, name: str) -> frozenset[str]:
        if name not in self._budgets_of:
            owners = (self._rules.rule_for(name, kind) for kind in KINDS)
            budgets = frozenset({ALL_BUDGETS} | {owner.name for owner in owners if owner is not None})
            if len(self._budgets_of) >= NAMES_KEPT:  # invented names, and every one asks
                self._budgets_of.clear()
            self._budgets_of[name] = budgets
        return self._budgets_of[name]

    def _say_full(self, name: str) -> None:
        if not self._header.full:
            log.warning(
                "no room for %s: max_series=%d, or that of its rule, is reached; each hour those with most documents are chosen",
                name, self._cap,
            )  # fmt: skip
            self._header.full = True

    def _close_hour(self) -> None:
        """Under the cap the series with most documents stay."""
        for name in self._header.roster.close_hour(self._room, self._series.keys(), self._busy):
            self._drop(name)
        whole = self._series.get("all")
        version = whole.units.newest if whole is not None else NO_VERSION
        levels = [one.level_for(version) for name, one in sorted(self._series.items()) if _is_peer(one)]
        self._header.peers = Peers.of(levels)
        self._header.peers_version = version
        for one in self._series.values():
            one.lean_on(self._header.peers.null, version)

    def _forget_silent(self, day_ms: int) -> None:
        """At midnight, series that were silent for long make room."""
        silent = [name for name, one in self._series.items() if day_ms - one.last_ms > FORGOTTEN_MS]
        for name in silent:
            if name not in self._busy:
                self._drop(name)

    def _drop(self, name: str) -> None:
        del self._series[name]
        self._room.give_back(name)
        self._changed[name] = None

    def _load(self, name: str, kept: EvaluatorState) -> Series:
        decode = msgspec.msgpack.decode
        state = SeriesState(
            decode(kept.detectors[name], type=DetectorState), decode(kept.evidence[name], type=EvidenceState)
        )
        return self._new_series(name, state)

    def _new_series(self, name: str, state: SeriesState | None = None) -> Series:
        one = Series(name, self.config, self._rules, self._versions, state)
        one.lean_on(self._header.peers.null, self._header.peers_version)
        return one


def _is_peer(one: Series) -> bool:
    """Whether its level says something of others': it has a history, and is no sum of them."""
    return one.share.warm and one.name != "all" and not one.name.startswith("source:")


def _specific(one: Series) -> tuple[int, str]:
    kinds = [i for i, prefix in enumerate(SPECIFIC) if one.name.startswith(prefix)]
    return (kinds[0] if kinds else len(SPECIFIC), one.name)


def _read_header(raw: bytes) -> Header:
    if not raw:
        return Header()
    version = msgspec.msgpack.decode(raw)[0]
    if version not in (AS_NOW, VERSION):  # to read it again, as after a `StaleState`, would find the same for ever
        raise FatalError(
            f"the evaluator's state in Redis has version {version}, not {VERSION}: run the release that wrote it, or delete the "
            "keys of this deployment, and windows and alerts are built anew from `classified`"
        )
    header = msgspec.msgpack.decode(raw, type=Header)
    header.version = VERSION
    return header
