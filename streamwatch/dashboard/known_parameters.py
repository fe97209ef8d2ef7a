"""A query parameter that nobody knows is refused: a filter with a slip in its name must not look like one that works."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request

from streamwatch.dashboard.problems import Problem

N_SHOWN = 5
"""Unknown names that are told."""


async def only_known_parameters(request: Request) -> None:
    """A dependency of every router. Raises `Problem` (422)."""
    if not request.query_params:
        return
    known = set(_names(request.scope["route"].dependant))
    unknown = [name for name in dict.fromkeys(request.query_params) if name not in known]
    if unknown:
        near = sorted({match for name in unknown[:N_SHOWN] for match in get_close_matches(name, known, n=1)})
        said = ", ".join(name[:50] for name in unknown[:N_SHOWN])
        there = ", ".join(sorted(known)) or "none"
        raise Problem(
            422, "unknown-parameter", "An unknown query parameter", f"unknown: {said}; there are: {there}", near=near
        )


def _names(dependant: Any) -> Iterator[str]:
    for parameter in dependant.query_params:
        kind = parameter.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from (one.alias or name for name, one in kind.model_fields.items())
        else:
            yield parameter.alias
    for further in dependant.dependencies:
        yield from _names(further)
