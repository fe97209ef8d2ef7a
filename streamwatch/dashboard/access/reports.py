"""What browsers refused to run or load, as they report it: with hostile text in every field this must stay at 0.

Examples:
    >>> reports = Reports()
    >>> told = {"document-uri": "http://localhost/a?b=1", "violated-directive": "script-src", "blocked-uri": "inline"}
    >>> reports.add(json.dumps({"csp-report": told}).encode(), at_ms=0)
    >>> reports.n, reports.newest[0].page, reports.newest[0].blocked
    (1, '/a', 'inline')
"""

import json
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response

from streamwatch.dashboard.access.bodies import read_body
from streamwatch.dashboard.access.headers import REPORTS
from streamwatch.dashboard.access.limits import Limit
from streamwatch.dashboard.access.person import clean_name
from streamwatch.dashboard.access.required import public, takes
from streamwatch.dashboard.problems import Problem

log = logging.getLogger(__name__)

MAX_BYTES = 16_384
"""Of a report: Chromium's are below 2 KB. What is longer is counted and not read."""
MAX_KEPT = 100
LINES_PER_MINUTE = 20
"""Of the log: whoever sends reports all day does not fill it."""
WORD_CHARS = 200


class Report(NamedTuple):
    """One refusal: on which page, by which directive, of what."""

    at_ms: int
    page: str
    directive: str
    blocked: str


class Reports:
    """The newest, and how many there were since the start of this process."""

    def __init__(self) -> None:
        self.n = 0
        self.newest: deque[Report] = deque(maxlen=MAX_KEPT)
        self._told = Limit(LINES_PER_MINUTE)

    def add(self, body: bytes, at_ms: int) -> None:
        """Count one. Samples of what was refused are left alone: they are of documents."""
        self.n += 1
        told = _told(body)
        report = Report(
            at_ms,
            page=_path(_word(told.get("document-uri"))),
            directive=_word(told.get("effective-directive") or told.get("violated-directive")),
            blocked=_word(told.get("blocked-uri")).partition("?")[0],
        )
        self.newest.appendleft(report)
        if not self._told.take("log", at_ms):
            log.warning("a browser refused something on %s: %s of %s", report.page, report.directive, report.blocked)


def receiver(reports: Reports, clock: Callable[[], int]) -> APIRouter:
    """Where browsers send them: open to everybody, since the log-in page may have one, too."""
    router = APIRouter()

    @router.post(REPORTS, include_in_schema=False, status_code=204)
    @public
    @takes("report")
    async def report(request: Request) -> Response:
        reports.add(await _read(request), clock())
        return Response(status_code=204)

    return router


async def _read(request: Request) -> bytes:
    """The body, or nothing where it is too long or does not come."""
    try:
        return await read_body(request, MAX_BYTES)
    except Problem:
        return b""


def _told(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    inner = told.get("csp-report") if isinstance(told, dict) else None
    return inner if isinstance(inner, dict) else {}


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def _word(value: Any) -> str:
    return clean_name(value, "", WORD_CHARS) if isinstance(value, str) else ""
