"""The alerts: how each stands, why it was told, how it went, and how often each rule was right."""

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from streamwatch.dashboard.access.person import Person
from streamwatch.dashboard.access.required import needs
from streamwatch.dashboard.answers import answer, says
from streamwatch.dashboard.api.verdicts import alert_of, check_ready
from streamwatch.dashboard.desk import Desk
from streamwatch.dashboard.paging import Cursor, Limit, Page, cut
from streamwatch.dashboard.times import Moment
from streamwatch.dashboard.why import why
from streamwatch.decisions.view import Standing
from streamwatch.records import Alert, AlertKind, AlertState, Severity
from streamwatch.timeline import HOUR_MS, to_ms

AROUND_MS = HOUR_MS
"""How much of the time before an alert's window its links show."""
Word = Annotated[str | None, Query(max_length=140, description="Part of the name, whatever its case.")]


@dataclass
class AlertFilter:
    """Which alerts: all that is given must hold. `series` looks at the other series of an incident too."""

    state: Annotated[list[AlertState], Query(default_factory=list, description="Only these; repeat.")]
    series: Word = None
    rule: Word = None
    kind: AlertKind | None = None
    severity: Severity | None = None
    from_: Annotated[Moment | None, Query(alias="from", description="Those that went on at this time or later.")] = None
    to: Annotated[Moment | None, Query(description="Those that began before this.")] = None

    def takes(self, alert: Alert) -> bool:
        """Whether the alert is asked for."""
        names = (alert.series, *(member.series for member in alert.members))
        return (
            (not self.state or alert.state in self.state)
            and self.kind in (None, alert.kind)
            and self.severity in (None, alert.severity)
            and _holds(alert.rule, self.rule)
            and any(_holds(name, self.series) for name in names)
            and self._in_span(alert)
        )

    def _in_span(self, alert: Alert) -> bool:
        """Whether it began before the end, and was not over before the beginning."""
        over = alert.state == "resolved" and self.from_ is not None and to_ms(alert.at) < self.from_
        return not over and (self.to is None or to_ms(alert.onset) < self.to)


class AlertItem(msgspec.Struct, frozen=True):
    """The newest revision as it lies on its channel, what people say of it, and why it was told."""

    alert: Alert
    standing: Standing
    why: list[str]
    revision_count: int


class Step(msgspec.Struct, frozen=True):
    """One revision: how the alert stood at a moment of event time."""

    revision: int
    state: AlertState
    at: datetime
    severity: Severity
    n: int
    k: int
    share: float
    score: float


class Link(msgspec.Struct, frozen=True):
    """A question whose answer shows what the alert rests on; `href` is relative to the dashboard."""

    name: str
    href: str


class AlertDetail(msgspec.Struct, frozen=True):
    """All of one alert. `timeline` has the newest revisions that the channel still holds, in order."""

    alert: Alert
    standing: Standing
    why: list[str]
    revision_count: int
    timeline: list[Step]
    evidence_links: list[Link]


class RulePrecision(msgspec.Struct, frozen=True):
    """How often the alerts of a rule were right: true ÷ judged with Wilson's 95 % interval; null where nothing was judged."""

    rule: str
    n_true: int
    n_false: int
    n_unjudged: int
    precision: float | None
    low: float
    high: float


def router(desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter()
    bucket_s = desk.settings.detection_bucket_s

    @routes.get("/alerts", **says(Page[AlertItem]))
    async def list_alerts(
        person: Annotated[Person, Depends(needs("viewer"))],
        filtered: Annotated[AlertFilter, Depends()],
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        """List the alerts, the one that began last first."""
        check_ready(desk)
        found = sorted(filter(filtered.takes, desk.channels.alerts.values()), key=_place)
        page = cut(found, _place, limit, cursor, ["alerts", dataclasses.astuple(filtered)])
        decisions, now_ms = desk.channels.decisions, desk.clock()
        items = [
            AlertItem(one, decisions.standing(one, now_ms), why(one, bucket_s), one.revision) for one in page.items
        ]
        return answer(Page(items, page.next))

    @routes.get("/alerts/precision", **says(Page[RulePrecision]))
    async def precision(person: Annotated[Person, Depends(needs("viewer"))]) -> Response:
        """Show how often the alerts of each rule were right, as people have said."""
        check_ready(desk)
        found = desk.channels.decisions.precision(desk.channels.alerts.values())
        rows = [RulePrecision(o.rule, o.n_true, o.n_false, o.n_unjudged, o.value, *o.interval) for o in found]
        return answer(Page(rows))

    @routes.get("/alerts/{alert_id}", **says(AlertDetail))
    async def show_alert(alert_id: str, person: Annotated[Person, Depends(needs("viewer"))]) -> Response:
        """Show all of one alert: its evidence, how it went, and questions that lead on."""
        alert = alert_of(desk, alert_id)
        standing = desk.channels.decisions.standing(alert, desk.clock())
        timeline = [_step(one) for one in desk.channels.revisions(alert_id)]
        return answer(AlertDetail(alert, standing, why(alert, bucket_s), alert.revision, timeline, links(alert)))

    return routes


def _holds(name: str, word: str | None) -> bool:
    return word is None or word.casefold() in name.casefold()


def _place(alert: Alert) -> tuple[int, str]:
    return -to_ms(alert.onset), alert.id


def _step(one: Alert) -> Step:
    return Step(one.revision, one.state, one.at, one.severity, one.n, one.k, one.share, one.score)


def links(alert: Alert) -> list[Link]:
    """Its trend with an hour before, and the negative documents of its window; nothing for what counts no documents."""
    if not alert.n:
        return []
    at_ms = to_ms(alert.at)
    window_ms = at_ms - alert.window_s * 1000
    trend = urlencode({"series": alert.series, "from": window_ms - AROUND_MS, "to": at_ms})
    documents = urlencode({"series": alert.series, "from": window_ms, "to": at_ms, "sentiment": "negative"})
    return [Link("trend", f"/trend?{trend}"), Link("documents", f"/api/v1/documents?{documents}")]
