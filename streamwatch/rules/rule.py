"""One rule: the series that it owns, the false alarms that it may raise, and what its alerts carry.

Examples:
    >>> rule = Rule("tickers", series=("ticker:*",), except_series=("ticker:SPY",), kinds=("negative_share",))
    >>> [rule.owns(name, "negative_share") for name in ("ticker:AAPL", "ticker:SPY", "all")]
    [True, False, False]
    >>> rule.owns("ticker:AAPL", "negative_volume")
    False

What is about no topic is a collection of anything, so that its share says nothing by itself: only a rule that names it
tests it, and no `*` does.

    >>> [Rule("r", series=(pattern,)).owns(UNCLEAR_SERIES, "negative_share") for pattern in ("*", "topic:*", "topic:unclear")]
    [False, False, True]
"""

from typing import Literal, get_args

import msgspec

from streamwatch.config import Settings
from streamwatch.inference.engine import UNCLEAR
from streamwatch.records import Severity
from streamwatch.rules.glob import matches_any
from streamwatch.timeline import DAY_MS, HOUR_MS

TestedKind = Literal["negative_share", "negative_volume"]
KINDS: tuple[TestedKind, ...] = get_args(TestedKind)
"""What a rule can test on a series: these share its budget of false alarms."""
RuleKind = Literal["negative_share", "negative_volume", "drift"]
RULE_KINDS: tuple[RuleKind, ...] = get_args(RuleKind)
"""What a rule can own. The promise of `drift` is a setting and no part of a rule's budget. `stalled` is about a channel and not
about a series: no rule owns it."""
UNCLEAR_SERIES = f"topic:{UNCLEAR}"
"""The series of documents that are about none of the topics."""


class Rule(msgspec.Struct, frozen=True):
    """What is allowed and asked of some series. All durations are milliseconds of event time.

    Attributes:
        name: stands in every alert of the rule and in its id.
        series: patterns of series names (`*` only); one must match. `topic:unclear` is matched by its own name alone.
        except_series: patterns of series that are not the rule's all the same.
        kinds: the tests that it runs, and whether drift of its series is told under its name.
        false_alarms_per_week: allowed over all series of the rule and the kinds that it tests, together.
        max_series: how many series the budget is shared over: as many as the rule will ever have, not today's number. The
            cap on all series together is the setting.
        min_negatives: fewer negatives than this in the window fire nothing (volume).
        min_lift: so many times what this hour usually brings at least (volume).
        min_texts: distinct negative texts at least.
        max_author_share: no author may have written more of the window's negatives than this; 1 switches it off.
        for_ms: how long the test must stay above its threshold before `pending` becomes `firing`.
        keep_firing_for_ms: how long it must have been calm before it is resolved.
        max_firing_ms: after this it is resolved as a new level.
        severity: `auto` (from effect, evidence and volume), or the one that all its alerts have.
        labels: copied to each alert.
        routes: names of notification targets, copied to each alert.
    """

    name: str
    series: tuple[str, ...] = ("*",)
    except_series: tuple[str, ...] = ()
    kinds: tuple[RuleKind, ...] = RULE_KINDS
    false_alarms_per_week: float = 1.0
    max_series: int = 200
    min_negatives: int = 5
    min_lift: float = 1.5
    min_texts: int = 5
    max_author_share: float = 0.5
    for_ms: int = 0
    keep_firing_for_ms: int = HOUR_MS
    max_firing_ms: int = DAY_MS
    severity: Literal["auto"] | Severity = "auto"
    labels: dict[str, str] = {}
    routes: tuple[str, ...] = ()

    def owns(self, series: str, kind: str) -> bool:
        """Whether this rule would test `kind` on `series`, if no rule before it does."""
        if series == UNCLEAR_SERIES and series not in self.series:
            return False
        return kind in self.kinds and matches_any(self.series, series) and not matches_any(self.except_series, series)

    @property
    def tested(self) -> tuple[RuleKind, ...]:
        """Those of its kinds that share its budget of false alarms."""
        return tuple(kind for kind in self.kinds if kind in KINDS)


def may_drift(pattern: str) -> bool:
    """Whether a series of that name, or pattern, can be what a drift alert is about: the whole stream, or a topic.

    >>> [may_drift(pattern) for pattern in ("all", "topic:ipo", "*", "ticker:*")]
    [True, True, True, False]
    """
    return not pattern.startswith(("ticker:", "entity:", "source:"))


def default_rule(settings: Settings) -> Rule:
    """The rule without a rules file: everything, with the settings' budget.

    >>> default_rule(Settings(false_alarms_per_week=2.0)).false_alarms_per_week
    2.0
    """
    return Rule(
        "default",
        false_alarms_per_week=settings.false_alarms_per_week,
        max_series=settings.max_series,
        keep_firing_for_ms=settings.keep_firing_s * 1000,
        max_firing_ms=settings.max_firing_s * 1000,
    )
