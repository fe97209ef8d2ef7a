"""A trend: the points of some series in a span, what is usual for each, and what was told and changed meanwhile."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np

from streamwatch.dashboard.desk import Desk
from streamwatch.dashboard.filters import Asked
from streamwatch.dashboard.problems import Problem
from streamwatch.dashboard.spans import Chosen
from streamwatch.dashboard.watched import HOURS_OF_WEEK, Watched
from streamwatch.documents.store import Count
from streamwatch.records import Alert
from streamwatch.timeline import HOUR_MS, bucket_start, format_rfc3339, to_ms
from streamwatch.trends.points import COLUMNS, UNKNOWN, Points

NEW = "this series has no history yet: its share is tested against what its peers allow"
UNTESTED = "this series is not tested (max_series, or no rule owns it): nothing is known to be usual"
CROSSED = "counted from documents: what is usual is only known of whole series"
NOT_ASKED = "not asked for"
ROUNDED = 5
"""Digits of a usual share: a band is drawn, not computed with."""

Band = tuple[int, float, float, float]


class TrendSeries(msgspec.Struct, frozen=True):
    """One line: `points` are the non-empty windows, in the order of `columns`. `baseline` is [start_ms, p0, low, high], each
    until the next; it is what is usual as known now, also where the span lies in the past. Null, and why.
    """

    name: str
    points: list[list[float | None]]
    baseline: list[Band] | None
    baseline_why: str
    counted_from: Literal["windows", "documents"]


class AlertMark(msgspec.Struct, frozen=True):
    """An alert that a series of the trend had in the span; `end_ms` is null while it goes on."""

    id: str
    series: str
    kind: str
    severity: str
    state: str
    onset_ms: int
    end_ms: int | None


class PromotionMark(msgspec.Struct, frozen=True):
    """A model that began to serve in the span, by the wall clock."""

    version: int
    model: str
    made_ms: int


class Trends(msgspec.Struct, frozen=True):
    """A trend. `n_rows` is the number of points of all series; `step_why` says why the windows are that wide."""

    from_ms: int
    to_ms: int
    step_ms: int
    step_why: str
    zone: Literal["UTC"]
    columns: list[str]
    series: list[TrendSeries]
    alerts: list[AlertMark]
    promotions: list[PromotionMark]
    n_rows: int
    watermark_ms: int | None


class Line(NamedTuple):
    """What is asked, and its points."""

    asked: Asked
    points: Points


def lines_of(desk: Desk, asked: Sequence[Asked], chosen: Chosen) -> list[Line]:
    """The points of every series. Blocks. Raises `Problem` (404, 422), `StoreUnavailable`."""
    return [Line(one, _points(desk, one, chosen)) for one in asked]


def _points(desk: Desk, asked: Asked, chosen: Chosen) -> Points:
    if asked.query is not None:
        return _counted(desk, asked, chosen)
    assert asked.series is not None
    points = desk.windows.points(asked.series, chosen.step_ms, chosen.from_ms, chosen.to_ms)
    if not len(points) and not desk.windows.is_there(asked.series):
        raise no_series(desk, asked.series)
    return points


def no_series(desk: Desk, series: str) -> Problem:
    """404, with names like it."""
    near = desk.windows.near(series)
    if series == "all":  # which every document is part of
        return Problem(404, "no-series", "No documents yet", "no document has been counted yet", near=near)
    said = f"; there are: {', '.join(near)}" if near else ""
    return Problem(404, "no-series", "No such series", f"no windows for {series[:128]!r}{said}", near=near)


def _counted(desk: Desk, asked: Asked, chosen: Chosen) -> Points:
    """Crossed filters, from the documents. Only what the store has whole is answered."""
    since_ms, from_ms = desk.documents.reaches_back_to_ms(), bucket_start(chosen.from_ms, chosen.step_ms)
    if since_ms is None or (from_ms < since_ms and _came_before(desk, from_ms, since_ms)):
        raise _past_retention(since_ms)
    assert asked.query is not None
    query = msgspec.structs.replace(asked.query, from_ms=from_ms, to_ms=bucket_start(chosen.to_ms - 1, 1000) + 1000)
    return _as_points(desk.documents.counts(query, chosen.step_ms)).between(from_ms, chosen.to_ms)


def _came_before(desk: Desk, from_ms: int, since_ms: int) -> bool:
    """Whether documents were counted before the store's first: a young stream has none, and its store is whole."""
    return len(desk.windows.points("all", HOUR_MS, from_ms, bucket_start(since_ms, HOUR_MS))) > 0


def _past_retention(since_ms: int | None) -> Problem:
    reach = "there are none" if since_ms is None else f"they are kept from {format_rfc3339(since_ms)} on"
    return Problem(
        422, "past-retention", "Crossed filters are counted from documents, which are not kept so long",
        f"{reach}: ask for a later span, or for one series without a second filter", reaches_back_to_ms=since_ms,
    )  # fmt: skip


