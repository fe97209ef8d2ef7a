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

from streamwatch.records import Acknowledgement, AnyDecision, Promotion, RulesChange, Silence, Verdict
from streamwatch.timeline import to_ms


def key_of(decision: AnyDecision) -> str:
    """The subject: a later record of the same key replaces this one.

    >>> from streamwatch.timeline import from_ms
    >>> key_of(RulesChange(effective_from=from_ms(60_000), text="", digest="", made_by="ana", made_at=from_ms(0)))
    'rules/60000'
    """
    match decision:
        case Silence():
            return f"silence/{decision.id}"
        case Acknowledgement():
            return f"ack/{decision.alert}"
        case Verdict():
            return f"verdict/{decision.alert}"
        case RulesChange():
            return f"rules/{to_ms(decision.effective_from)}"
        case Promotion():
            return f"promotion/{decision.version}"
