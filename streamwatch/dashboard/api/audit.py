"""The audit trail as admins see it, and what browsers refused: both newest first, of what this process holds."""

import logging
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends
from pydantic import BaseModel

from streamwatch.codec import decode
from streamwatch.dashboard.access.person import Person, Way
from streamwatch.dashboard.access.required import needs
from streamwatch.dashboard.desk import Desk
from streamwatch.dashboard.paging import USUAL_ITEMS, Cursor, Limit, cut
from streamwatch.errors import RejectError
from streamwatch.records import Audit, Role

log = logging.getLogger(__name__)

Admin = Annotated[Person, Depends(needs("admin"))]


class AuditShown(BaseModel):
    """One record of the channel `audit`, and where it lies there."""

    offset: int
    id: str
    at: str
    stage: Literal["asked", "answered"]
    who: str
    role: Role | None
    way: Way | Literal["unknown"]
    verified: bool
    credential: str
    address: str
    action: str
    subject: str
    status: int
    reason: str


class Trail(BaseModel):
    """Records, newest first. `reaches_back_to` is the offset of the oldest that is held here; the channel has them all."""

    items: list[AuditShown]
    next: str | None = None
    reaches_back_to: int | None


class ReportShown(BaseModel):
    """One thing that a browser refused."""

    at_ms: int
    page: str
    directive: str
    blocked: str


class ReportsShown(BaseModel):
    """How many there were since this process started, and the newest."""

    n: int
    items: list[ReportShown]


def router(desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.get("/audit")
    async def audit(person: Admin, who: str | None = None, limit: Limit = USUAL_ITEMS, cursor: Cursor = None) -> Trail:
        """Who wrote what, and what came of it."""
        held = desk.channels.audit
        records = [(one.offset, record) for one in reversed(held) if (record := _record(one.value)) is not None]
        asked = [one for one in records if who is None or one[1].who == who]
        page = cut(asked, lambda one: (-one[0],), limit, cursor, ["audit", who])
        return Trail(
            items=[AuditShown(offset=offset, **_told(record)) for offset, record in page.items],
            next=page.next,
            reaches_back_to=held[0].offset if held else None,
        )

    @routes.get("/csp-reports")
    async def csp_reports(person: Admin) -> ReportsShown:
        """What browsers refused to run or load on our pages: there should be nothing."""
        reports = desk.gate.reports
        return ReportsShown(n=reports.n, items=[ReportShown(**one._asdict()) for one in reports.newest])

    return routes


def _record(value: bytes | None) -> Audit | None:
    try:
        return decode(value or b"", Audit)
    except RejectError as error:
        log.warning("a record of `audit` is none: %s", error)
        return None


def _told(record: Audit) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.structs.asdict(record)
    del told["schema"]
    return told | {"at": msgspec.to_builtins(record.at)}
