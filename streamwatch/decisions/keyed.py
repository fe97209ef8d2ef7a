"""The key of a decision: one for each subject, since the channel is compacted and keeps the last record of each key.

Examples:
    >>> from streamwatch.codec import decode, encode
    >>> from streamwatch.timeline import from_ms
    >>> verdict = Verdict(alert="a1", true=True, made_by="ana", made_at=from_ms(0))
    >>> key_of(verdict), decode(encode(verdict), AnyDecision) == verdict
    ('verdict/a1', True)
    >>> decode(b'{"schema":"vote.v1"}', AnyDecision)
    Traceback (most recent call last):
      ...
    streamwatch.errors.RejectError: unknown_schema: Invalid value 'vote.v1' - at `$.schema`
"""

from urllib.parse import quote

from streamwatch.records import (
    Acknowledgement,
    AnyDecision,
    ApiKey,
    Promotion,
    RuleEdit,
    RulesChange,
    Silence,
    Verdict,
    Watchlist,
)
from streamwatch.timeline import to_ms


def key_of(decision: AnyDecision) -> str:
    """The subject: a later record of the same key replaces this one.

    >>> from streamwatch.timeline import from_ms
    >>> key_of(RulesChange(effective_from=from_ms(60_000), text="", digest="", made_by="ana", made_at=from_ms(0)))
    'rules/60000'
    """
    match decision:
        case Silence():
            parts = ["silence", decision.id]
        case Acknowledgement():
            parts = ["ack", decision.alert]
        case Verdict():
            parts = ["verdict", decision.alert]
        case RulesChange():
            parts = ["rules", str(to_ms(decision.effective_from))]
        case Promotion():
            parts = ["promotion", str(decision.version)]
        case ApiKey():
            parts = ["key", decision.id]
        case RuleEdit():
            parts = ["rule", decision.name, str(decision.revision), decision.id]
        case Watchlist():
            return watchlist_key(decision.made_by, decision.name)
    return "/".join(parts)


def watchlist_key(person: str, name: str) -> str:
    """The key of a watchlist. Both names are percent-encoded: a slash in one must not make two people's keys the same.

    >>> watchlist_key("ana", "Banks/EU")
    'watchlist/ana/Banks%2FEU'
    """
    return f"watchlist/{quote(person, safe='')}/{quote(name, safe='')}"
