"""The rules of the file and those that people made beside it, as one set: the file's first, then theirs, then the default.

The first that matches owns a series, so the order is the precedence: nobody can take a series from the file by a rule made on
the dashboard. What has no place is left out and said, never refused as a whole: somebody may change the file, which nobody
should have to ask the makers of other rules for.

Examples:
    >>> from streamwatch.rules.rule import Rule
    >>> file = RuleSet((Rule("tickers", series=("ticker:*",)),))
    >>> found = joined(file, [Rule("banks", series=("ticker:JPM", "topic:banks")), Rule("tickers", series=("all",))], Settings())
    >>> [(rule.name, rule.series) for rule in found.rules.rules]
    [('tickers', ('ticker:*',)), ('banks', ('topic:banks',))]
    >>> found.left_out["banks"], found.left_out["tickers"]
    ('`ticker:JPM` can never match: `tickers` before it owns it all (first match wins)', 'a rule of the file has that name')
    >>> [rule.name for rule in joined(None, [Rule("banks", series=("ticker:JPM",))], Settings()).rules.rules]
    ['banks', 'default']
    >>> [rule.name for rule in joined(None, [Rule("mine")], Settings()).rules.rules]
    ['mine']
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from streamwatch.config import Settings
from streamwatch.rules.reading import MOST_RULES
from streamwatch.rules.rule import Rule, default_rule
from streamwatch.rules.rule_set import RuleSet
from streamwatch.rules.shadows import owner_of
from streamwatch.rules.writing import write_rules
from streamwatch.rules.yaml_tree import MAX_BYTES

ROOM_BYTES = 8192
"""What grouping, inhibitions and the default rule take of the written set, and more."""


class Joined(NamedTuple):
    """All rules, and of those made beside the file why one has no place, or a pattern of it."""

    rules: RuleSet
    left_out: dict[str, str]


def joined(of_file: RuleSet | None, made_here: Sequence[Rule], settings: Settings) -> Joined:
    """One set. Without a file the settings' default rule comes last; one made here that is called `default` stands for it."""
    taken = list(of_file.rules) if of_file else []
    in_file = {rule.name for rule in taken}
    n_bytes = _size(taken) + ROOM_BYTES
    left_out: dict[str, str] = {}
    for rule in made_here:
        kept, why = _kept(rule, taken)
        n_bytes += _size([kept]) if kept else 0
        if rule.name in in_file:
            kept, why = None, "a rule of the file has that name"
        elif len(taken) >= MOST_RULES - (of_file is None) or n_bytes > MAX_BYTES:
            kept, why = None, f"there are too many rules: {MOST_RULES} at most, {MAX_BYTES:,} bytes together"
        taken += [kept] if kept else []
        left_out |= {rule.name: why} if why else {}
    if of_file is None:
        taken += _default(taken, settings)
    rules = msgspec.structs.replace(of_file, rules=tuple(taken)) if of_file else RuleSet(tuple(taken))
    return Joined(rules, left_out)


def _kept(rule: Rule, earlier: Sequence[Rule]) -> tuple[Rule | None, str]:
    """The rule with those of its patterns that can match, and why others cannot."""
    owners = {pattern: owner_of(rule, pattern, earlier) for pattern in rule.series}
    series = tuple(pattern for pattern, owner in owners.items() if not owner)
    why = "; ".join(f"`{pattern}` can never match: {owner}" for pattern, owner in owners.items() if owner)
    return (msgspec.structs.replace(rule, series=series) if series else None), why


def _default(taken: Sequence[Rule], settings: Settings) -> list[Rule]:
    """The settings' rule, where something is left for it and nobody made one of its name."""
    rule = default_rule(settings)
    if any(one.name == rule.name for one in taken):
        return []
    kept, _ = _kept(rule, taken)
    return [kept] if kept else []


def _size(rules: Sequence[Rule]) -> int:
    return len(write_rules(RuleSet(tuple(rules))).encode())
