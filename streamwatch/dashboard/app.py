"""The application: the routers of the API under `/api/v1`, the pages, and what holds for all of them.

    request ─ gate (who, from where) ─ size of the body ─ ETag ─ unknown parameters ─ the route ─ an answer or a problem

A router lives in `dashboard/api/<noun>.py` as `router(desk) -> APIRouter`, and its name stands in `ROUTERS`. The gate's
side: `desk.gate.install(app)` adds its middleware and log-in pages, `desk.gate.check_routes(app)` raises for a route
that says neither who may use it nor that everybody may.
"""

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from streamwatch import __version__
from streamwatch.dashboard.access.person import Person
from streamwatch.dashboard.access.required import needs, public
from streamwatch.dashboard.answers import describe
from streamwatch.dashboard.body_cap import BodyCap
from streamwatch.dashboard.desk import Desk
from streamwatch.dashboard.etags import ETags
from streamwatch.dashboard.known_parameters import only_known_parameters
from streamwatch.dashboard.problems import answer_with_problems
from streamwatch.dashboard.warming import keep_warm

PREFIX = "/api/v1"
ROUTERS = (
    "session", "series", "trends", "documents", "alerts", "verdicts", "silences", "rules", "labels", "models",
    "health", "dead_letters", "watchlists", "stream", "keys", "audit",
)  # fmt: skip
"""The modules of `dashboard/api` in the order of the API's page."""
PAGES = ("/", "/trend", "/alerts", "/alerts/{alert_id}", "/rules", "/label", "/models", "/health")
"""Addresses that people see; one shell serves them all."""


def create_app(desk: Desk) -> FastAPI:
    """The application over a desk, which is started with it and closed with it."""
    app = FastAPI(
        title="streamwatch", version=__version__, lifespan=_lifespan(desk), openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None, redoc_url=None,  # they load scripts from elsewhere
    )  # fmt: skip
    answer_with_problems(app)
    for noun in ROUTERS:
        router = importlib.import_module(f"streamwatch.dashboard.api.{noun}").router(desk)
        app.include_router(router, prefix=PREFIX, tags=[noun], dependencies=[Depends(only_known_parameters)])
    describe(app)
    app.add_middleware(ETags)
    app.add_middleware(BodyCap)
    _add_pages(app)
    desk.gate.install(app)
    desk.gate.check_routes(app)
    return app


def _lifespan(desk: Desk) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        desk.channels.start()
        warming = asyncio.create_task(keep_warm(desk))
        try:
            yield
        finally:
            warming.cancel()
            await desk.aclose()

    return lifespan


def _add_pages(app: FastAPI) -> None:
    """The shell at every address of a page, and the files it loads under `/static`."""
    folder = Path(str(files("streamwatch.dashboard"))) / "static"

    async def shell(person: Annotated[Person, Depends(needs("viewer"))]) -> FileResponse:
        return FileResponse(folder / "index.html")

    for path in PAGES:
        app.add_api_route(path, shell, include_in_schema=False)
    app.mount("/static", public(StaticFiles(directory=folder)), name="static")