def _as_points(counts: Sequence[Count]) -> Points:
    """Counts know neither scores nor what is distinct."""
    n = len(counts)
    cells = [[one.n, one.negative, one.positive, 0, one.n, one.news, one.n_unread] for one in counts]
    missing, unknown = np.full(n, np.nan), np.full(n, UNKNOWN, np.int64)
    starts = np.array([one.start_ms for one in counts], np.int64)
    return Points(starts, np.array(cells, np.int64).reshape(n, 7), missing, missing, unknown, unknown)


def trends_of(desk: Desk, lines: Sequence[Line], chosen: Chosen, watched: Watched | None) -> Trends:
    """The answer; without `watched` no baseline was asked for."""
    series = [_series(line, chosen, watched) for line in lines]
    return Trends(
        chosen.from_ms, chosen.to_ms, chosen.step_ms, chosen.why, "UTC", list(COLUMNS), series,
        alert_marks(desk, [line.asked.shown for line in lines], chosen), _promotions(desk, chosen),
        sum(len(line.points) for line in lines), desk.windows.watermark_ms(),
    )  # fmt: skip


def _series(line: Line, chosen: Chosen, watched: Watched | None) -> TrendSeries:
    name, source = line.asked.shown, "documents" if line.asked.query is not None else "windows"
    why = _no_baseline(name, line.asked, watched)
    band = None if why or watched is None else baseline(watched, name, chosen)
    return TrendSeries(name, line.points.rows(), band, why, source)  # type: ignore[arg-type]


def _no_baseline(name: str, asked: Asked, watched: Watched | None) -> str:
    """Why there is none; empty where there is one."""
    if watched is None:
        return NOT_ASKED
    if asked.query is not None:
        return CROSSED
    one = watched.series.get(name)
    if one is None:
        return UNTESTED
    return "" if one.share.warm else NEW


def baseline(watched: Watched, series: str, chosen: Chosen) -> list[Band]:
    """The usual share over the span: by hours, which it changes with, or by steps where those are longer.

    Of a long step it is the mean of its hours, between the least of their lower bounds and the greatest of their upper ones.
    What is usual comes again with the week, so that fifty years of days cost no more than the 168 beginnings of a step.
    """
    width_ms = max(HOUR_MS, chosen.step_ms)
    known: dict[int, tuple[float, float, float]] = {}
    found: list[Band] = []
    for start_ms in range(bucket_start(chosen.from_ms, width_ms), chosen.to_ms, width_ms):
        hour = start_ms % _WEEK_MS
        if hour not in known:
            known[hour] = _usual_of(watched, series, hour, min(width_ms, _WEEK_MS))
        found.append((start_ms, *known[hour]))
    return found


def _usual_of(watched: Watched, series: str, start_ms: int, width_ms: int) -> tuple[float, float, float]:
    hours = [watched.band(series, at_ms) for at_ms in range(start_ms, start_ms + width_ms, HOUR_MS)]
    p0 = sum(p for p, _, _ in hours) / len(hours)
    low, high = min(low for _, low, _ in hours), max(high for _, _, high in hours)
    return round(p0, ROUNDED), round(low, ROUNDED), round(high, ROUNDED)


_WEEK_MS = HOURS_OF_WEEK * HOUR_MS


def alert_marks(desk: Desk, names: Sequence[str], chosen: Chosen) -> list[AlertMark]:
    """Alerts about one of the series that went on in the span, by their onset."""
    marks = [_mark(alert) for alert in desk.channels.alerts.values() if _is_about(alert, names)]
    inside = [
        one for one in marks if one.onset_ms < chosen.to_ms and (one.end_ms is None or one.end_ms >= chosen.from_ms)
    ]
    return sorted(inside, key=lambda one: (one.onset_ms, one.id))


def _is_about(alert: Alert, names: Sequence[str]) -> bool:
    return alert.series in names or any(member.series in names for member in alert.members)


def _mark(alert: Alert) -> AlertMark:
    end_ms = to_ms(alert.at) if alert.state == "resolved" else None
    return AlertMark(alert.id, alert.series, alert.kind, alert.severity, alert.state, to_ms(alert.onset), end_ms)


def _promotions(desk: Desk, chosen: Chosen) -> list[PromotionMark]:
    told = [PromotionMark(one.version, one.model, to_ms(one.made_at)) for one in desk.channels.decisions.promotions]
    return [one for one in told if chosen.from_ms <= one.made_ms < chosen.to_ms]


def rows_of(lines: Sequence[Line]) -> Any:
    """(series, row) of every point, for an export."""
    for line in lines:
        for row in line.points.rows():
            yield line.asked.shown, row
