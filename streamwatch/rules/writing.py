"""Rules as the text of a file that says everything, so that reading it needs no settings.

Examples:
    >>> from streamwatch.rules.reading import EXAMPLE, read_rules
    >>> rules = read_rules(EXAMPLE)
    >>> read_rules(write_rules(rules)) == rules
    True
"""

from typing import Any

import yaml

from streamwatch.rules.durations import format_duration
from streamwatch.rules.rule import Rule
from streamwatch.rules.rule_set import RuleSet

WIDTH = 120


class _Dumper(yaml.SafeDumper):
    """Plain data only: equal parts are written twice, and not as an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        """No aliases."""
        return True


def write_rules(rules: RuleSet) -> str:
    """The text; `read_rules` gives the same rules back."""
    content = {
        "rules": [_rule(rule) for rule in rules.rules],
        "grouping": {
            "enabled": rules.grouping.enabled,
            "overlap": rules.grouping.overlap,
            "within": format_duration(rules.grouping.within_ms),
        },
        "inhibit": [{"source": list(one.source), "target": list(one.target)} for one in rules.inhibit],
    }
    text: str = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH)
    return text


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "series": list(rule.series),
        "except": list(rule.except_series),
        "kinds": list(rule.kinds),
        "false_alarms_per_week": rule.false_alarms_per_week,
        "max_series": rule.max_series,
        "min_negatives": rule.min_negatives,
        "min_lift": rule.min_lift,
        "min_texts": rule.min_texts,
        "max_author_share": rule.max_author_share,
        "for": format_duration(rule.for_ms),
        "keep_firing_for": format_duration(rule.keep_firing_for_ms),
        "max_firing": format_duration(rule.max_firing_ms),
        "severity": rule.severity,
        "labels": dict(rule.labels),
        "routes": list(rule.routes),
    }
