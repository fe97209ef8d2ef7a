"""Series that one wants to see together, by a name of one's own: each person has their lists, and sees nobody else's."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from streamwatch.dashboard.access.person import Person
from streamwatch.dashboard.access.required import needs
from streamwatch.dashboard.api.verdicts import check_ready
from streamwatch.dashboard.desk import Desk
from streamwatch.dashboard.paging import USUAL_ITEMS, Cursor, Limit, cut
from streamwatch.dashboard.problems import Problem
from streamwatch.records import Watchlist
from streamwatch.timeline import from_ms, to_ms

MOST_LISTS = 100
"""Of one person: their records stay on the channel for ever."""
Name = Annotated[str, Path(min_length=1, max_length=128)]
Series = Annotated[str, Field(min_length=1, max_length=256)]


class WatchlistBody(BaseModel):
    """The series, in the order in which they are to be shown."""

    model_config = ConfigDict(extra="forbid")
    series: Annotated[list[Series], Field(max_length=200)]


class WatchlistShown(BaseModel):
    """One list."""

    name: str
    series: list[str]
    made_ms: int


class Watchlists(BaseModel):
    """One's lists, by name."""

    items: list[WatchlistShown]
    next: str | None = None


def router(desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.get("/watchlists")
    async def list_watchlists(
        person: Annotated[Person, Depends(needs("viewer"))], limit: Limit = USUAL_ITEMS, cursor: Cursor = None
    ) -> Watchlists:
        """One's own lists."""
        check_ready(desk)
        mine = [_shown(one) for one in desk.channels.decisions.watchlists(person.name)]
        page = cut(mine, lambda one: (one.name,), limit, cursor, ["watchlists", person.name])
        return Watchlists(items=page.items, next=page.next)

    @routes.put("/watchlists/{name}")
    async def save(
        name: Name, body: WatchlistBody, person: Annotated[Person, Depends(needs("viewer"))]
    ) -> WatchlistShown:
        """Save a list; one of the same name is replaced."""
        mine = desk.channels.decisions.watchlists(person.name)
        if len(mine) >= MOST_LISTS and name not in {one.name for one in mine}:
            raise Problem(409, "too-many", "Too many watchlists", f"{MOST_LISTS} are kept: delete one first")
        series = tuple(dict.fromkeys(body.series))
        record = Watchlist(name=name, series=series, made_by=person.name, made_at=from_ms(desk.clock()))
        await desk.channels.publish("decisions", record)
        return _shown(record)

    @routes.delete("/watchlists/{name}", status_code=204)
    async def delete(name: Name, person: Annotated[Person, Depends(needs("viewer"))]) -> Response:
        """Delete a list."""
        if desk.channels.decisions.watchlist(person.name, name) is None:
            check_ready(desk)
            raise Problem(404, "no-watchlist", "No such watchlist", f"you have no watchlist {name[:64]!r}")
        record = Watchlist(name=name, removed=True, made_by=person.name, made_at=from_ms(desk.clock()))
        await desk.channels.publish("decisions", record)
        return Response(status_code=204)

    return routes


def _shown(one: Watchlist) -> WatchlistShown:
    return WatchlistShown(name=one.name, series=list(one.series), made_ms=to_ms(one.made_at))
