"""The log-in pages: a form for a key, a link to the identity provider, and the way back from it.

They are plain HTML without a script, so that they work before anything else is let in. Whoever logs in gets a new token, and
the one that was in the browser before is worth nothing: nobody can plant a session and wait.
"""

from html import escape
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from streamwatch.dashboard.access.asked import ASKED, Asked
from streamwatch.dashboard.access.bodies import read_body
from streamwatch.dashboard.access.identity import person_of_key, too_many
from streamwatch.dashboard.access.person import Person
from streamwatch.dashboard.access.required import public, takes
from streamwatch.dashboard.access.sessions import PENDING_S
from streamwatch.dashboard.access.trail import step
from streamwatch.dashboard.problems import Problem, for_strangers, of_error
from streamwatch.errors import StreamwatchError

HOME = "/"
CALLBACK = "/login/callback"
MAX_FORM_BYTES = 8192
"""Of the form: a key has 55 characters, and an address to go to afterwards at most some thousands."""
MAX_NEXT_CHARS = 2000


def pages(gate: Any) -> APIRouter:
    """The routes under `/login`, open to everybody."""
    router = APIRouter(include_in_schema=False)

    @router.get("/login")
    @public
    async def log_in(request: Request) -> Response:
        asked, then = request.scope[ASKED], local_path(request.query_params.get("next", ""))
        return _page(gate, asked, then) if gate.needs_log_in(asked) else RedirectResponse(then, 303)

    @router.post("/login/key")
    @public
    @takes("form")
    async def with_key(request: Request) -> Response:
        asked: Asked = request.scope[ASKED]
        form = await _form(request)
        then = local_path(form.get("next", ""))
        try:
            _check_tries(gate, asked)
            key = gate.identity.of_key(form.get("key", "").strip(), asked.address)
            return await _come_in(gate, asked, person_of_key(key), then, key_id=key.id)
        except (Problem, StreamwatchError) as error:
            return await _refused(gate, asked, error, then)

    @router.get("/login/oidc")
    @public
    async def at_provider(request: Request) -> Response:
        asked: Asked = request.scope[ASKED]
        then = local_path(request.query_params.get("next", ""))
        try:
            _check_tries(gate, asked)
            url, pending = await _provider(gate).begin(_callback(gate, asked), then)
            token = await gate.sessions.begin(pending)
        except (Problem, StreamwatchError) as error:
            return await _refused(gate, asked, error, then)
        response = RedirectResponse(url, 303)
        asked.cookie_names.put_login(response, token, PENDING_S)
        return response

    @router.get(CALLBACK)
    @public
    async def from_provider(request: Request) -> Response:
        asked: Asked = request.scope[ASKED]
        try:
            return await _back(gate, asked, dict(request.query_params))
        except (Problem, StreamwatchError) as error:
            return await _refused(gate, asked, error, HOME)

    return router


def local_path(text: str) -> str:
    """Where to go after the log-in, if that is a page of ours; else the first page.

    >>> local_path("/alerts/a1?x=2"), local_path("//evil.example"), local_path("https://evil.example"), local_path("/\\\\evil")
    ('/alerts/a1?x=2', '/', '/', '/')
    >>> local_path("/login?next=/"), local_path("/a\\nb")
    ('/', '/')
    """
    plain = text.isprintable() and "\\" not in text and len(text) <= MAX_NEXT_CHARS
    if not plain or not text.startswith("/") or text.startswith(("//", "/login")):
        return HOME
    try:
        parts = urlsplit(text)
    except ValueError:
        return HOME
    return HOME if parts.scheme or parts.netloc else text


async def _back(gate: Any, asked: Asked, answer: dict[str, str]) -> Response:
    """From the provider, with a code that belongs to what this browser began."""
    _check_tries(gate, asked)
    token = asked.cookies.get(asked.cookie_names.login, "")
    pending = await gate.sessions.take(token) if token else None
    if pending is None or not answer.get("state") or answer["state"] != pending.state:
        raise Problem(401, "log-in-failed", "The log-in failed", "it was not begun here, or too long ago: log in again")
    if "code" not in answer:
        raise Problem(401, "log-in-failed", "The log-in failed", "the identity provider did not let you in")
    known = await _provider(gate).finish(pending, answer["code"], answer.get("iss", ""))
    response = await _come_in(gate, asked, Person(known.name, known.role, True, "oidc"), pending.then)
    asked.cookie_names.drop(response, asked.cookie_names.login)
    return response


