"""Everything that was decided, folded from the records of `decisions` in their order.

A pure view: it can be thrown away and folded again, by every process for itself. Nothing of it is kept in Redis.

Examples:
    >>> from streamwatch.timeline import from_ms
    >>> decisions = Decisions()
    >>> for true in (True, False):
    ...     decisions.apply(Verdict(alert="a1", true=true, made_by="ana", made_at=from_ms(0)))
    >>> decisions.verdict("a1").true, decisions.verdict("a2") is None
    (False, True)
"""

from collections import Counter
from collections.abc import Iterable

import msgspec

from streamwatch.codec import decode
from streamwatch.decisions.keyed import key_of, watchlist_key
from streamwatch.decisions.precision import Precision
from streamwatch.decisions.promotion import introduce
from streamwatch.decisions.rule_edits import RuleEdits
from streamwatch.decisions.rules_change import rules_of
from streamwatch.decisions.silencing import is_about, is_active
from streamwatch.detection.versions import Versions
from streamwatch.records import (
    Acknowledgement,
    Alert,
    AnyDecision,
    ApiKey,
    Promotion,
    RuleEdit,
    RulesChange,
    Silence,
    Verdict,
    Watchlist,
)
from streamwatch.rules.history import RuleHistory
from streamwatch.timeline import to_ms


class Standing(msgspec.Struct, frozen=True, omit_defaults=True):
    """What people have said about one alert, at some moment."""

    silenced_by: Silence | None = None
    acknowledgement: Acknowledgement | None = None
    verdict: Verdict | None = None


class Decisions:
    """The newest record of each key, and what follows from them. Times are milliseconds of the wall clock, given.

    Attributes:
        versions: the model versions that were promoted, as they are told: the same object for ever.
        rule_edits: the rules that people made beside those of the file.
    """

    def __init__(self) -> None:
        self._newest: dict[str, AnyDecision] = {}
        self._silences: tuple[Silence, ...] | None = None
        """Sorted when first asked for after a change: a list of alerts asks for each of them."""
        self._history = RuleHistory()
        self.versions = Versions()
        self.rule_edits = RuleEdits()

    def copied(self) -> "Decisions":
        """All of it as it is now, for who reads while another goes on folding; `versions` is shared, as ever."""
        copy = Decisions()
        copy._newest, copy._history = dict(self._newest), self._history
        copy.versions, copy.rule_edits = self.versions, self.rule_edits.copied()
        return copy

    def apply(self, decision: AnyDecision) -> None:
        """Count one record. Raises `RejectError`, with nothing done, for rules that cannot be read."""
        if isinstance(decision, RulesChange):
            self._history = self._history.changed(rules_of(decision), to_ms(decision.effective_from))
        elif isinstance(decision, Promotion):
            introduce(self.versions, decision)
        elif isinstance(decision, RuleEdit):
            self.rule_edits.apply(decision)
            return
        self._newest[key_of(decision)] = decision
        if isinstance(decision, Silence):
            self._silences = None

    def apply_message(self, key: bytes | None, value: bytes | None) -> None:
        """Count one record of the channel as Kafka gives it; without a value it forgets its key (a tombstone).

        Raises `RejectError`, with nothing done, when it is none of ours.
        """
        if value:
            self.apply(decode(value, AnyDecision))  # type: ignore[arg-type]
        else:
            self._forget((key or b"").decode(errors="replace"))

    @property
    def silences(self) -> list[Silence]:
        """All silences, by when they begin; also those that are over."""
        if self._silences is None:
            found = [one for one in self._newest.values() if isinstance(one, Silence)]
            self._silences = tuple(sorted(found, key=lambda one: (one.starts_at, one.id)))
        return list(self._silences)

    @property
    def rule_history(self) -> RuleHistory:
        """Which rules held when; empty before the first change."""
        return self._history

    @property
    def rules_changes(self) -> list[RulesChange]:
        """The changes of rules, by the bucket that they are effective from."""
        found = [one for one in self._newest.values() if isinstance(one, RulesChange)]
        return sorted(found, key=lambda one: one.effective_from)

    @property
    def promotions(self) -> list[Promotion]:
        """The model versions that were told of, by when."""
        found = [one for one in self._newest.values() if isinstance(one, Promotion)]
        return sorted(found, key=lambda one: (one.made_at, one.version))

    @property
    def keys(self) -> dict[str, ApiKey]:
        """The keys of the dashboard by their id; also those that are revoked or have expired."""
        return {one.id: one for one in self._newest.values() if isinstance(one, ApiKey)}

    def key(self, key_id: str) -> ApiKey | None:
        """One key, whatever became of it."""
        found = self._newest.get(f"key/{key_id}")
        return found if isinstance(found, ApiKey) else None

    def watchlists(self, person: str) -> list[Watchlist]:
        """What somebody wants to see together, by name."""
        found = [one for one in self._newest.values() if isinstance(one, Watchlist) and not one.removed]
        return sorted((one for one in found if one.made_by == person), key=lambda one: one.name)

    def watchlist(self, person: str, name: str) -> Watchlist | None:
        """One of them; None where there is none."""
        found = self._newest.get(watchlist_key(person, name))
        return found if isinstance(found, Watchlist) and not found.removed else None

    def silenced_by(self, alert: Alert, at_ms: int) -> Silence | None:
        """The silence that hides the alert at `at_ms`: of several the one that lasts longest."""
        hiding = [one for one in self.silences if is_active(one, at_ms) and is_about(one.matchers, alert)]
        return max(hiding, key=lambda one: (one.ends_at, one.id), default=None)

    def acknowledgement(self, alert_id: str) -> Acknowledgement | None:
        """Who looks after the alert, if anybody does."""
        found = self._newest.get(f"ack/{alert_id}")
        return found if isinstance(found, Acknowledgement) and not found.retracted else None

    def verdict(self, alert_id: str) -> Verdict | None:
        """What was last said of the alert, if it was not taken back."""
        found = self._newest.get(f"verdict/{alert_id}")
        return found if isinstance(found, Verdict) and not found.retracted else None

    def standing(self, alert: Alert, at_ms: int) -> Standing:
        """All three at once."""
        return Standing(self.silenced_by(alert, at_ms), self.acknowledgement(alert.id), self.verdict(alert.id))

    def precision(self, alerts: Iterable[Alert]) -> list[Precision]:
        """Precision per rule over `alerts`, one revision of each.

        Those that never fired are no claim, and those that tell of something that stands still are no detection.
        """
        counts: Counter[tuple[str, bool | None]] = Counter()
        for alert in alerts:
            if alert.kind == "stalled" or alert.state == "pending" or alert.resolution == "withdrawn":
                continue
            verdict = self.verdict(alert.id)
            counts[alert.rule, verdict.true if verdict else None] += 1
        rules = sorted({rule for rule, _ in counts})
        return [Precision(rule, counts[rule, True], counts[rule, False], counts[rule, None]) for rule in rules]

    def _forget(self, key: str) -> None:
        """A key whose record is gone. Rules and promotions stay as long as an evaluator may have to decide by them again: for
        ever.
        """
        if not key.startswith(("rules/", "promotion/")):
            self._newest.pop(key, None)
            self._silences = None
