"""Which series there are, how each stands against what is usual, and who is spoken of most."""

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from streamwatch.dashboard.access.person import Person
from streamwatch.dashboard.access.required import needs
from streamwatch.dashboard.answers import answer, says
from streamwatch.dashboard.board import SeriesKind, SeriesRow, matching
from streamwatch.dashboard.desk import Desk
from streamwatch.dashboard.paging import MOST_ITEMS, Cursor, Limit, cut

Sort = Literal["surprise", "name", "n", "share"]
LAST = float(2**53)
"""Where rows stand that have no value to sort by."""
MOST_HOURS = 24 * 35
"""As far as windows of an hour are kept by default."""
MOST_NAMES = 500
Hours = Annotated[int, Query(ge=1, le=MOST_HOURS, description="Whole hours before the watermark, the running one too.")]


class SeriesPage(msgspec.Struct, frozen=True):
    """Series, sorted; `watermark_ms` is null before the first document."""

    items: list[SeriesRow]
    next: str | None
    watermark_ms: int | None
    from_ms: int
    to_ms: int


class Voice(msgspec.Struct, frozen=True):
    """How much one series is spoken of: `part` of all documents of the series asked for (each counts once in each of its
    series)."""

    name: str
    n: int
    part: float
    negative: int


class Voices(msgspec.Struct, frozen=True):
    """The series with most documents first."""

    items: list[Voice]
    next: str | None
    watermark_ms: int | None
    from_ms: int
    to_ms: int


def router(desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.get("/series", **says(SeriesPage))
    async def list_series(
        person: Annotated[Person, Depends(needs("viewer"))],
        kind: SeriesKind | None = None,
        search: Annotated[str | None, Query(max_length=128, description="Part of the name.")] = None,
        series: Annotated[list[str], Query(max_length=MOST_NAMES, description="Only these; repeat.")] = [],  # noqa: B006
        sort: Sort = "surprise",
        hours: Hours = 24,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        """List the series with their documents of the last hours, and how surprising their negatives are.

        `surprise` is how many standard deviations the negatives of these hours lie above what is usual for the series at
        these hours, with its overdispersion; null where nothing is known to be usual. It is for sorting, and no test.
        """
        board = await desk.boards.of(hours)
        rows = sorted(matching(board.rows, kind, search, series), key=lambda row: _place(row, sort))
        page = cut(rows, lambda row: _place(row, sort), limit, cursor, [kind, search, series, sort, hours])
        return answer(SeriesPage(page.items, page.next, board.watermark_ms, board.from_ms, board.to_ms))

    @routes.get("/series/share-of-voice", **says(Voices))
    async def share_of_voice(
        person: Annotated[Person, Depends(needs("viewer"))],
        prefix: Annotated[
            str, Query(max_length=128, description="Beginning of the names, such as ticker:")
        ] = "ticker:",
        hours: Hours = 24,
        limit: Limit = MOST_ITEMS,
        cursor: Cursor = None,
    ) -> Response:
        """Compare how much the series of a kind are spoken of in the last hours."""
        board = await desk.boards.of(hours)
        rows = [row for row in board.rows if row.name.startswith(prefix) and row.n]
        total = sum(row.n for row in rows)
        voices = sorted((Voice(row.name, row.n, row.n / total, row.negative) for row in rows), key=_loudest)
        page = cut(voices, _loudest, limit, cursor, ["voice", prefix, hours])
        return answer(Voices(page.items, page.next, board.watermark_ms, board.from_ms, board.to_ms))

    return routes


def _place(row: SeriesRow, sort: Sort) -> tuple[float, str]:
    """Where a row stands: the largest first, and by name where there is nothing else to go by."""
    if sort == "name":
        return 0.0, row.name
    value = row.surprise if sort == "surprise" else row.share if sort == "share" else float(row.n)
    return (LAST if value is None else -value), row.name


def _loudest(voice: Voice) -> tuple[int, str]:
    return -voice.n, voice.name
