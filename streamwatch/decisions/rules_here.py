"""The rules that people made, read out of their edits: one that cannot be read is left out, and said.

Examples:
    >>> from streamwatch.timeline import from_ms
    >>> edits = RuleEdits()
    >>> for name, text in (("banks", "name: banks\\nseries: ticker:JPM"), ("cars", "name: boats\\nseries: all")):
    ...     _ = edits.apply(RuleEdit(id=name, name=name, revision=1, based_on=0, text=text, made_by="ana", made_at=from_ms(0)))
    >>> rules, unreadable = rules_here(edits, Settings())
    >>> [rule.name for rule in rules], unreadable
    (['banks'], {'cars': 'it calls itself boats'})
"""

from streamwatch.config import Settings
from streamwatch.decisions.rule_edits import RuleEdits
from streamwatch.records import RuleEdit
from streamwatch.rules.faults import RulesError
from streamwatch.rules.reading import read_rule
from streamwatch.rules.rule import Rule


def rules_here(edits: RuleEdits, settings: Settings) -> tuple[list[Rule], dict[str, str]]:
    """The rules, by when they were first made, and by name why others cannot be read. Nothing is raised: all who fold the
    channel must come to the same, and a rule of another version must not stop them.
    """
    rules, unreadable = [], {}
    for edit in edits.rules:
        try:
            rules.append(rule_of(edit, settings))
        except RulesError as error:
            unreadable[edit.name] = str(error)
        except ValueError as error:
            unreadable[edit.name] = str(error)
    return rules, unreadable


def rule_of(edit: RuleEdit, settings: Settings) -> Rule:
    """The rule of one edit. Raises `RulesError`, and `ValueError` where it has another name than it says."""
    rule = read_rule(edit.text, settings, edit.name)
    if rule.name != edit.name:
        raise ValueError(f"it calls itself {rule.name}")
    return rule
