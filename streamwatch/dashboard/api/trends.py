"""The points of series over a span, with what is usual, alerts and promotions; and all of them as a file."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from streamwatch.dashboard.access.person import Person
from streamwatch.dashboard.access.required import needs
from streamwatch.dashboard.answers import answer, says
from streamwatch.dashboard.desk import Desk
from streamwatch.dashboard.exports import FILES, Format, export
from streamwatch.dashboard.filters import Asked, Filters
from streamwatch.dashboard.spans import MOST_POINTS, Chosen, choose, span_of
from streamwatch.dashboard.times import Moment, Step
from streamwatch.dashboard.trends import Line, Trends, lines_of, rows_of, trends_of
from streamwatch.documents.store import SourceKind
from streamwatch.records import Sentiment
from streamwatch.timeline import format_rfc3339
from streamwatch.trends.levels import coarsest_dividing
from streamwatch.trends.points import COLUMNS

MOST_SERIES = 12
"""Of one chart; more lines nobody can tell apart."""
NO_CAP = 2**62
Series = Annotated[
    list[Annotated[str, Query(min_length=1, max_length=140)]],
    Query(min_length=1, max_length=MOST_SERIES, description="all, topic:earnings, ticker:AAPL, …; repeat."),
]
From = Annotated[
    Moment | None, Query(alias="from", description="The first window holds this; default: a day before `to`.")
]
To = Annotated[Moment | None, Query(description="Windows begin before this; default: the watermark.")]
AStep = Annotated[
    Step | None, Query(description="10s, 5m, 1h, 1d, …: a multiple of 10 s; default: at most 2,000 points.")
]
Name = Annotated[str | None, Query(min_length=1, max_length=128)]


def filters(
    source_kind: SourceKind | None = None, ticker: Name = None, topic: Name = None, sentiment: Sentiment | None = None
) -> Filters:  # fmt: skip
    """The filters of a request."""
    return Filters(source_kind, ticker, topic, sentiment)


def router(desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.get("/trends", **says(Trends))
    async def trends(
        person: Annotated[Person, Depends(needs("viewer"))],
        series: Series,
        filtered: Annotated[Filters, Depends(filters)],
        from_: From = None,
        to: To = None,
        step: AStep = None,
        baseline: bool = True,
    ) -> Response:
        """Show the windows of series over a span.

        `share_low` and `share_high` are the least and the greatest negative share among the next finer windows of each step.
        Windows in which nothing came are left out. Filters that cross (a ticker and a topic, a source kind, a sentiment) are
        counted from the documents, as far back as those reach, and have no baseline.
        """
        watched = await desk.watching.now() if baseline else None
        return answer(await desk.reading(_trends, desk, _asked(series, filtered), from_, to, step, watched))

    @routes.get("/trends/export", response_class=Response, responses=FILES)
    async def export_trends(
        person: Annotated[Person, Depends(needs("viewer"))],
        series: Series,
        filtered: Annotated[Filters, Depends(filters)],
        from_: From = None,
        to: To = None,
        step: AStep = None,
        format: Format = "csv",
    ) -> Response:
        """Write the same windows to a file, at any step and without a cap; `X-Row-Count` is the number of rows.

        The columns are those of `GET /trends`, after the series and the start of the window in RFC 3339.
        """
        lines = await desk.reading(_all, desk, _asked(series, filtered), from_, to, step)
        rows = ([name, format_rfc3339(row[0]), *row] for name, row in rows_of(lines))
        return export("trends", format, ["series", "start", *COLUMNS], rows, sum(len(line.points) for line in lines))

    return routes


def _asked(series: Sequence[str], filtered: Filters) -> list[Asked]:
    """The lines, each once."""
    return list(dict.fromkeys(filtered.over(name) for name in series))


def _trends(
    desk: Desk, asked: Sequence[Asked], from_ms: int | None, to_ms: int | None, step_ms: int | None, watched: Any
) -> Trends:  # fmt: skip
    chosen = _chosen(desk, from_ms, to_ms, step_ms, MOST_POINTS)
    return trends_of(desk, lines_of(desk, asked, chosen), chosen, watched)


def _all(
    desk: Desk, asked: Sequence[Asked], from_ms: int | None, to_ms: int | None, step_ms: int | None
) -> list[Line]:  # fmt: skip
    return lines_of(desk, asked, _chosen(desk, from_ms, to_ms, step_ms, NO_CAP))


def _chosen(desk: Desk, from_ms: int | None, to_ms: int | None, step_ms: int | None, most: int) -> Chosen:
    watermark_ms = desk.windows.watermark_ms()
    now_ms = desk.clock() if watermark_ms is None else watermark_ms
    start_ms, end_ms = span_of(from_ms, to_ms, now_ms)
    return choose(start_ms, end_ms, step_ms, lambda step: desk.windows.reach_ms(coarsest_dividing(step), now_ms), most)
