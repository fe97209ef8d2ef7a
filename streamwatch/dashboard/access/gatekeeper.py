"""The gatekeeper: decides of each request, before any route sees it, who asks and whether they may.

    the name we are called by → who asks → how often → a page of ours? → the role that the route needs

It knows two ways to be. On a loopback address whoever sits at this machine is an admin, and the danger is pages of other sites
in their browser. On any other address everybody logs in, and the danger is everybody.
"""

from collections.abc import Callable
from typing import Any

import redis.asyncio
from fastapi import FastAPI

from streamwatch.config import Settings
from streamwatch.dashboard.access.asked import Asked
from streamwatch.dashboard.access.hosts import allowed_hosts, forwarding_header, is_open_here, is_ours
from streamwatch.dashboard.access.identity import Identity, at_this_machine, same_token, too_many
from streamwatch.dashboard.access.limits import Limit
from streamwatch.dashboard.access.oidc import Provider, provider_of
from streamwatch.dashboard.access.origin import fetch_fault, is_json, origin_fault
from streamwatch.dashboard.access.person import Person
from streamwatch.dashboard.access.reports import Reports
from streamwatch.dashboard.access.required import Takes, check
from streamwatch.dashboard.access.sessions import Sessions
from streamwatch.dashboard.access.table import RouteTable
from streamwatch.dashboard.access.trail import Trail
from streamwatch.dashboard.problems import Problem

CSRF_HEADER = "x-csrf-token"
FORM = "application/x-www-form-urlencoded"
UNLIMITED = ("/static/",)
"""Files of a page: a page has some dozens, and they cost nothing."""


