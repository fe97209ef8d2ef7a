"""Alerts that nobody wants to hear of for a while: they are detected and sent all the same, and not shown."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from streamwatch.dashboard.access.person import Person
from streamwatch.dashboard.access.required import needs
from streamwatch.dashboard.api.verdicts import Comment, check_ready
from streamwatch.dashboard.desk import Desk
from streamwatch.dashboard.paging import USUAL_ITEMS, Cursor, Limit, cut
from streamwatch.dashboard.problems import Problem
from streamwatch.dashboard.times import moment_of
from streamwatch.decisions.silencing import expired, is_active, new_silence
from streamwatch.errors import ConfigError
from streamwatch.records import AlertKind, Matchers, Severity, Silence
from streamwatch.rules.durations import parse_duration
from streamwatch.timeline import to_ms

Pattern = Annotated[str, Field(min_length=1, max_length=256)]
Patterns = Annotated[list[Pattern], Field(max_length=100)]
State = Literal["active", "pending", "over"]


class MatchersBody(BaseModel):
    """Which alerts: all that is given must match; `*` in a pattern stands for any characters."""

    model_config = ConfigDict(extra="forbid")
    series: Patterns = []
    rules: Patterns = []
    kinds: Annotated[list[AlertKind], Field(max_length=10)] = []
    severities: Annotated[list[Severity], Field(max_length=10)] = []
    labels: Annotated[dict[Pattern, Pattern], Field(max_length=20)] = {}


class SilenceBody(BaseModel):
    """A silence: from `starts_at` (default: now) until `ends_at`, or for a `duration` such as 2h. Times are RFC 3339 or ms."""

    model_config = ConfigDict(extra="forbid")
    matchers: MatchersBody
    starts_at: str | int | None = None
    ends_at: str | int | None = None
    duration: str | None = None
    comment: Annotated[Comment, Field(min_length=1)]


class Silences(BaseModel):
    """Silences by when they begin: the whole record each, and its `state`."""

    items: list[dict[str, Any]]
    next: str | None = None


def router(desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.get("/silences")
    async def list_silences(
        person: Annotated[Person, Depends(needs("viewer"))],
        state: State | None = None,
        limit: Limit = USUAL_ITEMS,
        cursor: Cursor = None,
    ) -> Silences:
        """List the silences that hold now or will later; with `state` those alone, also the ones that are over."""
        check_ready(desk)
        shown = [_shown(one, desk.clock()) for one in desk.channels.decisions.silences]
        asked = [one for one in shown if _asked(one["state"], state)]
        page = cut(asked, lambda one: (one["starts_at"], one["id"]), limit, cursor, ["silences", state])
        return Silences(items=page.items, next=page.next)

    @routes.post("/silences", status_code=201)
    async def silence(body: SilenceBody, person: Annotated[Person, Depends(needs("analyst"))]) -> dict[str, Any]:
        """Silence alerts by series, rule, kind, severity and label."""
        now_ms = desk.clock()
        made = _made(body, now_ms, person.name)
        await desk.channels.publish("decisions", made)
        return _shown(made, now_ms)

    @routes.delete("/silences/{silence_id}")
    async def end(silence_id: str, person: Annotated[Person, Depends(needs("analyst"))]) -> dict[str, Any]:
        """End a silence now. It stays in the list of those that are over."""
        ended = _ended(desk, silence_id, person.name)
        await desk.channels.publish("decisions", ended)
        return _shown(ended, desk.clock())

    return routes


def _made(body: SilenceBody, now_ms: int, made_by: str) -> Silence:
    """The silence that is asked for. Raises `Problem` (422)."""
    try:
        starts_ms = max(_instant_ms(body.starts_at, now_ms), now_ms)
        matchers = Matchers(**{name: _tuples(value) for name, value in body.matchers.model_dump().items()})
        return new_silence(
            matchers, starts_ms=starts_ms, ends_ms=_end_ms(body, starts_ms), now_ms=now_ms, made_by=made_by,
            comment=body.comment,
        )  # fmt: skip
    except (ConfigError, ValueError, OverflowError) as error:
        raise Problem(422, "no-silence", "This is no silence", str(error)) from error


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, Sequence) else value


def _end_ms(body: SilenceBody, starts_ms: int) -> int:
    if (body.duration is None) == (body.ends_at is None):
        raise ValueError("say how long it lasts by `duration`, or when it ends by `ends_at`")
    if body.duration is not None:
        return starts_ms + parse_duration(body.duration)
    return _instant_ms(body.ends_at, starts_ms)


def _instant_ms(said: str | int | None, otherwise_ms: int) -> int:
    if said is None:
        return otherwise_ms
    return moment_of(said)


def _ended(desk: Desk, silence_id: str, by: str) -> Silence:
    """The silence with its end now. Raises `Problem` (404, 409)."""
    found = next((one for one in desk.channels.decisions.silences if one.id == silence_id), None)
    if found is None:
        check_ready(desk)
        raise Problem(404, "no-silence", "No such silence", f"no silence {silence_id[:64]!r}")
    try:
        return expired(found, desk.clock(), by)
    except ConfigError as error:
        raise Problem(409, "silence-over", "The silence is over", str(error)) from error


def _shown(silence: Silence, now_ms: int) -> dict[str, Any]:
    over = to_ms(silence.ends_at) <= now_ms
    state = "active" if is_active(silence, now_ms) else "over" if over else "pending"
    return {**msgspec.to_builtins(silence), "state": state}


def _asked(state: str, asked: State | None) -> bool:
    return state == asked if asked else state != "over"
