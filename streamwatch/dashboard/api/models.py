"""Models: which serves, what the gate said of the others, and a way to let another one serve, or the one before again."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from streamwatch.dashboard.access.person import Person
from streamwatch.dashboard.access.required import needs
from streamwatch.dashboard.desk import Desk
from streamwatch.dashboard.live.registry import Registry, Who
from streamwatch.models.pointer import Pointer

ModelId = Annotated[str, Path(min_length=1, max_length=64)]
Reason = Annotated[str, Field(min_length=1, max_length=2000)]


class PromoteBody(BaseModel):
    """Why; with `force` it is also the reason to pass a gate that failed or is missing."""

    model_config = ConfigDict(extra="forbid")
    reason: Reason
    force: bool = False


class RollBackBody(BaseModel):
    """Why."""

    model_config = ConfigDict(extra="forbid")
    reason: Reason


class GateShown(BaseModel):
    """What the gate said of a model beside the one that serves; `passed` is null for that one and for the shipped one."""

    ran: bool
    passed: bool | None
    why: str


class ModelShown(BaseModel):
    """One model."""

    model: str
    version: str
    serving: bool
    parent: str
    metrics: dict[str, Any]
    gate: GateShown
    made_at: str | None
    problem: str


class Models(BaseModel):
    """All models, the shipped one first; `history` has how it was decided which serves, the newest first."""

    items: list[ModelShown]
    next: str | None
    history: list[dict[str, Any]]


class Serves(BaseModel):
    """What serves from now on: workers that run swap to it within seconds."""

    model: str
    promoted_at: str
    action: str
    gate: str


def router(desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter()
    registry = Registry(desk.settings, desk.channels, desk.clock)

    @routes.get("/models")
    async def models(person: Annotated[Person, Depends(needs("viewer"))]) -> Models:
        """List the models of the registry. 404 `no-registry` where none is configured."""
        return Models(**await desk.reading(registry.told))

    @routes.get("/models/{model_id}/gate")
    async def gate(model_id: ModelId, person: Annotated[Person, Depends(needs("viewer"))]) -> Response:
        """The gate's report: every check, in numbers and words."""
        return Response(await desk.reading(registry.gate, model_id), media_type="application/json")

    @routes.get("/models/{model_id}/gate.html")
    async def gate_page(model_id: ModelId, person: Annotated[Person, Depends(needs("viewer"))]) -> Response:
        """The same as a page to keep: it has styles and pictures of its own, so that it is given as a file."""
        name = f'attachment; filename="gate-{model_id[:16]}.html"'
        page = await desk.reading(registry.gate_page, model_id)
        return Response(page, media_type="text/html", headers={"Content-Disposition": name})

    @routes.post("/models/roll-back")
    async def roll_back(body: RollBackBody, person: Annotated[Person, Depends(needs("admin"))]) -> Serves:
        """Let the model serve again that served before; again goes back one more, never forward."""
        return _serves(await desk.reading(registry.roll_back, Who(person.name, body.reason)))

    @routes.post("/models/{model_id}/promote")
    def promote(model_id: ModelId, body: PromoteBody, person: Annotated[Person, Depends(needs("admin"))]) -> Serves:
        """Let a model serve that passed its gate. It is opened first, which takes some seconds."""
        return _serves(registry.promote(model_id, Who(person.name, body.reason), body.force))

    return routes


def _serves(pointer: Pointer) -> Serves:
    told = msgspec.structs.asdict(pointer)
    return Serves(**{name: told[name] for name in Serves.model_fields})
