"""The guard: the outermost layer of the application. It lets in whom the gatekeeper admits, and looks at every answer.

    admitted? ─ no ─→ a problem, or the log-in page
       │ yes
    a write? ─→ `asked` into the audit trail, acknowledged
       │
    the route ─→ its answer, with our headers ─→ `answered` into the trail ─→ the client

An answer that goes on (events) ends when whoever reads it is logged out or their key is revoked.
"""

import json
import logging
from html import escape
from typing import Any
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streamwatch.dashboard.access.asked import ASKED, Asked
from streamwatch.dashboard.access.gatekeeper import Gatekeeper
from streamwatch.dashboard.access.headers import REPORTS, security_headers
from streamwatch.dashboard.access.required import PERSON
from streamwatch.dashboard.access.trail import step
from streamwatch.dashboard.problems import MEDIA_TYPE, Problem, for_strangers, of_error
from streamwatch.errors import StreamwatchError

log = logging.getLogger(__name__)

STILL_MS = 30_000
"""How long a stream of events may go on after a log-out: it is looked at when something is sent, and a heartbeat comes every
15 s."""
AGAIN_S = 5
"""A page that a lost Redis keeps back asks again so often, as a part of a page does."""
UNTOLD = frozenset({"POST /api/v1/rules/check", f"POST {REPORTS}"})
"""Requests that change nothing although they carry a body: each key that is typed may send one, and each page that a browser's
extension tinkers with some dozens of reports."""


class Guard:
    """ASGI middleware around everything."""

    def __init__(self, app: ASGIApp, gate: Gatekeeper) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})  # there are none, and none comes in unseen

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = Asked.of(scope, self._gate.proxies)
        answer = _Answer(self._gate, asked, send)
        try:
            await self._gate.admit(asked)
            if asked.is_write and asked.person and asked.action not in UNTOLD:
                await self._gate.trail.ask(step("asked", asked, self._gate.clock()))
                answer.is_told = True
        except (Problem, StreamwatchError) as error:
            await self._refuse(asked, error, scope, receive, answer)
            return
        scope[PERSON], scope[ASKED] = asked.person, asked
        await self._pass(scope, receive, answer)

    async def _pass(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        """Give the request to the application. What it cannot handle is said in the log, and nothing of it to the client."""
        try:
            await self._app(scope, receive, answer.send)
        except Exception:
            if answer.is_over:
                return
            log.exception("%s failed (request %s)", answer.asked.action, answer.asked.id)
            if answer.has_begun:
                raise
            fault = Problem(500, "failed", "The dashboard failed", f"its log says why: request {answer.asked.id}")
            await fault.response()(scope, receive, answer.send)

    async def _refuse(
        self, asked: Asked, error: Problem | StreamwatchError, scope: Scope, receive: Receive, answer: "_Answer"
    ) -> None:
        problem = error if isinstance(error, Problem) else of_error(error)
        if asked.is_write and problem.status != 429 and problem.status < 500:
            record = step("answered", asked, self._gate.clock(), problem.status, problem.type)
            await self._gate.trail.refuse(record, self._gate.clock())
        response: Response = (problem if asked.person else for_strangers(problem)).response()
        if problem.status == 401 and asked.is_page:
            here = asked.path + (f"?{asked.query}" if asked.query else "")
            response = RedirectResponse(f"/login?next={quote(here, safe='')}", 303)
        if problem.status == 503 and asked.is_page:
            response = _asks_again(problem)
        await response(scope, receive, answer.send)


def _asks_again(problem: Problem) -> Response:
    """What a person sees while nobody can say who they are: the browser asks again by itself."""
    told = f"<h1>{escape(problem.title)}</h1><p>It is tried again every {AGAIN_S} s.</p>"
    again = {"Refresh": str(AGAIN_S), "Retry-After": str(AGAIN_S)}
    return HTMLResponse(f"<!doctype html><title>streamwatch</title>{told}", 503, again)


class _Over(Exception):
    """Whoever was listening may not any more."""


class _Answer:
    """One answer on its way out."""

    def __init__(self, gate: Gatekeeper, asked: Asked, send: Send) -> None:
        self.asked = asked
        self.is_told = False
        self.is_over = False
        self._gate, self._send = gate, send
        self._head: Message | None = None
        self._looked_ms = gate.clock()
        self.has_begun = False

    async def send(self, message: Message) -> None:
        """Send a part of it. The head of a write's answer waits for the body, which says why, and for the audit trail."""
        if message["type"] == "http.response.start":
            self._add_headers(message)
            if self.is_told:
                self._head = message
                return
        elif self._head is not None:
            head, self._head = self._head, None
            await self._tell(head, message)
            await self._send(head)
        self.has_begun = True
        if message.get("more_body"):
            await self._look_again()
        await self._send(message)

    def _add_headers(self, head: Message) -> None:
        headers = MutableHeaders(raw=head["headers"])
        headers["X-Request-Id"] = self.asked.id
        for name, value in security_headers(self.asked.path, self._gate.is_tls()):
            if name == "Cache-Control":
                headers.setdefault(name, value)
            else:
                headers[name] = value

    async def _tell(self, head: Message, body: Message) -> None:
        """Finish what was begun in the audit trail."""
        record = step("answered", self.asked, self._gate.clock(), head["status"], _reason(head, body))
        await self._gate.trail.answer(record)

    async def _look_again(self) -> None:
        """End what goes on for somebody who would not be let in now."""
        now_ms = self._gate.clock()
        if now_ms - self._looked_ms < STILL_MS:
            return
        self._looked_ms = now_ms
        try:
            may = await self._gate.still(self.asked.person, self.asked.token)
        except StreamwatchError:
            may = True  # Redis is away: it is asked again with the next event
        if not may:
            self.is_over = True
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
            raise _Over


def _reason(head: Message, body: Message) -> str:
    """The type of a problem.

    >>> head = {"headers": [(b"content-type", b"application/problem+json")]}
    >>> _reason(head, {"body": b'{"type":"role"}'}), _reason(head, {"body": b"{"}), _reason({"headers": []}, {})
    ('role', '', '')
    """
    if not Headers(raw=head["headers"]).get("content-type", "").startswith(MEDIA_TYPE):
        return ""
    try:
        told: Any = json.loads(body.get("body", b""))
    except ValueError:
        return ""
    return str(told.get("type", "")) if isinstance(told, dict) else ""
