"""A decision as the key and value of a record, checked before it is written: what nobody could read again is refused.

Examples:
    >>> from streamwatch.records import Verdict
    >>> from streamwatch.timeline import from_ms
    >>> written(Verdict(alert="a1", true=True, made_by="ana", made_at=from_ms(0)))[0]
    b'verdict/a1'
    >>> written(Verdict(alert="a1", true=True, made_by="", made_at=from_ms(0)))
    Traceback (most recent call last):
      ...
    streamwatch.errors.ConfigError: not written: Expected `str` of length >= 1 - at `$.made_by`
"""

from streamwatch.codec import decode, encode
from streamwatch.decisions.keyed import key_of
from streamwatch.errors import ConfigError, RejectError
from streamwatch.records import AnyDecision


def written(decision: AnyDecision) -> tuple[bytes, bytes]:
    """Key and value. Raises `ConfigError` for one that nobody could read again (made by nobody, too long a comment)."""
    value = encode(decision)
    try:
        decode(value, AnyDecision)  # type: ignore[arg-type]
    except RejectError as error:
        raise ConfigError(f"not written: {error.detail}") from error
    return key_of(decision).encode(), value
