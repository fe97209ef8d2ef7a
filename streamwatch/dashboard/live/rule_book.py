"""All rules as people are shown them: the file's, those made here with what has no place in them, and what is in force.

The worker puts the same sets together (`rules.joined`) from the same file and settings; what it decides by stands in the
channel, and that is what `in_force` shows.
"""

from typing import Any

import msgspec

from streamwatch.config import Settings
from streamwatch.dashboard.problems import Problem
from streamwatch.decisions.rule_edits import RuleEdits
from streamwatch.decisions.rules_here import rules_here
from streamwatch.decisions.view import Decisions
from streamwatch.errors import ConfigError
from streamwatch.records import RuleEdit, RulesChange
from streamwatch.rules.faults import RulesError
from streamwatch.rules.joined import Joined, joined
from streamwatch.rules.reading import read_rule, read_rules
from streamwatch.rules.rule import Rule
from streamwatch.rules.rule_set import RuleSet
from streamwatch.rules.watched_file import read_file
from streamwatch.timeline import to_ms

MOST_CHANGES = 100
"""Of the history, the newest."""


class RuleBook:
    """Reads the file each time: it is small, and may have changed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def told(self, decisions: Decisions) -> dict[str, Any]:
        """Everything."""
        here, unreadable = rules_here(decisions.rule_edits, self._settings)
        left_out = unreadable | self._joined(here).left_out
        by_name = {rule.name: rule for rule in here}
        changes = decisions.rules_changes
        return {
            "file": self._file_shown(),
            "made_here": [
                _edit_shown(one, by_name.get(one.name), left_out.get(one.name, ""))
                for one in decisions.rule_edits.rules
            ],
            "in_force": {**_change_shown(changes[-1]), "text": changes[-1].text} if changes else None,
            "history": [_change_shown(one) for one in reversed(changes[-MOST_CHANGES:])],
        }

    def checked(self, text: str, decisions: Decisions) -> dict[str, Any]:
        """Whether a rule can be saved, and what of it would have no place among the others."""
        try:
            rule = read_rule(text, self._settings)
        except RulesError as error:
            faults = [{"line": line, "text": said} for line, said in error.faults]
            return {"ok": False, "faults": faults, "rule": None, "shadowed_by": ""}
        found = self._with(rule, decisions.rule_edits)
        fault = self._of_file(rule.name)
        return {
            "ok": not fault,
            "faults": [{"line": 1, "text": fault}] if fault else [],
            "rule": msgspec.to_builtins(rule),
            "shadowed_by": found.left_out.get(rule.name, ""),
        }

    def check_to_save(self, name: str, text: str) -> None:
        """Raises `Problem` (422, 409) for a rule that cannot be saved under this name."""
        rule = self._read(text)
        if rule.name != name:
            raise Problem(
                422, "other-name", "The rule has another name", f"it calls itself {rule.name}, and not {name}"
            )
        if fault := self._of_file(name):
            raise Problem(409, "rule-of-file", "A rule of the file", fault)

    def with_rule(self, text: str, decisions: Decisions) -> tuple[RuleSet, str]:
        """All rules as they would be with this one saved, and its name. Raises `Problem` (422)."""
        rule = self._read(text)
        found = self._with(rule, decisions.rule_edits)
        if not any(one.name == rule.name for one in found.rules.rules):
            why = found.left_out.get(rule.name, "it has no place among the others")
            raise Problem(422, "owns-nothing", "The rule would own nothing", why)
        return found.rules, rule.name

    # -- parts

    def _read(self, text: str) -> Rule:
        try:
            return read_rule(text, self._settings)
        except RulesError as error:
            faults = [{"line": line, "text": said} for line, said in error.faults]
            raise Problem(422, "no-rule", "This is no rule", str(error), faults=faults) from error

    def _of_file(self, name: str) -> str:
        file = self._file()
        taken = file is not None and any(rule.name == name for rule in file.rules)
        return f"{name} is a rule of the file, which is read-only here: choose another name" if taken else ""

    def _with(self, rule: Rule, edits: RuleEdits) -> Joined:
        """All rules with this one in the place of its older self, or last."""
        here, _ = rules_here(edits, self._settings)
        names = [one.name for one in here]
        if rule.name in names:
            here[names.index(rule.name)] = rule
        else:
            here.append(rule)
        return self._joined(here)

    def _joined(self, here: list[Rule]) -> Joined:
        return joined(self._file(), here, self._settings)

    def _file(self) -> RuleSet | None:
        """The file's rules; None where there is no file, or a bad one, whose fault `told` shows."""
        try:
            return self._read_file()[1]
        except (ConfigError, OSError):
            return None

    def _read_file(self) -> tuple[bytes, RuleSet | None]:
        if not self._settings.rules:
            return b"", None
        from pathlib import Path

        raw = read_file(Path(self._settings.rules))
        return raw, read_rules(raw, self._settings, "rules file")

    def _file_shown(self) -> dict[str, Any] | None:
        if not self._settings.rules:
            return None
        try:
            raw, rules = self._read_file()
        except OSError as error:
            return _file(b"", f"the file cannot be read ({error.strerror}): the rules before it stay", None)
        except ConfigError as error:
            return _file(b"", f"{error}; the rules before it stay", None)
        return _file(raw, "", rules)


def _file(raw: bytes, fault: str, rules: RuleSet | None) -> dict[str, Any]:
    shown = [msgspec.to_builtins(rule) for rule in rules.rules] if rules else []
    return {"read_only": True, "text": raw.decode("utf-8-sig", "replace"), "rules": shown, "fault": fault}


def _edit_shown(edit: RuleEdit, rule: Rule | None, why: str) -> dict[str, Any]:
    return {
        "name": edit.name, "revision": edit.revision, "text": edit.text,
        "rule": msgspec.to_builtins(rule) if rule else None, "made_by": edit.made_by,
        "made_at": msgspec.to_builtins(edit.made_at), "comment": edit.comment, "shadowed_by": why,
    }  # fmt: skip


def _change_shown(change: RulesChange) -> dict[str, Any]:
    return {
        "digest": change.digest, "effective_from": msgspec.to_builtins(change.effective_from),
        "effective_from_ms": to_ms(change.effective_from), "made_by": change.made_by,
        "made_at": msgspec.to_builtins(change.made_at), "comment": change.comment,
    }  # fmt: skip
