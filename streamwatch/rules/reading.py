"""The rules file, strictly: what is not understood is refused, with its line, and never guessed.

Examples:
    >>> rules = read_rules(EXAMPLE)
    >>> [rule.name for rule in rules.rules]
    ['own-brand', 'companies', 'everything-else']
    >>> rules.rule_for("ticker:AAPL", "negative_share").labels
    {'team': 'markets'}
    >>> read_rules("rules: [{name: a, serie: all}]", name="rules.yml")
    Traceback (most recent call last):
      ...
    streamwatch.rules.faults.RulesError: rules.yml:1: `serie` is no key of a rule: did you mean `series`?
"""

from importlib.resources import files
from typing import Any, get_args

import msgspec

from streamwatch.config import Settings
from streamwatch.records import Severity
from streamwatch.rules.faults import Fault, Faults, RulesError, collected
from streamwatch.rules.fields import (
    Reader,
    duration,
    identifier,
    labels,
    mapping,
    number,
    one_of,
    pattern,
    several,
    truth,
    whole,
)
from streamwatch.rules.rule import KINDS, RULE_KINDS, Rule, default_rule
from streamwatch.rules.rule_set import Grouping, Inhibition, RuleSet
from streamwatch.rules.shadows import check_shadows
from streamwatch.rules.yaml_tree import MAX_BYTES, MAX_FILE_BYTES, Mapping, Node, Sequence, parse
from streamwatch.timeline import MINUTE_MS

EXAMPLE = files("streamwatch.rules").joinpath("example.yml").read_text(encoding="utf-8")
"""A commented file that is right: `streamwatch rules example`."""

MAX_RULE_BYTES = 16 * 1024
"""Of a rule that is written alone: as much as its record takes. People write some hundred bytes."""
ALONE_PER_WEEK = 1.0
"""False alarms of a rule that is written alone and does not say: the setting's budget is the file's, or the default rule's."""

MOST_RULES = 200
MOST_SERIES = 100_000

RULE_KEYS: dict[str, Reader] = {
    "name": identifier,
    "series": several(pattern),
    "except": several(pattern, least=0),
    "kinds": several(one_of(RULE_KINDS)),
    "false_alarms_per_week": number(above=0, most=10_080),
    "max_series": whole(least=1, most=MOST_SERIES),
    "min_negatives": whole(least=1),
    "min_lift": number(least=1, most=1000),
    "min_texts": whole(least=1, most=24),
    "max_author_share": number(above=0, most=1),
    "for": duration(),
    "keep_firing_for": duration(),
    "max_firing": duration(least_ms=MINUTE_MS),
    "severity": one_of(("auto", *get_args(Severity))),
    "labels": labels,
    "routes": several(identifier, least=0),
}
GROUPING_KEYS: dict[str, Reader] = {
    "enabled": truth,
    "overlap": number(above=0, most=1),
    "within": duration(),
}
INHIBIT_KEYS: dict[str, Reader] = {"source": several(pattern), "target": several(pattern)}

ATTRIBUTES = {
    "except": "except_series",
    "for": "for_ms",
    "keep_firing_for": "keep_firing_for_ms",
    "max_firing": "max_firing_ms",
    "within": "within_ms",
}
"""Keys whose attribute has another name: words of Python, and durations that carry their unit in the code."""


def read_written(text: str, name: str) -> RuleSet:
    """What `write_rules` wrote: it says everything, and so may be longer than a file. Raises `RulesError`."""
    return read_rules(text, name=name, max_bytes=MAX_BYTES)


def read_rule(raw: bytes | str, settings: Settings | None = None, name: str = "rule") -> Rule:
    """One rule, as it would stand in the list `rules` of a file, with or without the dash. Raises `RulesError`.

    >>> rule = read_rule("name: banks\\nseries: [ticker:JPM, ticker:BAC]\\nfor: 5m\\n")
    >>> rule.name, rule.for_ms, rule.false_alarms_per_week
    ('banks', 300000, 1.0)
    >>> read_rule("name: banks\\nseris: all")
    Traceback (most recent call last):
      ...
    streamwatch.rules.faults.RulesError: rule:2: `seris` is no key of a rule: did you mean `series`?
    """
    default = default_rule(settings or Settings.model_construct())
    try:
        root = parse(raw, MAX_RULE_BYTES)
        if root is None:
            raise Fault(1, "empty: a rule begins with `name:`")
        if isinstance(root, Sequence) and len(root.items) != 1:
            raise Fault(root.line, f"{len(root.items)} rules: each is saved by itself")
        items = root if isinstance(root, Sequence) else Sequence((root,), root.line)
        (rule,) = _rules(items, msgspec.structs.replace(default, false_alarms_per_week=ALONE_PER_WEEK))
    except Fault as error:
        raise RulesError(name, error.faults) from error
    return rule


