"""What an event says of a record: as much as everybody with a log-in may know.

Keys and the audit trail are nobody's but an admin's and make no event; a watchlist is one person's. Of an answer only that
there is one: what it says must not reach those who have not labelled the document yet. Of edits of rules those that count.

Examples:
    >>> from streamwatch.codec import encode
    >>> from streamwatch.records import Verdict
    >>> from streamwatch.timeline import from_ms
    >>> verdict = encode(Verdict(alert="a1", true=True, made_by="ana", made_at=from_ms(0)))
    >>> event = event_of(Written("decisions", 0, 7, 0, b"verdict/a1", verdict), Decisions(), Once(), now_ms=0)
    >>> event.kind, event.at, event.data[:40]
    ('decision', 'decisions/0/7', b'{"decision":{"schema":"verdict.v1","made')
    >>> event_of(Written("labels", 0, 8, 0, b"d1\\x1fana", b"{}"), Decisions(), Once(), now_ms=0) is None
    True
"""

from typing import Any

from streamwatch.codec import decode, encode
from streamwatch.dashboard.live.event_stream import Event
from streamwatch.dashboard.live.views import Written
from streamwatch.decisions.view import Decisions
from streamwatch.errors import RejectError
from streamwatch.following.alert_log import Once, to_alert
from streamwatch.records import (
    Acknowledgement,
    Answer,
    AnyDecision,
    Promotion,
    RuleEdit,
    RulesChange,
    Silence,
    Verdict,
)

TOLD = ("alerts", "decisions", "labels")
"""The channels whose records make events."""
SHOWN = (Silence, Acknowledgement, Verdict, RulesChange, RuleEdit, Promotion)
"""The decisions that everybody may know of."""


def event_of(record: Written, decisions: Decisions, once: Once, *, now_ms: int) -> Event | None:
    """The event of one record, None where there is nothing to tell.

    Args:
        decisions: folded at least up to the record.
        once: knows the revisions of alerts that were told; the channel may hold one twice.
    """
    if not record.value:
        return None
    try:
        told = _TELLERS[record.channel](record.value, decisions, once, now_ms)
    except RejectError:
        return None  # the views say so, once
    at = f"{record.channel}/{record.partition}/{record.offset}"
    return Event(told[0], encode(told[1]), at) if told else None


def _alert(value: bytes, decisions: Decisions, once: Once, now_ms: int) -> tuple[str, Any] | None:
    alert = to_alert(value)
    if not once.is_new(alert.id, alert.revision):
        return None
    return "alert", {"alert": alert, "standing": decisions.standing(alert, now_ms)}


def _decision(value: bytes, decisions: Decisions, once: Once, now_ms: int) -> tuple[str, Any] | None:
    decision: Any = decode(value, AnyDecision)  # type: ignore[arg-type]
    if not isinstance(decision, SHOWN):
        return None
    if isinstance(decision, RuleEdit) and not decisions.rule_edits.has_taken(decision):
        return None
    return "decision", {"decision": decision}


def _label(value: bytes, decisions: Decisions, once: Once, now_ms: int) -> tuple[str, Any]:
    answer = decode(value, Answer)
    return "label", {"id": answer.id, "labeller": answer.labeller, "undone": answer.verdict == "undone"}


_TELLERS: dict[str, Any] = {"alerts": _alert, "decisions": _decision, "labels": _label}
