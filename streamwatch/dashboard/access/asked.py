"""One request as the guard sees it: what was asked for, from where, by which names, and who turned out to ask.

Examples:
    >>> asked = Asked.of({
    ...     "type": "http", "method": "PUT", "path": "/api/v1/rules/fast", "headers": [(b"host", b"localhost:8080")],
    ...     "server": ("127.0.0.1", 8080), "client": ("127.0.0.1", 50000), "query_string": b"",
    ... })
    >>> asked.is_write, asked.is_api, asked.host, asked.is_local
    (True, True, 'localhost:8080', True)
"""

import secrets
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from streamwatch.dashboard.access.cookies import CookieNames
from streamwatch.dashboard.access.hosts import client_address, is_loopback
from streamwatch.dashboard.access.origin import SAFE_METHODS
from streamwatch.dashboard.access.person import Person
from streamwatch.dashboard.access.table import Guarded

API = "/api/"
ASKED = "streamwatch.asked"
"""Where the guard leaves the request in the ASGI scope."""
ID_BYTES = 8
"""Of a request's id: two of a billion requests are the same once in forty tries."""


@dataclass
class Asked:
    """A request. `person`, `token` (of a session's cookie) and `route` are found out by the gatekeeper, in that order."""

    id: str
    method: str
    path: str
    query: str
    headers: Headers
    host: str
    port: int | None
    address: str
    is_local: bool
    version: str = ""
    person: Person | None = None
    token: str = ""
    route: Guarded | None = None
    cookies: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, scope: Any, trusted_proxies: Container[str] = frozenset()) -> "Asked":
        """A request out of its ASGI scope. Two `Host` headers are none: the two ends of a proxy may each believe another."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        server, peer = scope.get("server") or ("", None), (scope.get("client") or ("", 0))[0]
        return cls(
            id=secrets.token_hex(ID_BYTES),
            method=scope["method"],
            path=scope["path"],
            query=scope.get("query_string", b"").decode("latin-1"),
            headers=headers,
            host=hosts[0] if len(hosts) == 1 else "",
            port=server[1],
            # Some proxies add a line of their own below what the client sent: together they are one list, and its end counts.
            address=client_address(peer, ",".join(headers.getlist("x-forwarded-for")), trusted_proxies),
            is_local=is_loopback(server[0]) and is_loopback(peer),
            version=scope.get("http_version", ""),
            cookies=cookie_parser("; ".join(headers.getlist("cookie"))),
        )

    @property
    def old_protocol(self) -> str:
        """HTTP/1.0, which no browser speaks and some proxies do that add no header; empty for any other."""
        return "HTTP/1.0" if self.version == "1.0" else ""

    @property
    def is_write(self) -> bool:
        """Whether it may change anything."""
        return self.method not in SAFE_METHODS

    @property
    def is_api(self) -> bool:
        """Whether it is for programs and scripts, and not a page or a file of one."""
        return self.path.startswith(API)

    @property
    def is_page(self) -> bool:
        """Whether a browser wants something to show to a person."""
        return self.method == "GET" and not self.is_api and "text/html" in self.headers.get("accept", "")

    @property
    def cookie_names(self) -> CookieNames:
        """What our cookies are called for this browser."""
        return CookieNames(self.host)

    @property
    def action(self) -> str:
        """Method and route, as the audit trail names it."""
        return f"{self.method} {self.route.template if self.route else self.path}"