def read_rules(
    raw: bytes | str, settings: Settings | None = None, name: str = "rules.yml", max_bytes: int = MAX_FILE_BYTES
) -> RuleSet:
    """The rules in `raw`, with everything that it leaves out taken from `settings`; `name` stands in messages.

    Rules without a budget of their own share `settings.false_alarms_per_week` equally, so that the promise of the
    setting does not grow with the number of rules. Raises `RulesError`.
    """
    try:
        root = parse(raw, max_bytes)
        if root is None:
            raise Fault(1, "empty: a rules file begins with `rules:`")
        return _rule_set(root, default_rule(settings or Settings.model_construct()))
    except Fault as error:
        raise RulesError(name, error.faults) from error


def _rule_set(root: Node, default: Rule) -> RuleSet:
    keys: dict[str, Reader] = {
        "rules": lambda node: _rules(node, default),
        "grouping": lambda node: Grouping(**_attributes(mapping(GROUPING_KEYS, "grouping")(node))),
        "inhibit": _inhibit,
    }
    given = mapping(keys, "a rules file")(root)
    if "rules" not in given:
        raise Fault(root.line, "`rules` is missing: nothing would be watched")
    return RuleSet(**given)


def _rules(node: Node, default: Rule) -> tuple[Rule, ...]:
    if not isinstance(node, Sequence) or not node.items:
        raise Fault(node.line, "a list of at least one rule is expected")
    if len(node.items) > MOST_RULES:
        raise Fault(node.line, f"{len(node.items)} rules: at most {MOST_RULES} are taken")
    given: list[dict[str, Any]] = []
    faults: list[Fault] = []
    for item in node.items:
        with collected(faults):
            given.append(_one(item))
    if faults:
        raise Faults(faults)
    _check_names(node)
    share = default.false_alarms_per_week / max(sum(map(_shares, given)), 1)
    rules = tuple(_rule(one, default, share) for one in given)
    for rule, item in zip(rules, node.items, strict=True):
        with collected(faults):
            _check_durations(rule, item)
    check_shadows(rules, node.items, faults)
    if faults:
        raise Faults(faults)
    return rules


def _one(item: Node) -> dict[str, Any]:
    """What a rule says, by key; `name` and `series` must be there."""
    given: dict[str, Any] = mapping(RULE_KEYS, "a rule")(item)
    for key, why in (("name", "its alerts are told by it"), ("series", "it would watch nothing")):
        if key not in given:
            raise Fault(item.line, f"a rule without `{key}`: {why}")
    return given


def _shares(given: dict[str, Any]) -> bool:
    """Whether a rule takes its part of the setting: it tests something, and has no budget of its own."""
    return "false_alarms_per_week" not in given and bool(set(given.get("kinds", KINDS)) & set(KINDS))


def _rule(given: dict[str, Any], default: Rule, false_alarms_per_week: float) -> Rule:
    told = {
        "false_alarms_per_week": false_alarms_per_week,
        "max_series": _named_series(given["series"], default.max_series),
        "keep_firing_for_ms": default.keep_firing_for_ms,
        "max_firing_ms": default.max_firing_ms,
    }
    return Rule(**(told | _attributes(given)))


def _named_series(patterns: tuple[str, ...], otherwise: int) -> int:
    """How many series a rule can own: as many as it names, where it names each. A budget that is shared with series which
    the rule will never have makes it blunt.

    >>> _named_series(("ticker:JPM", "ticker:BAC"), 50), _named_series(("ticker:JPM", "topic:*"), 50)
    (2, 50)
    """
    return min(otherwise, len(patterns)) if not any("*" in one for one in patterns) else otherwise


def _attributes(given: dict[str, Any]) -> dict[str, Any]:
    return {ATTRIBUTES.get(key, key): value for key, value in given.items()}


def _check_names(rules: Sequence) -> None:
    lines: dict[str, int] = {}
    for item in rules.items:
        assert isinstance(item, Mapping)
        line, node = item.entries["name"]
        name = identifier(node)
        if name in lines:
            raise Faults([Fault(line, f"duplicate rule `{name}`: it stands in line {lines[name]} too")])
        lines[name] = line


def _check_durations(rule: Rule, item: Node) -> None:
    assert isinstance(item, Mapping)
    for key, value_ms in (("for", rule.for_ms), ("keep_firing_for", rule.keep_firing_for_ms)):
        if value_ms and value_ms >= rule.max_firing_ms:
            line = item.entries.get(key, item.entries.get("max_firing", (item.line, item)))[0]
            raise Fault(line, f"`{key}` is not shorter than `max_firing`: such an alert could not end as recovered")


def _inhibit(node: Node) -> tuple[Inhibition, ...]:
    """A list of inhibitions; an empty one inhibits nothing."""
    if not isinstance(node, Sequence):
        raise Fault(node.line, "a list is expected")
    found = []
    for item in node.items:
        given = mapping(INHIBIT_KEYS, "an inhibition")(item)
        for key in INHIBIT_KEYS:
            if key not in given:
                raise Fault(item.line, f"an inhibition without `{key}`")
        found.append(Inhibition(**given))
    return tuple(found)
