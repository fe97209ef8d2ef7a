"""Who may ask what: every route, by every method, as everybody. A route without a line in `EXPECTED` fails."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from access_server import Served, address

from streamwatch.config import Settings, load
from streamwatch.dashboard.access.person import ROLES
from streamwatch.embedded import RedisServer, Tansu, embedded_settings
from streamwatch.timeline import from_ms

V1 = "/api/v1"
EXPECTED: dict[str, str] = {
    "GET /": "viewer",
    "GET /alerts": "viewer",
    "GET /alerts/{alert_id}": "viewer",
    "GET /health": "viewer",
    "GET /label": "viewer",
    "GET /models": "viewer",
    "GET /rules": "viewer",
    "GET /trend": "viewer",
    f"GET {V1}/alerts": "viewer",
    f"GET {V1}/alerts/precision": "viewer",
    f"GET {V1}/alerts/{{alert_id}}": "viewer",
    f"PUT {V1}/alerts/{{alert_id}}/acknowledgement": "analyst",
    f"PUT {V1}/alerts/{{alert_id}}/verdict": "analyst",
    f"GET {V1}/audit": "admin",
    f"GET {V1}/csp-reports": "admin",
    f"GET {V1}/dead-letters": "viewer",
    f"POST {V1}/dead-letters/{{partition}}/{{offset}}/replay": "admin",
    f"GET {V1}/documents": "viewer",
    f"GET {V1}/documents/export": "viewer",
    f"GET {V1}/health": "viewer",
    f"GET {V1}/keys": "admin",
    f"POST {V1}/keys": "admin",
    f"DELETE {V1}/keys/{{key_id}}": "admin",
    f"POST {V1}/labels": "analyst",
    f"GET {V1}/labels/next": "analyst",
    f"GET {V1}/labels/stats": "viewer",
    f"POST {V1}/labels/undo": "analyst",
    f"GET {V1}/livez": "public",
    f"GET {V1}/models": "viewer",
    f"POST {V1}/models/roll-back": "admin",
    f"GET {V1}/models/{{model_id}}/gate": "viewer",
    f"GET {V1}/models/{{model_id}}/gate.html": "viewer",
    f"POST {V1}/models/{{model_id}}/promote": "admin",
    f"GET {V1}/openapi.json": "viewer",
    f"GET {V1}/readyz": "public",
    f"GET {V1}/rules": "viewer",
    f"POST {V1}/rules/backtest": "analyst",
    f"GET {V1}/rules/backtest/{{trial_id}}": "viewer",
    f"DELETE {V1}/rules/backtest/{{trial_id}}": "analyst",
    f"POST {V1}/rules/check": "viewer",
    f"PUT {V1}/rules/{{name}}": "admin",
    f"DELETE {V1}/rules/{{name}}": "admin",
    f"GET {V1}/series": "viewer",
    f"GET {V1}/series/share-of-voice": "viewer",
    f"GET {V1}/session": "viewer",
    f"POST {V1}/session/logout": "viewer",
    f"PUT {V1}/session/name": "viewer",
    f"GET {V1}/silences": "viewer",
    f"POST {V1}/silences": "analyst",
    f"DELETE {V1}/silences/{{silence_id}}": "analyst",
    f"GET {V1}/stream": "viewer",
    f"GET {V1}/trends": "viewer",
    f"GET {V1}/trends/export": "viewer",
    f"GET {V1}/watchlists": "viewer",
    f"PUT {V1}/watchlists/{{name}}": "viewer",
    f"DELETE {V1}/watchlists/{{name}}": "viewer",
    "POST /csp-report": "public",
    "GET /login": "public",
    "GET /login/callback": "public",
    "POST /login/key": "public",
    "GET /login/oidc": "public",
    "GET /static": "public",
}
"""Which role each route needs, at least."""

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
CALLERS = (
    "nobody", "viewer", "analyst", "admin", "viewer's session", "admin's session",
    "expired", "revoked", "made up",
)  # fmt: skip
ROLE_OF = {
    "viewer": "viewer", "analyst": "analyst", "admin": "admin", "viewer's session": "viewer", "admin's session": "admin",
}  # fmt: skip


@pytest.fixture(scope="module")
def open_settings(tansu: Tansu, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A deployment that needs a log-in."""
    return load(
        prefix=f"m{tmp_path_factory.mktemp('m').name}-", documents=str(tmp_path_factory.mktemp("documents")), model="null",
        dashboard_login="always", dashboard_requests_per_minute=100_000, dashboard_logins_per_minute=100_000,
        **embedded_settings(tansu.url, redis_server.url),
    )  # fmt: skip


@pytest.fixture(scope="module")
def served(open_settings: Settings) -> Iterator[Served]:
    """It, served."""
    with Served(open_settings) as one:
        yield one


