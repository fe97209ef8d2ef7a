"""Who asks: a key, a log-in's cookie, or somebody at this machine.

A key that is sent decides alone: one that does not open is refused, also on loopback, and is never a way to be taken for
somebody else. Next comes the cookie, where log-ins are needed; last, on loopback, whoever sits here.
"""

import getpass
import hmac
from collections.abc import Callable, Mapping
from typing import Any

from streamwatch.dashboard.access.cookies import CookieNames, name_from_cookie
from streamwatch.dashboard.access.keys import find, is_valid, parse
from streamwatch.dashboard.access.limits import Limit
from streamwatch.dashboard.access.person import Person, clean_name
from streamwatch.dashboard.access.sessions import Session, Sessions, handle_of
from streamwatch.dashboard.problems import Problem
from streamwatch.errors import BrokerUnavailable
from streamwatch.records import ApiKey

HANDLE_CHARS = 16
"""Of a session's hash, in limits and the audit trail: 64 bits tell sessions apart."""
BEARER = "bearer "


class Identity:
    """The ways in. `channels` knows the keys, `sessions` the log-ins."""

    def __init__(self, channels: Any, sessions: Sessions, failures: Limit, clock: Callable[[], int]) -> None:
        self._channels = channels
        self._sessions = sessions
        self._failures = failures
        self._clock = clock

    def of_key(self, text: str, address: str) -> ApiKey:
        """The key that was shown. Raises `Problem` 401, or 429 after too many that did not open.

        Tries are counted for each address and, where there is a key of that id, for the id: who guesses one key from
        somewhere locks nobody out who has another.
        """
        now_ms, decisions, key_id = self._clock(), self._decisions(), parse(text)
        tries = f"{address} {key_id if decisions.key(key_id) else ''}"
        if wait_s := self._failures.wait_s(tries, now_ms):
            raise too_many(wait_s, "too many keys that do not open")
        key = find(decisions, text, now_ms)
        if key is None:
            self._failures.take(tries, now_ms)
            raise Problem(
                401, "key", "This key does not open", "it is wrong, revoked or has expired: ask an admin for another",
                headers={"WWW-Authenticate": "Bearer"},
            )  # fmt: skip
        return key

    def by_authorization(self, header: str, address: str) -> Person:
        """Who sends `Authorization: Bearer sw_…`. Raises `Problem` 401, 429."""
        text = header[len(BEARER) :].strip() if header.lower().startswith(BEARER) else ""
        return person_of_key(self.of_key(text, address))

    async def by_cookie(self, token: str) -> Person | None:
        """Who is logged in. Raises `StoreUnavailable`."""
        session = await self._sessions.find(token)
        return None if session is None else self._person_of(session, token)

    async def still(self, person: Person, token: str) -> bool:
        """Whether somebody who came in a while ago, and still listens, would come in now. It is no sign of life."""
        if person.way == "loopback":
            return True
        if person.credential.startswith("session:"):
            session = await self._sessions.peek(token)
            return session is not None and self._person_of(session, token) is not None
        key = self._decisions().key(person.credential.removeprefix("key:"))
        return key is not None and is_valid(key, self._clock())

    def _person_of(self, session: Session, token: str) -> Person | None:
        name, role = session.name, session.role
        if session.key_id:
            key = self._decisions().key(session.key_id)
            if key is None or not is_valid(key, self._clock()):
                return None
            name, role = key.name, key.role
        credential = f"session:{handle_of(token)[:HANDLE_CHARS]}"
        return Person(name, role, True, session.way, credential, session.csrf)

    def _decisions(self) -> Any:
        """What is known of keys. Raises `BrokerUnavailable` before all of it was read once: a key is not wrong then."""
        if not self._channels.ready:
            raise BrokerUnavailable("keys are not known yet: the channel `decisions` is being read")
        return self._channels.decisions


def at_this_machine(cookies: Mapping[str, str], names: CookieNames) -> Person:
    """Whoever sits here: an admin by the name that was typed, or else the account's."""
    name = name_from_cookie(cookies.get(names.name, "")) or account()
    return Person(name, "admin", verified=False, way="loopback")


def account() -> str:
    """The account that the dashboard runs as."""
    try:
        return clean_name(getpass.getuser(), "analyst")
    except (KeyError, OSError):  # no such account in this container
        return "analyst"


def person_of_key(key: ApiKey) -> Person:
    """Who comes with a key."""
    return Person(key.name, key.role, verified=True, way="key", credential=f"key:{key.id}")


def same_token(given: str, wanted: str) -> bool:
    """Whether a CSRF token is the session's.

    >>> same_token("abc", "abc"), same_token("", "abc"), same_token("", "")
    (True, False, False)
    """
    return bool(wanted) and hmac.compare_digest(given.encode(), wanted.encode())


def too_many(wait_s: float, what: str) -> Problem:
    """The answer to somebody who should wait.

    >>> too_many(0.2, "too many requests").headers
    {'Retry-After': '1'}
    """
    seconds = max(1, round(wait_s + 0.5))
    return Problem(
        429, "too-many", "Too many requests", f"{what}: wait {seconds} s", headers={"Retry-After": str(seconds)}
    )
