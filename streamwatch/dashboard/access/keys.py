"""API keys: 256 random bits behind an id, of which only the hash is kept.

    sw_k3v9x2ab_Jx0f…        `sw_`, the id (not secret: it names the key in lists and the audit trail), the secret

A key is a password that nobody chose, so that one round of SHA-256 is enough: there is nothing to guess. It is shown once.

Examples:
    >>> made = new_key("nightly report", "viewer", made_by="ana", now_ms=0)
    >>> parse(made.text) == made.record.id, opens(made.record, made.text, now_ms=0), opens(made.record, made.text + "x", now_ms=0)
    (True, True, False)
    >>> opens(revoked(made.record, "ben"), made.text, now_ms=0)
    False
    >>> parse("Bearer me"), parse("sw_short_x")
    ('', '')
"""

import hmac
import re
import secrets
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from streamwatch.dashboard.access.person import clean_name
from streamwatch.decisions.view import Decisions
from streamwatch.errors import ConfigError
from streamwatch.records import ApiKey, Role
from streamwatch.timeline import format_rfc3339, from_ms, to_ms

SECRET_BYTES = 32
"""256 bits: as much as the hash keeps."""
ID_CHARS = 8
ID_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
"""36^8 ids: two of a thousand keys are the same once in five million deployments; then one is made again."""

_KEY = re.compile(rf"sw_([0-9a-z]{{{ID_CHARS}}})_[A-Za-z0-9_-]{{43}}")


@dataclass(frozen=True)
class NewKey:
    """A key that was made now: what is kept of it, and the text that is shown once and kept nowhere."""

    record: ApiKey
    text: str

    def __repr__(self) -> str:
        return f"NewKey({self.record.id})"  # a traceback or a log must not hold the text


def new_key(
    name: str, role: Role, *, made_by: str, now_ms: int, expires_ms: int | None = None, comment: str = ""
) -> NewKey:
    """A key that opens from now on. Raises `ConfigError` for one that would open nothing, or has no name.

    The name stands in the audit trail and in what is decided: nothing in it may turn the order of letters or break a line.

    >>> new_key("report", "viewer", made_by="ana", now_ms=60_000, expires_ms=60_000)
    Traceback (most recent call last):
      ...
    streamwatch.errors.ConfigError: a key until 1970-01-01T00:01:00Z has expired before it is used
    """
    shown = clean_name(name, "")
    if not shown:
        raise ConfigError("a key needs a name: who or what comes with it")
    if expires_ms is not None and expires_ms <= now_ms:
        raise ConfigError(f"a key until {format_rfc3339(expires_ms)} has expired before it is used")
    key_id = "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_CHARS))
    text = f"sw_{key_id}_{secrets.token_urlsafe(SECRET_BYTES)}"
    record = ApiKey(
        id=key_id,
        name=shown,
        role=role,
        hash=hash_of(text),
        expires_at=None if expires_ms is None else from_ms(expires_ms),
        made_by=made_by,
        made_at=from_ms(now_ms),
        comment=comment,
    )
    return NewKey(record, text)


def revoked(key: ApiKey, by: str) -> ApiKey:
    """The same key, opening nothing any more. Raises `ConfigError` where it does not already."""
    if key.revoked:
        raise ConfigError(f"key {key.id} is revoked already, by {key.revoked_by or key.made_by}")
    return msgspec.structs.replace(key, revoked=True, revoked_by=by)


def hash_of(text: str) -> str:
    """What is kept of a key."""
    return sha256(text.encode()).hexdigest()


def parse(text: str) -> str:
    """The id of a key; empty for what is none."""
    found = _KEY.fullmatch(text)
    return found[1] if found else ""


def is_valid(key: ApiKey, now_ms: int) -> bool:
    """Whether it opens anything now."""
    return not key.revoked and (key.expires_at is None or now_ms < to_ms(key.expires_at))


def opens(key: ApiKey, text: str, now_ms: int) -> bool:
    """Whether this text is that key, and it is valid now. How long it takes says nothing of how much was right."""
    return hmac.compare_digest(hash_of(text), key.hash) and is_valid(key, now_ms)


def find(decisions: Decisions, text: str, now_ms: int) -> ApiKey | None:
    """The key that opens with this text."""
    key = decisions.key(parse(text))
    return key if key is not None and opens(key, text, now_ms) else None


def state_of(key: ApiKey, now_ms: int) -> str:
    """`valid`, `revoked` or `expired`."""
    if key.revoked:
        return "revoked"
    return "valid" if is_valid(key, now_ms) else "expired"
