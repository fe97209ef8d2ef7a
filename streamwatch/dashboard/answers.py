"""Answers as msgspec structs: encoded by one call, and described in the OpenAPI document by the schemas of the structs.

    @api.get("/series", **says(Page[SeriesRow]))
    async def …:
        return answer(page)

FastAPI's own way would check every number of every point again on its way out.
"""

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import Response

JSON = "application/json"
PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem", "type": "object", "required": ["type", "title", "status", "detail"],
    "description": "RFC 9457. `type` is a short name; further members depend on it.",
    "properties": {
        "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"},
    },
}  # fmt: skip
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
REF = "#/components/schemas/{name}"
_kinds: dict[str, Any] = {}
"""What is answered, by its name in the document."""
_encode = msgspec.json.Encoder().encode


def answer(thing: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """`thing` as JSON."""
    return Response(_encode(thing), status, headers, JSON)


def says(kind: Any, status: int = 200, description: str = "The answer") -> dict[str, Any]:
    """Arguments of a route that answers with `kind`."""
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=REF)
    _kinds[schema.get("$ref", repr(kind))] = kind
    return {
        "response_model": None,
        "status_code": status,
        "responses": {status: {"description": description, "content": {JSON: {"schema": schema}}}},
    }


def describe(app: FastAPI) -> None:
    """Give `app` an OpenAPI document with the schemas of the structs, and problems wherever something is refused."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title, version=app.version, routes=app.routes,
                description="Times are milliseconds of UTC, or RFC 3339 in records. Errors are `application/problem+json`.",
            )  # fmt: skip
            _, schemas = msgspec.json.schema_components(_kinds.values(), ref_template=REF)
            components = document.setdefault("components", {}).setdefault("schemas", {})
            components |= schemas | {"Problem": PROBLEM_SCHEMA}
            for operations in document["paths"].values():
                for operation in operations.values():
                    _refuse_with_problems(operation)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _refuse_with_problems(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    for status, one in responses.items():
        if status.startswith(("4", "5")):
            one["content"] = _PROBLEM
    responses.setdefault("default", {"description": "A problem", "content": _PROBLEM})
