"""API keys: who may come without an identity provider. Admins make and revoke them; a key is shown once."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from streamwatch.dashboard.access.keys import new_key, revoked, state_of
from streamwatch.dashboard.access.person import Person
from streamwatch.dashboard.access.required import needs
from streamwatch.dashboard.desk import Desk
from streamwatch.dashboard.paging import USUAL_ITEMS, Cursor, Limit, cut
from streamwatch.dashboard.problems import Problem
from streamwatch.errors import BrokerUnavailable, ConfigError
from streamwatch.records import ApiKey, Role
from streamwatch.rules.durations import parse_duration
from streamwatch.timeline import to_ms

Admin = Annotated[Person, Depends(needs("admin"))]
MOST_KEYS = 1000
"""That open at once: their records stay on the channel, and each process holds them all."""


class KeyBody(BaseModel):
    """A key: who or what comes with it, what it may do, and for how long (`90d`; without it until it is revoked)."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=128)]
    role: Role
    expires_in: Annotated[str, Field(max_length=20)] | None = None
    comment: Annotated[str, Field(max_length=2000)] = ""


class KeyShown(BaseModel):
    """What may be known of a key: everything but its secret, of which only a hash is kept."""

    id: str
    name: str
    role: Role
    state: Literal["valid", "revoked", "expired"]
    made_by: str
    made_ms: int
    expires_ms: int | None
    revoked_by: str
    comment: str


class KeyMade(KeyShown):
    """The same with the key itself: this is the only time that it is shown."""

    key: str


class Keys(BaseModel):
    """Keys, by when they were made."""

    items: list[KeyShown]
    next: str | None = None


def router(desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.get("/keys")
    async def list_keys(person: Admin, limit: Limit = USUAL_ITEMS, cursor: Cursor = None) -> Keys:
        """List the keys, also those that open nothing any more."""
        found = sorted(_keys(desk).values(), key=_place)
        page = cut(found, _place, limit, cursor, "keys")
        return Keys(items=[KeyShown(**_told(one, desk.clock())) for one in page.items], next=page.next)

    @routes.post("/keys", status_code=201)
    async def make(body: KeyBody, person: Admin) -> KeyMade:
        """Make a key. It is in this answer and nowhere else."""
        now_ms, there = desk.clock(), _keys(desk)
        if sum(state_of(one, now_ms) == "valid" for one in there.values()) >= MOST_KEYS:
            raise Problem(409, "too-many-keys", "There are too many keys", f"{MOST_KEYS} open now: revoke some first")
        made = _made(body, person.name, now_ms)
        while made.record.id in there:
            made = _made(body, person.name, now_ms)
        await desk.channels.publish("decisions", made.record)
        return KeyMade(**_told(made.record, now_ms), key=made.text)

    @routes.delete("/keys/{key_id}")
    async def revoke(key_id: str, person: Admin) -> KeyShown:
        """Revoke a key: it opens nothing from now on, and whoever logged in with it is logged out."""
        key = _keys(desk).get(key_id)
        if key is None:
            raise Problem(404, "no-key", "No such key", f"no key {key_id[:64]!r}")
        try:
            ended = revoked(key, person.name)
        except ConfigError as error:
            raise Problem(409, "key-revoked", "The key is revoked", str(error)) from error
        await desk.channels.publish("decisions", ended)
        return KeyShown(**_told(ended, desk.clock()))

    return routes


def _made(body: KeyBody, made_by: str, now_ms: int) -> Any:
    """Raises `Problem` (422)."""
    try:
        lasts_ms = None if body.expires_in is None else parse_duration(body.expires_in)
        return new_key(
            body.name, body.role, made_by=made_by, now_ms=now_ms, comment=body.comment,
            expires_ms=None if lasts_ms is None else now_ms + lasts_ms,
        )  # fmt: skip
    except (ConfigError, ValueError) as error:
        raise Problem(422, "no-key", "This is no key", str(error)) from error


def _keys(desk: Desk) -> dict[str, ApiKey]:
    if not desk.channels.ready:
        raise BrokerUnavailable("keys are not known yet: the channel `decisions` is being read")
    found: dict[str, ApiKey] = desk.channels.decisions.keys
    return found


def _place(key: ApiKey) -> tuple[int, str]:
    return to_ms(key.made_at), key.id


def _told(key: ApiKey, now_ms: int) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.structs.asdict(key)
    return {name: told[name] for name in ("id", "name", "role", "made_by", "revoked_by", "comment")} | {
        "state": state_of(key, now_ms),
        "made_ms": to_ms(key.made_at),
        "expires_ms": None if key.expires_at is None else to_ms(key.expires_at),
    }
