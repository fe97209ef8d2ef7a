"""How everything is: what was consumed against what became of it, lag, servers, and what an operator must know."""

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from streamwatch.dashboard.access.person import Person
from streamwatch.dashboard.access.required import PERSON, needs, public
from streamwatch.dashboard.answers import answer, says
from streamwatch.dashboard.desk import Desk
from streamwatch.dashboard.health import Health
from streamwatch.dashboard.problems import Problem, for_strangers, of_error
from streamwatch.errors import StreamwatchError


class Alive(msgspec.Struct, frozen=True):
    """The process answers."""

    state: Literal["alive", "ready"]


def router(desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.get("/livez", **says(Alive))
    @public
    async def livez() -> Response:
        """Say that the process answers, whatever its servers do."""
        return answer(Alive("alive"))

    @routes.get("/readyz", **says(Alive))
    @public
    async def readyz(request: Request) -> Response:
        """Say that the channels were read and Redis answers: before that, pages would be half empty.

        Why not is told to who may ask for more than this.
        """
        fault = await _not_ready(desk)
        if fault is not None:
            raise fault if request.scope.get(PERSON) else for_strangers(fault)
        return answer(Alive("ready"))

    @routes.get("/health", **says(Health))
    async def health(person: Annotated[Person, Depends(needs("viewer"))]) -> Response:
        """Show the balance of documents, lag, servers, and what else an operator must know.

        `balance.difference` is consumed − classified − duplicate − dead_lettered, and 0 where every document became
        exactly one of them. `holes`, `lost`, `missed` and `series_refused` are 0 in a deployment that is well.
        """
        return answer(await desk.examining.now())

    return routes


async def _not_ready(desk: Desk) -> Problem | None:
    """Why pages would be half empty; None where they are not."""
    if not desk.channels.ready:
        why = desk.channels.broken or "the channels are being read"
        return Problem(503, "not-read-yet", "The dashboard is starting", why, headers={"Retry-After": "1"})
    try:
        await desk.reading(desk.windows.watermark_ms)
    except (Problem, StreamwatchError) as error:
        return error if isinstance(error, Problem) else of_error(error)
    return None
