"""What people say of an alert: somebody looks after it, and whether it told of something real."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from streamwatch.dashboard.access.person import Person
from streamwatch.dashboard.access.required import needs
from streamwatch.dashboard.desk import Desk
from streamwatch.dashboard.problems import Problem
from streamwatch.records import Acknowledgement, Alert, Verdict
from streamwatch.timeline import from_ms

MOST_COMMENT_CHARS = 2000
"""Of a decision's comment, as its schema has it."""
Comment = Annotated[str, Field(max_length=MOST_COMMENT_CHARS)]


class AcknowledgementBody(BaseModel):
    """Look after an alert, or, `retracted`, do so no more."""

    model_config = ConfigDict(extra="forbid")
    comment: Comment = ""
    retracted: bool = False


class VerdictBody(BaseModel):
    """Whether the alert told of something real; null takes back what was said."""

    model_config = ConfigDict(extra="forbid")
    true: bool | None
    comment: Comment = ""


class StandingAnswer(BaseModel):
    """What people say of the alert after this: `silenced_by`, `acknowledgement` and `verdict`, each only if there is one."""

    id: str
    standing: dict[str, Any]


def router(desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.put("/alerts/{alert_id}/acknowledgement")
    async def acknowledge(
        alert_id: str, body: AcknowledgementBody, person: Annotated[Person, Depends(needs("analyst"))]
    ) -> StandingAnswer:
        """Say that you look after an alert. The last word counts."""
        alert = alert_of(desk, alert_id)
        record = Acknowledgement(
            alert=alert.id, retracted=body.retracted, comment=body.comment, made_by=person.name, made_at=_now(desk)
        )
        await desk.channels.publish("decisions", record)
        return _standing(desk, alert)

    @routes.put("/alerts/{alert_id}/verdict")
    async def judge(
        alert_id: str, body: VerdictBody, person: Annotated[Person, Depends(needs("analyst"))]
    ) -> StandingAnswer:
        """Say whether an alert was right. The last word counts; the precision of its rule follows from all of them."""
        alert = alert_of(desk, alert_id)
        record = Verdict(
            alert=alert.id, true=bool(body.true), retracted=body.true is None, comment=body.comment,
            made_by=person.name, made_at=_now(desk),
        )  # fmt: skip
        await desk.channels.publish("decisions", record)
        return _standing(desk, alert)

    return routes


def alert_of(desk: Desk, alert_id: str) -> Alert:
    """The newest revision of an alert. Raises `Problem` (404), and 503 while not everything was read yet."""
    found = desk.channels.alerts.get(alert_id)
    if found is not None:
        return found
    check_ready(desk)
    raise Problem(404, "no-alert", "No such alert", f"no alert {alert_id[:64]!r} on the channel")


def check_ready(desk: Desk) -> None:
    """Raises `Problem` (503) while the channels are read for the first time: what is not there may be there in a moment."""
    if not desk.channels.ready:
        why = desk.channels.broken or "the channels are being read"
        raise Problem(503, "not-read-yet", "The dashboard is starting", why, headers={"Retry-After": "1"})


def _now(desk: Desk) -> Any:
    return from_ms(desk.clock())


def _standing(desk: Desk, alert: Alert) -> StandingAnswer:
    standing = desk.channels.decisions.standing(alert, desk.clock())
    return StandingAnswer(id=alert.id, standing=msgspec.to_builtins(standing))
