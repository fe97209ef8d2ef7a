"""Log-ins: a random token in a cookie, and what it stands for in Redis, so that each process knows it and it can be ended.

    sw:{web}:session:<SHA-256 of the token>    JSON of `Session`; its TTL is the idle limit
    sw:{web}:login:<SHA-256 of the cookie>     JSON of `Pending`: a log-in at the identity provider that has not come back

Redis holds hashes: who reads it cannot log in. A wiped Redis logs everybody out, and nothing else. A session of a key holds no
role of its own: when the key is revoked or expires, the session is over.
"""

import secrets
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Literal

import msgspec
import redis.asyncio

from streamwatch.codec import encode
from streamwatch.config import Settings
from streamwatch.records import Role
from streamwatch.redis_errors import answering

TOKEN_BYTES = 32
PENDING_S = 600
"""How long somebody may take at the identity provider: a password and a second factor."""
TOUCH_S = 30
"""The idle limit is pushed back when so much of it is used, and not by every request."""


class Session(msgspec.Struct, frozen=True, omit_defaults=True):
    """One log-in. `key_id` is the key it was made with; else `name` and `role` are what the identity provider said."""

    name: str
    role: Role
    way: Literal["key", "oidc"]
    csrf: str
    made_ms: int
    key_id: str = ""


class Pending(msgspec.Struct, frozen=True, omit_defaults=True):
    """A log-in that is on its way: what must come back, and where to go then."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    then: str


def new_token() -> str:
    """256 random bits, as text."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def handle_of(token: str) -> str:
    """A name for a token that gives nothing away: what Redis, limits and the audit trail see.

    >>> handle_of("abc")[:16]
    'ba7816bf8f01cfea'
    """
    return sha256(token.encode()).hexdigest()


class Sessions:
    """All log-ins of a deployment. Every call raises `StoreUnavailable` where Redis does not answer."""

    def __init__(self, settings: Settings, client: redis.asyncio.Redis, clock: Callable[[], int]) -> None:
        self._base = f"{settings.prefix}sw:{{web}}:"
        self._redis: Any = client
        self._clock = clock
        self._idle_ms = settings.dashboard_session_idle_s * 1000
        self._longest_ms = settings.dashboard_session_s * 1000

    async def start(self, name: str, role: Role, way: Literal["key", "oidc"], key_id: str = "") -> str:
        """A new log-in; the token for its cookie. A token that was there before is never taken over."""
        token = new_token()
        session = Session(name, role, way, csrf=new_token(), made_ms=self._clock(), key_id=key_id)
        with answering():
            ttl = min(self._idle_ms, self._longest_ms)
            await self._redis.set(self._key("session", token), encode(session), px=ttl)
        return token

    async def find(self, token: str) -> Session | None:
        """The log-in of a token, if it still holds; being asked for keeps it from being idle."""
        key = self._key("session", token)
        with answering():
            raw, ttl_ms = await self._redis.pipeline(transaction=False).get(key).pttl(key).execute()
        session = _decoded(raw, Session)
        if session is None:
            return None
        left_ms = session.made_ms + self._longest_ms - self._clock()
        if left_ms <= 0:
            await self.end(token)
            return None
        wanted_ms = min(self._idle_ms, left_ms)
        if ttl_ms < wanted_ms - TOUCH_S * 1000:
            with answering():
                await self._redis.pexpire(key, wanted_ms)
        return session

    async def peek(self, token: str) -> Session | None:
        """The same without being a sign of life: an open stream of events is no person at work."""
        with answering():
            session: Session | None = _decoded(await self._redis.get(self._key("session", token)), Session)
        return session if session and session.made_ms + self._longest_ms > self._clock() else None

    async def end(self, token: str) -> None:
        """Log out: the token is worth nothing from now on, in any process."""
        with answering():
            await self._redis.delete(self._key("session", token))

    async def begin(self, pending: Pending) -> str:
        """Remember a log-in that goes to the identity provider; the token for its cookie."""
        token = new_token()
        with answering():
            await self._redis.set(self._key("login", token), encode(pending), ex=PENDING_S)
        return token

    async def take(self, token: str) -> Pending | None:
        """What was begun with this cookie, once."""
        with answering():
            return _decoded(await self._redis.getdel(self._key("login", token)), Pending)

    def _key(self, kind: str, token: str) -> str:
        return f"{self._base}{kind}:{handle_of(token)}"


def _decoded(raw: Any, kind: Any) -> Any:
    """The struct, or None: also for what an older version wrote."""
    try:
        return msgspec.json.decode(raw, type=kind) if raw else None
    except msgspec.MsgspecError:
        return None
