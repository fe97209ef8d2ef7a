"""All rules together: who owns a series, how related alerts become one incident, and what keeps what quiet.

Examples:
    >>> rules = RuleSet((Rule("big", series=("ticker:AAPL",), kinds=("negative_share",)), Rule("rest")))
    >>> [rules.rule_for("ticker:AAPL", kind).name for kind in KINDS]
    ['big', 'rest']
    >>> rules.inhibits("topic:recall", "all"), rules.inhibits("all", "topic:recall")
    (True, False)
    >>> len(rules.digest), rules.digest == RuleSet((Rule("rest"),)).digest
    (16, False)
"""

from hashlib import sha256

import msgspec

from streamwatch.config import Settings
from streamwatch.rules.glob import matches_any
from streamwatch.rules.rule import KINDS, Rule, default_rule
from streamwatch.timeline import HOUR_MS

__all__ = ["KINDS", "Grouping", "Inhibition", "Rule", "RuleSet", "default_rules"]

_encode = msgspec.json.Encoder(order="deterministic").encode


class Grouping(msgspec.Struct, frozen=True):
    """When two series tell of one incident: so much of the smaller one's documents in common, onsets so close.

    Attributes:
        enabled: off: each series has its own alert.
        overlap: the part of the smaller series' negative documents that the other one holds too, 0 to 1.
        within_ms: how far apart the onsets may be.
    """

    enabled: bool = True
    overlap: float = 0.5
    within_ms: int = 2 * HOUR_MS


class Inhibition(msgspec.Struct, frozen=True):
    """While a series that matches `source` fires, one that matches `target` begins no alert of its own.

    The default: whatever is no container of others keeps the containers `all` and `source:*` quiet.
    """

    source: tuple[str, ...] = ("topic:*", "ticker:*", "entity:*")
    target: tuple[str, ...] = ("all", "source:*")

    def applies(self, source: str, target: str) -> bool:
        """Whether a firing `source` keeps `target` quiet. None keeps itself quiet."""
        return source != target and matches_any(self.source, source) and matches_any(self.target, target)


class RuleSet(msgspec.Struct, frozen=True):
    """Rules in the order of their file. The first that matches owns a (series, kind), alone.

    One owner each, because a series with two sensitivities would need two baselines that are frozen at different times.
    """

    rules: tuple[Rule, ...]
    grouping: Grouping = Grouping()
    inhibit: tuple[Inhibition, ...] = (Inhibition(),)

    def rule_for(self, series: str, kind: str) -> Rule | None:
        """The rule that owns the series for this kind of test; None: it is not tested."""
        return next((rule for rule in self.rules if rule.owns(series, kind)), None)

    def inhibits(self, source: str, target: str) -> bool:
        """Whether a firing `source` keeps `target` quiet."""
        return any(inhibition.applies(source, target) for inhibition in self.inhibit)

    @property
    def digest(self) -> str:
        """A hash of everything that is decided here; comments and layout of the file do not count."""
        return sha256(_encode(self)).hexdigest()[:16]

    @property
    def false_alarms_per_week(self) -> float:
        """What all rules together allow."""
        return sum(rule.false_alarms_per_week for rule in self.rules if rule.tested)


def default_rules(settings: Settings) -> RuleSet:
    """What holds without a rules file: one rule, `default`, on everything."""
    return RuleSet((default_rule(settings),))
