"""What a route asks of a person: `needs("analyst")`, or nothing (`public`). A route that says neither stops the start.

    @router.get("/series")
    async def series(person: Annotated[Person, Depends(needs("viewer"))]) -> …

    @router.get("/livez")
    @public
    async def livez() -> …

The guard reads these marks and refuses before a body is read; the dependency checks again, so that a route is as safe when
somebody puts it behind another guard.

Examples:
    >>> needs("viewer") is needs("viewer"), needs("admin").needs_role
    (True, 'admin')
    >>> @public
    ... def livez() -> str:
    ...     return "alive"
    >>> is_public(livez), is_public(len)
    (True, False)
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Literal, TypeVar

from fastapi import Request

from streamwatch.dashboard.access.person import Person
from streamwatch.dashboard.problems import Problem
from streamwatch.records import Role

PERSON = "streamwatch.person"
"""Where the guard leaves the person in the ASGI scope."""

Endpoint = TypeVar("Endpoint")


@cache
def needs(role: Role) -> Callable[[Request], Person]:
    """The dependency of a route that needs this role or more; it gives the person. Raises `Problem` 401 or 403."""

    def person(request: Request) -> Person:
        return check(request.scope.get(PERSON), role)

    person.needs_role = role  # type: ignore[attr-defined]
    return person


def public(endpoint: Endpoint) -> Endpoint:
    """Mark an endpoint, or the application of a mount, as open to everybody: nothing in it is worth a log-in."""
    endpoint.is_public = True  # type: ignore[attr-defined]
    return endpoint


Takes = Literal["json", "form", "report"]


def takes(kind: Takes) -> Callable[[Endpoint], Endpoint]:
    """Mark an endpoint whose body is not JSON: a form of our log-in page, or what a browser reports by itself."""

    def marked(endpoint: Endpoint) -> Endpoint:
        endpoint.takes = kind  # type: ignore[attr-defined]
        return endpoint

    return marked


def is_public(endpoint: Any) -> bool:
    """Whether it was marked so."""
    return bool(getattr(endpoint, "is_public", False))


def check(person: Person | None, role: Role) -> Person:
    """The person, if there is one with that role. Raises `Problem` 401 or 403.

    >>> check(None, "viewer")
    Traceback (most recent call last):
      ...
    streamwatch.dashboard.problems.Problem: log in, or send a key: Authorization: Bearer sw_…
    """
    if person is None:
        raise Problem(
            401, "log-in", "Nobody is logged in", "log in, or send a key: Authorization: Bearer sw_…",
            headers={"WWW-Authenticate": "Bearer"},
        )  # fmt: skip
    if not person.may(role):
        raise Problem(
            403,
            "role",
            "Your role may not do this",
            f"this needs the role {role} and {person.name} has {person.role}: ask an admin for it",
            needs=role,
            role=person.role,
        )
    return person
