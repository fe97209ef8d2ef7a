"""Which route needs which role: read from the routes themselves, once, before anything is served.

Examples:
    >>> from typing import Annotated
    >>> from fastapi import Depends, FastAPI
    >>> from streamwatch.dashboard.access.required import needs
    >>> app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    >>> @app.put("/rules/{name}")
    ... async def change(name: str, person: Annotated[object, Depends(needs("admin"))]) -> None: ...
    >>> table = RouteTable(app)
    >>> found = table.find("PUT", "/rules/fast")
    >>> found.template, found.needs, table.find("GET", "/nowhere") is None
    ('/rules/{name}', 'admin', True)
    >>> @app.get("/open")
    ... async def forgotten() -> None: ...
    >>> RouteTable(app)
    Traceback (most recent call last):
      ...
    streamwatch.errors.ConfigError: routes that say neither who may use them nor that everybody may: GET /open
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount, compile_path

from streamwatch.dashboard.access.person import ROLES
from streamwatch.dashboard.access.required import Takes, is_public
from streamwatch.errors import ConfigError
from streamwatch.records import Role


@dataclass(frozen=True)
class Guarded:
    """One route: what it is called, its methods (empty: all), the role it needs (None: public), what its body is."""

    template: str
    methods: frozenset[str]
    needs: Role | None
    pattern: re.Pattern[str]
    takes: Takes = "json"

    def matches(self, method: str, path: str) -> bool:
        """Whether a request goes to it."""
        return (not self.methods or method in self.methods) and self.pattern.match(path) is not None


class RouteTable:
    """All routes of an application, in the order in which they are tried."""

    def __init__(self, app: FastAPI) -> None:
        """Raises `ConfigError` that names the routes that say nothing."""
        found = list(_routes(app))
        silent = [f"{'/'.join(sorted(methods)) or 'any'} {path}" for path, methods, marks, *_ in found if not marks]
        if silent:
            raise ConfigError(f"routes that say neither who may use them nor that everybody may: {', '.join(silent)}")
        self.routes = [
            Guarded(path, methods, _strictest(marks), pattern, takes) for path, methods, marks, pattern, takes in found
        ]

    def find(self, method: str, path: str) -> Guarded | None:
        """The route that a request goes to."""
        return next((route for route in self.routes if route.matches(method, path)), None)


PUBLIC = "public"


def _routes(app: FastAPI) -> Iterator[tuple[str, frozenset[str], set[str], re.Pattern[str], Takes]]:
    """Path, methods, marks, pattern and kind of body of each route."""
    for route in iter_route_contexts(app.routes):
        path = route.path or ""
        if isinstance(route.original_route, Mount):
            marks = {PUBLIC} if is_public(route.original_route.app) else set()
            yield path, frozenset(), marks, compile_path(f"{path}/{{path:path}}")[0], "json"
            continue
        methods = frozenset(route.methods or ())
        marks = set(_marks(getattr(route, "dependant", None)))
        if is_public(route.endpoint):
            marks.add(PUBLIC)
        if path and path == app.openapi_url:
            marks.add("viewer")  # the framework's own: it tells what can be asked for
        yield path, methods, marks, compile_path(path)[0], getattr(route.endpoint, "takes", "json")


def _marks(dependant: Any) -> Iterator[str]:
    """The roles that a route's dependencies need, at any depth."""
    if dependant is None:
        return
    role = getattr(dependant.call, "needs_role", None)
    if role is not None:
        yield role
    for further in dependant.dependencies:
        yield from _marks(further)


def _strictest(marks: set[str]) -> Role | None:
    """The role that satisfies all; None for a public route that asks nobody."""
    return next((role for role in reversed(ROLES) if role in marks), None)
