"""Who is asking, what they may do, and the way out."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from streamwatch import __version__
from streamwatch.dashboard.access.asked import ASKED, Asked
from streamwatch.dashboard.access.person import MAX_NAME_CHARS, Person, Way, clean_name
from streamwatch.dashboard.access.required import needs
from streamwatch.dashboard.desk import Desk
from streamwatch.dashboard.problems import Problem
from streamwatch.errors import RetryError
from streamwatch.records import Role
from streamwatch.redis_errors import answering

Anybody = Annotated[Person, Depends(needs("viewer"))]


class SessionShown(BaseModel):
    """The person, and where the stream is. `verified` says whether somebody vouches for the name; on loopback nobody does.

    A page that writes repeats `csrf` in the header `X-CSRF-Token`. `asks_name`: no name was typed yet, and `name` is the
    account's. `watermark_ms` is up to where event time is evaluated; null before anything was, or while Redis is away.
    """

    name: str
    role: Role
    verified: bool
    way: Way
    csrf: str
    asks_name: bool
    version: str
    watermark_ms: int | None
    now_ms: int


class NameBody(BaseModel):
    """What to call the person."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS)]


def router(desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.get("/session")
    async def session(request: Request, person: Anybody) -> SessionShown:
        """Who is asking, and what they may do."""
        asked: Asked = request.scope[ASKED]
        named = person.way != "loopback" or asked.cookie_names.name in asked.cookies
        return _shown(desk, person, asks_name=not named, watermark_ms=await _watermark_ms(desk))

    @routes.put("/session/name", response_model=SessionShown)
    async def rename(request: Request, body: NameBody, person: Anybody) -> Response:
        """Say one's name, once in a browser; only where nobody logs in. It goes into what one decides, as unverified."""
        if person.way != "loopback":
            raise Problem(409, "name-is-known", "Your name is known", f"you are logged in as {person.name}")
        name = clean_name(body.name, "")
        if not name:
            raise Problem(422, "no-name", "This is no name", "it has no character that can be shown")
        renamed = Person(name, person.role, person.verified, person.way)
        shown = _shown(desk, renamed, asks_name=False, watermark_ms=await _watermark_ms(desk))
        response = JSONResponse(shown.model_dump())
        request.scope[ASKED].cookie_names.put_name(response, name)
        return response

    @routes.post("/session/logout", status_code=204)
    async def log_out(request: Request, person: Anybody) -> Response:
        """Log out: the cookie is worth nothing from now on. A key goes on until it is revoked."""
        asked: Asked = request.scope[ASKED]
        response = Response(status_code=204)
        if asked.token:
            await desk.gate.sessions.end(asked.token)
            asked.cookie_names.drop(response, asked.cookie_names.session)
        return response

    return routes


def _shown(desk: Desk, person: Person, *, asks_name: bool, watermark_ms: int | None) -> SessionShown:
    return SessionShown(
        name=person.name, role=person.role, verified=person.verified, way=person.way, csrf=person.csrf,
        asks_name=asks_name, version=__version__, watermark_ms=watermark_ms, now_ms=desk.clock(),
    )  # fmt: skip


async def _watermark_ms(desk: Desk) -> int | None:
    """Up to where the evaluator has closed event time."""
    redis: Any = desk.redis
    try:
        with answering():
            closed = await redis.hget(f"{desk.settings.prefix}sw:{{eval}}:head", "closed")
    except RetryError:
        return None
    return int(closed) if closed is not None and int(closed) > 0 else None
