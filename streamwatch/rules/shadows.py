"""Patterns that can never match, since a rule before theirs owns everything that they name.

Such a rule is silent for ever, and its author believes that it watches: the file is refused. A pattern that is owned by
others in part only is what order is for.
"""

from collections.abc import Sequence

from streamwatch.rules.faults import Fault
from streamwatch.rules.glob import covers
from streamwatch.rules.rule import UNCLEAR_SERIES, Rule, may_drift
from streamwatch.rules.yaml_tree import Mapping, Node
from streamwatch.rules.yaml_tree import Sequence as Items


def check_shadows(rules: Sequence[Rule], nodes: Sequence[Node], faults: list[Fault]) -> None:
    """Add a fault for each pattern of `rules`, which stand at `nodes`, that can never match."""
    for i, rule in enumerate(rules):
        for j, pattern in enumerate(rule.series):
            if owner := owner_of(rule, pattern, rules[:i]):
                faults.append(Fault(_line(nodes[i], j), f"`{pattern}` can never match: {owner}"))


def owner_of(rule: Rule, pattern: str, earlier: Sequence[Rule]) -> str:
    """Who takes all that a pattern of the rule names, in words; empty where it can match.

    >>> owner_of(Rule("late", series=("ticker:AAPL",)), "ticker:AAPL", [Rule("tickers", series=("ticker:*",))])
    '`tickers` before it owns it all (first match wins)'
    """
    if any(covers(wide, pattern) for wide in rule.except_series):
        return "the rule's own `except` covers it"
    kinds = [kind for kind in rule.kinds if kind != "drift" or may_drift(pattern)]
    if not kinds:
        return "drift is about `all` and about topics"
    owners = [_first(earlier, pattern, kind) for kind in kinds]
    if None in owners:
        return ""
    names = " and ".join(f"`{name}`" for name in dict.fromkeys(owners))
    return f"{names} before it owns it all (first match wins)"


def _first(earlier: Sequence[Rule], pattern: str, kind: str) -> str | None:
    """The first rule that owns everything the pattern names. One with exceptions may leave some of it: not counted."""
    for rule in earlier:
        if kind in rule.kinds and not rule.except_series and any(_takes(wide, pattern) for wide in rule.series):
            return rule.name
    return None


def _takes(wide: str, pattern: str) -> bool:
    """Whether an earlier pattern leaves nothing of a later one."""
    return wide == pattern if pattern == UNCLEAR_SERIES else covers(wide, pattern)


def _line(item: Node, j: int) -> int:
    """Where the j-th pattern of a rule stands."""
    assert isinstance(item, Mapping)
    _, series = item.entries["series"]
    return series.items[j].line if isinstance(series, Items) else series.line
