"""Streams of buckets for tests of the alerting room, small enough that a test runs them in milliseconds.

Some hours are quiet (one negative of three every ten minutes), then some series are told of many negatives.
"""

from collections.abc import Iterable, Sequence
from itertools import count

from streamwatch.alerting.evaluator import Evaluator
from streamwatch.alerting.transition import EvaluatorState, Transition
from streamwatch.config import Settings
from streamwatch.rules.history import RuleHistory
from streamwatch.rules.rule import Rule
from streamwatch.rules.rule_set import Grouping, RuleSet
from streamwatch.timeline import HOUR_MS, MINUTE_MS
from streamwatch.trends.entry import Entry

Bucket = tuple[int, list[Entry]]

MOODS = ("negative", "neutral", "positive")
QUIET_MS = 15 * HOUR_MS
"""More than the twelve hours that the share test wants to have seen."""
SHARE_ONLY = ("negative_share",)
SETTINGS = Settings()


def rule(name: str = "r", **changes) -> Rule:
    """A rule that fires within minutes, on the share alone."""
    eager = {"name": name, "kinds": SHARE_ONLY, "false_alarms_per_week": 10.0, "max_series": 10}
    return Rule(**(eager | {"keep_firing_for_ms": 30 * MINUTE_MS} | changes))


def rules(*of: Rule, **changes) -> RuleHistory:
    """These rules, from the beginning on."""
    return RuleHistory().changed(RuleSet(of or (rule(),), **changes), 0)


APART = Grouping(enabled=False)


class Stream:
    """Buckets that are made one after another; no text is used twice unless it is asked for."""

    def __init__(self) -> None:
        self.by_start: dict[int, list[Entry]] = {}
        self._numbers = count()

    def say(self, at_ms: int, sentiment: str, *series: str, **changes) -> None:
        """One document."""
        n = next(self._numbers)
        fields = {"text_hash": f"t{n}", "author_hash": f"a{n}", "partition": n % 4, "offset": n // 4} | changes
        entry = Entry(sentiment=sentiment, series=series, **fields)
        self.by_start.setdefault(at_ms, []).append(entry)

    def quiet(self, from_ms: int, until_ms: int, *series: str) -> "Stream":
        """As it always is."""
        for at_ms in range(from_ms, until_ms, 10 * MINUTE_MS):
            for mood in MOODS:
                self.say(at_ms, mood, *series)
        return self

    def loud(self, from_ms: int, minutes: int, *series: str, per_minute: int = 2, **changes) -> "Stream":
        """Nothing but negatives."""
        for minute in range(minutes):
            for _ in range(per_minute):
                self.say(from_ms + minute * MINUTE_MS, "negative", *series, **changes)
        return self

    @property
    def buckets(self) -> list[Bucket]:
        """In time order."""
        return sorted(self.by_start.items())

    @property
    def end_ms(self) -> int:
        """Some hours after the last bucket: everything is over by then."""
        return max(self.by_start) + 8 * HOUR_MS


def incident(*series: str, minutes: int = 20, after_ms: int = 3 * HOUR_MS, **changes) -> Stream:
    """Quiet, then `minutes` of negatives in all of `series`, then quiet again."""
    made = Stream().quiet(0, QUIET_MS, *series)
    made.loud(QUIET_MS, minutes, *series, **changes)
    back_ms = QUIET_MS + HOUR_MS * (1 + minutes // 60)
    return made.quiet(back_ms, back_ms + after_ms, *series)


def told(stream: Stream, history: RuleHistory | None = None, settings: Settings = SETTINGS) -> list[Transition]:
    """What a fresh evaluator tells of the whole stream in one call."""
    return Evaluator(settings, history or rules()).advance(stream.end_ms, stream.buckets)


def told_in_pieces(
    buckets: Sequence[Bucket],
    cuts_ms: Iterable[int],
    reload: Sequence[bool],
    end_ms: int,
    history: RuleHistory | None = None,
    settings: Settings = SETTINGS,
) -> list[Transition]:
    """Advance to each cut in turn; after each, where `reload` says so, go on from what a store would hold."""
    history = history or rules()
    evaluator, kept, transitions = Evaluator(settings, history), EvaluatorState(), []
    for i, cut_ms in enumerate([*sorted(cuts_ms), end_ms]):
        start_ms = max(evaluator.closed_until_ms, 0)
        transitions += evaluator.advance(cut_ms, [one for one in buckets if start_ms <= one[0] < cut_ms])
        if reload[i % len(reload)]:
            kept = kept.after(evaluator.take_changes())
            evaluator = Evaluator(settings, history, kept)
    return transitions


def states(transitions: Iterable[Transition]) -> list[tuple[str, str, int]]:
    """Series, state and revision of each."""
    return [(t.alert.series, t.alert.state, t.alert.revision) for t in transitions]


def members(transition: Transition) -> set[str]:
    """The series of an alert's members."""
    return {member.series for member in transition.alert.members}


def with_bursts(quiet: Stream, from_ms: int, parts: Iterable[tuple[Sequence[str], int, int, int]]) -> Stream:
    """`quiet`, then bursts of negatives: (series, minutes after `from_ms`, how many minutes long, how many a minute)."""
    stream = Stream()
    stream.by_start = {at_ms: list(entries) for at_ms, entries in quiet.by_start.items()}
    for n, (series, after_minutes, minutes, per_minute) in enumerate(parts):
        for minute in range(minutes):
            for i in range(per_minute):
                at_ms = from_ms + (after_minutes + minute) * MINUTE_MS
                stream.say(at_ms, "negative", *series, text_hash=f"burst{n}/{minute}/{i}")
    return stream