class Gatekeeper:
    """One for the process. `channels` knows the keys and takes the audit trail; `client` keeps the log-ins."""

    def __init__(
        self, settings: Settings, channels: Any, client: redis.asyncio.Redis, clock: Callable[[], int]
    ) -> None:  # fmt: skip
        self.settings = settings
        self.clock = clock
        self.sessions = Sessions(settings, client, clock)
        self.failures = Limit(settings.dashboard_logins_per_minute)
        self.identity = Identity(channels, self.sessions, self.failures, clock)
        self.trail = Trail(channels)
        self.reports = Reports()
        self.provider: Provider | None = provider_of(settings)
        self.proxies = frozenset(one.strip() for one in settings.dashboard_trusted_proxies.split(",") if one.strip())
        self._rate = Limit(settings.dashboard_requests_per_minute)
        self._hosts = allowed_hosts(settings)
        self._open_here = is_open_here(settings)
        self.table: RouteTable | None = None

    # -- what the application calls

    def install(self, app: FastAPI) -> None:
        """Put the guard before all else, and add the log-in pages."""
        from streamwatch.dashboard.access.guard import Guard
        from streamwatch.dashboard.access.log_in import pages
        from streamwatch.dashboard.access.reports import receiver

        app.include_router(pages(self))
        app.include_router(receiver(self.reports, self.clock))
        app.add_middleware(Guard, gate=self)

    def check_routes(self, app: FastAPI) -> None:
        """Read what each route needs. Raises `ConfigError` where one says nothing: it is not served."""
        self.table = RouteTable(app)

    # -- what the guard calls

    def needs_log_in(self, asked: Asked) -> bool:
        """Whether this request must be somebody's: always, but at this machine on a loopback address."""
        return not (self._open_here and asked.is_local)

    async def admit(self, asked: Asked) -> None:
        """Find out who asks, in `asked`. Raises `Problem` where the request goes no further, `RetryError`."""
        self._check_place(asked)
        if self.table is not None:
            asked.route = self.table.find(asked.method, asked.path)
        asked.person = await self._person(asked)
        self._check_rate(asked)
        if asked.route is None or asked.route.needs is not None:
            check(asked.person, "viewer")
        takes = asked.route.takes if asked.route else "json"
        if (asked.is_api or takes == "report") and (fault := fetch_fault(asked.headers)):
            raise _not_ours(fault)
        if asked.is_write and takes != "report":
            self._check_write(asked, takes)
        if asked.route is not None and asked.route.needs is not None:
            check(asked.person, asked.route.needs)

    async def still(self, person: Person | None, token: str) -> bool:
        """Whether somebody who is still being answered would come in now."""
        return person is None or await self.identity.still(person, token)

    def is_tls(self) -> bool:
        """Whether people come by TLS."""
        return self.settings.dashboard_url.startswith("https://")

    # -- the steps

    def _check_place(self, asked: Asked) -> None:
        """The name that the browser was told. A wrong one is another site's name that was pointed at us."""
        local = not self.needs_log_in(asked)
        if not is_ours(asked.host, asked.port if local else None, self._hosts):
            raise Problem(
                421, "host", "Not this dashboard",
                "it is called by another name than its own: STREAMWATCH_DASHBOARD_ALLOWED_HOSTS lists its names",
            )  # fmt: skip
        if local and (sign := forwarding_header(asked.headers) or asked.old_protocol):
            raise Problem(
                403, "proxy", "A proxy is in front, and nobody is logged in",
                f"the request has {sign}: whoever is behind the proxy would be an admin here; "
                "set STREAMWATCH_DASHBOARD_LOGIN=always (docs/dashboard-access.md)",
            )  # fmt: skip

    async def _person(self, asked: Asked) -> Person | None:
        if authorization := asked.headers.get("authorization", ""):
            return self.identity.by_authorization(authorization, asked.address)
        if not self.needs_log_in(asked):
            return at_this_machine(asked.cookies, asked.cookie_names)
        asked.token = asked.cookies.get(asked.cookie_names.session, "")
        return await self.identity.by_cookie(asked.token) if asked.token else None

    def _check_rate(self, asked: Asked) -> None:
        if asked.path.startswith(UNLIMITED) or (asked.person and asked.person.way == "loopback"):
            return
        name = asked.person.credential if asked.person else asked.address
        if wait_s := self._rate.take(name, self.clock()):
            raise too_many(wait_s, f"more than {self.settings.dashboard_requests_per_minute} requests a minute")

    def _check_write(self, asked: Asked, takes: Takes) -> None:
        """A program with a key is no page; of all else a page of ours must have sent it."""
        content_type = asked.headers.get("content-type", "")
        wanted = is_json(content_type) if takes == "json" else content_type.startswith(FORM)
        if not wanted and (takes == "form" or _has_body(asked) or not _by_key(asked)):
            raise Problem(415, "content-type", "Writes are JSON", "send Content-Type: application/json")
        if _by_key(asked):
            return
        if fault := _page_fault(asked, self.settings.dashboard_url):
            raise _not_ours(fault)
        csrf = asked.person.csrf if asked.person else ""
        if (
            takes == "json"
            and asked.token
            and asked.person
            and not same_token(asked.headers.get(CSRF_HEADER, ""), csrf)
        ):
            raise Problem(
                403,
                "csrf",
                "This page is from another log-in",
                "load it again: GET /api/v1/session has the token of now",
            )


def _page_fault(asked: Asked, url: str) -> str:
    """Why a write is of no page of ours. A form has no usable `Origin`, since our pages send no referrer: there the browser's
    own word counts.
    """
    is_form = asked.route is not None and asked.route.takes == "form"
    if is_form and asked.headers.get("origin", "null") == "null" and asked.headers.get("sec-fetch-site"):
        return (
            "" if asked.headers["sec-fetch-site"] == "same-origin" else "the browser says that no page of ours sent it"
        )
    return origin_fault(asked.headers, asked.host, url)


def _by_key(asked: Asked) -> bool:
    return asked.person is not None and asked.person.credential.startswith("key:")


def _has_body(asked: Asked) -> bool:
    return asked.headers.get("content-length", "0") != "0" or "transfer-encoding" in asked.headers


def _not_ours(fault: str) -> Problem:
    return Problem(403, "origin", "Not from a page of this dashboard", fault)