async def _come_in(gate: Any, asked: Asked, person: Person, then: str, key_id: str = "") -> Response:
    """Begin a session, end the one before, and tell it."""
    asked.person = person
    await gate.trail.ask(step("answered", asked, gate.clock(), 303))
    before = asked.cookies.get(asked.cookie_names.session, "")
    if before:
        await gate.sessions.end(before)
    token = await gate.sessions.start(person.name, person.role, person.way, key_id)
    response = RedirectResponse(then, 303)
    asked.cookie_names.put_session(response, token, gate.settings.dashboard_session_s)
    return response


async def _refused(gate: Any, asked: Asked, error: Problem | StreamwatchError, then: str) -> Response:
    """The page again, with what was wrong."""
    problem = error if isinstance(error, Problem) else of_error(error)
    if problem.status in (401, 403):
        gate.failures.take(asked.address, gate.clock())
        await gate.trail.refuse(step("answered", asked, gate.clock(), problem.status, problem.type), gate.clock())
    return _page(gate, asked, then, for_strangers(problem))


def _check_tries(gate: Any, asked: Asked) -> None:
    if wait_s := gate.failures.wait_s(asked.address, gate.clock()):
        raise too_many(wait_s, "too many log-ins that failed")


def _provider(gate: Any) -> Any:
    if gate.provider is None:
        raise Problem(404, "no-provider", "There is no identity provider here", "log in with a key")
    return gate.provider


def _callback(gate: Any, asked: Asked) -> str:
    """Where the provider sends people back to: our address as browsers know it."""
    return (gate.settings.dashboard_url.rstrip("/") or f"http://{asked.host}") + CALLBACK


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form. Raises `Problem` for one that is too long."""
    body = await read_body(request, MAX_FORM_BYTES)
    try:
        fields = parse_qs(body.decode("utf-8", errors="replace"), max_num_fields=10)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <meta name="robots" content="noindex">
  <title>Log in · streamwatch</title>
  <link rel="icon" href="/static/icon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/static/css/tokens.css">
  <link rel="stylesheet" href="/static/css/base.css">
  <link rel="stylesheet" href="/static/css/login.css">
  <script src="/static/theme-first.js"></script>
</head>
<body>
  <main class="login">
    <h1>streamwatch</h1>
{parts}
  </main>
</body>
</html>
"""
FAULT = '    <p class="login-fault" role="alert"><strong>{title}:</strong> {detail}</p>'
PROVIDER = (
    '    <p><a class="button main" href="/login/oidc?next={then}">Log in with your organisation’s account</a></p>'
)
NO_TLS = (
    '    <p class="login-fault" role="alert">This address has no TLS: your browser will not keep the log-in. {what}</p>'
)
KEY = """    <form method="post" action="/login/key" class="login-form">
      <input type="hidden" name="next" value="{then}">
      <label for="key">API key</label>
      <input id="key" name="key" type="password" autocomplete="current-password" required spellcheck="false" maxlength="100">
      <button class="button{main}" type="submit">Log in with a key</button>
      <p class="soft">It begins with <code>sw_</code>. An admin makes one: <code>streamwatch keys add NAME</code></p>
    </form>"""


def _page(gate: Any, asked: Asked, then: str, problem: Problem | None = None) -> Response:
    """The log-in page. Everything in it that came from outside is escaped."""
    safe = escape(then, quote=True)
    parts = []
    if problem is not None:
        parts.append(FAULT.format(title=escape(problem.title), detail=escape(problem.detail)))
    if asked.cookie_names.secure and not gate.is_tls():
        parts.append(NO_TLS.format(what="An admin sets STREAMWATCH_DASHBOARD_URL=https://…"))
    if gate.provider is not None:
        parts.append(PROVIDER.format(then=quote(then, safe="")))
    parts.append(KEY.format(then=safe, main="" if gate.provider else " main"))
    status, headers = (problem.status, problem.headers) if problem else (200, {})
    return HTMLResponse(PAGE.format(parts="\n".join(parts)), status, headers)