@pytest.fixture(scope="module")
def callers(served: Served) -> dict[str, httpx.Client]:
    """Everybody."""
    keys = {role: served.key(role) for role in ROLES}
    return {
        "nobody": served.client(),
        **{role: served.client(key=keys[role]) for role in ROLES},
        "viewer's session": served.log_in(keys["viewer"]),
        "admin's session": served.log_in(keys["admin"]),
        "expired": served.client(key=served.key("admin", expires_at=from_ms(served.now_ms() - 1))),
        "revoked": served.client(key=served.key("admin", revoked=True)),
        "made up": served.client(key="sw_aaaaaaaa_" + "x" * 43),
    }


def routes(served: Served) -> dict[str, list[str]]:
    """Of each route that is there, its methods; from the application itself."""
    found: dict[str, list[str]] = {}
    assert served.desk.gate.table is not None
    for route in served.desk.gate.table.routes:
        found.setdefault(route.template, []).extend(sorted(route.methods - {"HEAD"}) or ["GET"])
    return found


def status(client: httpx.Client, method: str, template: str, cookies: Any = None) -> int:
    """What somebody gets; of an answer that goes on only the head is read."""
    path = "/static/app.js" if template == "/static" else address(template)
    body = {"content": b"{}"} if method != "GET" else {}
    headers = {"Content-Type": "application/json"} if method != "GET" else {}
    if template == "/login/key":
        body, headers = {"content": b"key=x"}, {"Content-Type": "application/x-www-form-urlencoded"}
    with client.stream(method, path, headers=headers, **body) as answer:  # type: ignore[arg-type]
        return answer.status_code


def wanted(needs: str, caller: str) -> str:
    """What should come of it: `401`, `403`, or that the guard lets it pass."""
    if caller in ("expired", "revoked", "made up"):
        return "401"  # a key that does not open is never overlooked
    if needs == "public":
        return "passed"
    if caller == "nobody":
        return "401"
    return "passed" if ROLES.index(ROLE_OF[caller]) >= ROLES.index(needs) else "403"  # type: ignore[arg-type]


def test_every_route_has_its_line_in_the_table(served: Served) -> None:
    there = {f"{method} {path}" for path, methods in routes(served).items() for method in methods}
    assert there - set(EXPECTED) == set(), "routes without an expectation"
    assert set(EXPECTED) - there == set(), "expectations without a route"


def test_every_route_asks_everybody_for_the_role_of_the_table(served: Served, callers: dict[str, httpx.Client]) -> None:
    wrong = []
    for path, methods in routes(served).items():
        for method in methods:
            needs = EXPECTED[f"{method} {path}"]
            for caller in CALLERS:
                if path in ("/login/key", f"{V1}/session/logout") and "session" in caller:
                    continue  # they end the session: their own tests
                got, want = status(callers[caller], method, path), wanted(needs, caller)
                passed = got not in (401, 403, 421, 429) or (path.startswith("/login") and want == "passed")
                failed = got >= 500 and got != 503
                if failed or (want == "passed") != passed or (want != "passed" and got != int(want)):
                    wrong.append(f"{method} {path} as {caller}: {got}, wanted {want}")
    assert not wrong, "\n".join(wrong)


def test_a_method_that_a_route_does_not_have_is_refused_to_everybody(
    served: Served, callers: dict[str, httpx.Client]
) -> None:
    wrong = []
    table = served.desk.gate.table
    assert table is not None
    for path, methods in routes(served).items():
        for method in set(METHODS) - set(methods):
            if table.find(method, address(path)) is not None:
                continue  # to `PUT /rules/{name}`, `check` is a name
            nobody, admin = status(callers["nobody"], method, path), status(callers["admin"], method, path)
            if nobody not in (401, 405) or admin not in (404, 405, 415):
                wrong.append(f"{method} {path}: nobody {nobody}, admin {admin}")
    assert not wrong, "\n".join(wrong)


def test_what_is_not_there_tells_nobody_so(served: Served, callers: dict[str, httpx.Client]) -> None:
    for path in (f"{V1}/secrets", "/.env", "/docs", "/redoc", f"{V1}/session/../keys"):
        assert callers["nobody"].get(path).status_code in (401, 303), path
    assert callers["admin"].get(f"{V1}/secrets").status_code == 404


def test_an_application_with_a_silent_route_does_not_start(served: Served) -> None:
    from fastapi import FastAPI

    from streamwatch.errors import ConfigError

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @app.get("/forgotten")
    async def forgotten() -> None: ...

    with pytest.raises(ConfigError, match="GET /forgotten"):
        served.desk.gate.check_routes(app)


def test_on_loopback_without_a_log_in_whoever_is_here_is_an_admin(open_settings: Settings) -> None:
    settings = open_settings.model_copy(update={"dashboard_login": "auto"})
    with Served(settings) as here:
        client, viewer = here.client(), here.client(key=here.key("viewer"))
        for path, methods in routes(here).items():
            for method in methods:
                needs = EXPECTED[f"{method} {path}"]
                with suppress(httpx.ReadTimeout):
                    assert status(client, method, path) not in (401, 403) or path.startswith("/login"), (method, path)
                if needs == "admin":
                    assert status(viewer, method, path) == 403, (method, path)
