"""A change of rules as a decision: the whole text, with all defaults said, so that it reads the same for ever.

Examples:
    >>> from streamwatch.config import Settings
    >>> from streamwatch.rules.rule_set import default_rules
    >>> rules = default_rules(Settings())
    >>> change = rules_change(rules, effective_from_ms=60_000, made_by="worker", made_at_ms=0)
    >>> change.effective_from.isoformat(), rules_of(change) == rules
    ('1970-01-01T00:01:00+00:00', True)
"""

from streamwatch.config import BUCKET_MS
from streamwatch.errors import RejectError
from streamwatch.records import RulesChange
from streamwatch.rules.faults import RulesError
from streamwatch.rules.history import RuleHistory
from streamwatch.rules.reading import read_written
from streamwatch.rules.rule_set import RuleSet
from streamwatch.rules.writing import write_rules
from streamwatch.timeline import from_ms


def rules_change(
    rules: RuleSet, *, effective_from_ms: int, made_by: str, made_at_ms: int, comment: str = ""
) -> RulesChange:
    """The record. `effective_from_ms` is the start of a bucket that nobody has closed yet; 0 on an empty deployment.

    Raises `ValueError` when it is no bucket's start, `RulesError` when what is written could not be read again (rules
    made in code only: a file's were read).
    """
    if effective_from_ms < 0 or effective_from_ms % BUCKET_MS:
        raise ValueError(f"{effective_from_ms} is not the start of a bucket")
    text = write_rules(rules)
    if read_written(text, "rules").digest != rules.digest:
        raise ValueError("rules that do not read as they are written")
    return RulesChange(
        effective_from=from_ms(effective_from_ms),
        text=text,
        digest=rules.digest,
        made_by=made_by,
        made_at=from_ms(made_at_ms),
        comment=comment,
    )


def change_needed(
    history: RuleHistory, wanted: RuleSet, *, next_bucket_ms: int, made_by: str, now_ms: int
) -> RulesChange | None:
    """The record that makes `wanted` hold from `next_bucket_ms` on, the first bucket that nobody has closed; None when
    it is what holds.

    The first rules of a deployment hold from 0 on. A change that lies ahead, which nobody has decided by, is replaced.
    To be asked by the holder of the lease alone, and only when it has caught up: after a wipe the first open bucket lies
    in a past that other rules decided.

    >>> from streamwatch.rules.rule import Rule
    >>> rules = RuleSet((Rule("a"),))
    >>> first = change_needed(RuleHistory(), rules, next_bucket_ms=60_000, made_by="worker", now_ms=0)
    >>> first.effective_from.isoformat()
    '1970-01-01T00:00:00+00:00'
    >>> history = RuleHistory().changed(rules, 0)
    >>> change_needed(history, rules, next_bucket_ms=60_000, made_by="worker", now_ms=0) is None
    True
    """
    if not history.changes:
        return rules_change(wanted, effective_from_ms=0, made_by=made_by, made_at_ms=now_ms)
    last_from_ms, last = history.changes[-1]
    if last.digest == wanted.digest:
        return None
    from_bucket_ms = max(next_bucket_ms, last_from_ms)
    return rules_change(wanted, effective_from_ms=from_bucket_ms, made_by=made_by, made_at_ms=now_ms)


def rules_of(change: RulesChange) -> RuleSet:
    """The rules in a record. Raises `RejectError` when they cannot be read: another version wrote them."""
    try:
        return read_written(change.text, f"rules of {change.effective_from.isoformat()}")
    except RulesError as error:
        raise RejectError("wrong_type", str(error)) from error
