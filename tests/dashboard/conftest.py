"""A running dashboard over a real broker and a real Redis, for all tests of pages and API.

    from running_dashboard import Dashboard, StartDashboard

    def test_x(dashboard: Dashboard) -> None:           # one for the session, with a day of documents in it
        dashboard.get("/series").json()["items"]

    def test_y(start_dashboard: StartDashboard, tansu_settings: Settings) -> None:     # one of its own, empty
        with start_dashboard(tansu_settings) as empty: ...

`dashboard` has its channels, windows of `FROM_MS` to `NOW_MS` over four partitions and an alert that fires; nobody but the
tests writes to it, so a test that writes (a verdict, a silence) must not mind what others wrote. `.url` is for a browser,
`.get`, `.post`, `.put` and `.delete` go to `/api/v1`, `.settings` are those of the deployment (its channels, its Redis).
`worker=True` for `start_dashboard` starts a Faust worker with the model `null` beside it, and what `replay` sends is counted.
"""

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from running_dashboard import (
    Dashboard,
    StartDashboard,
    an_alert,
    publish,
    running,
    stream,
    write_documents,
    write_evaluation,
    write_windows,
)

from streamwatch import channels
from streamwatch.config import Settings, load
from streamwatch.embedded import RedisServer, Tansu, embedded_settings


@pytest.fixture(scope="session")
def dashboard_settings(tansu: Tansu, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of the session's dashboard."""
    return load(
        prefix=f"d{secrets.token_hex(4)}-", model="null", documents=str(tmp_path_factory.mktemp("documents")),
        cache=str(tmp_path_factory.mktemp("cache")), **embedded_settings(tansu.url, redis_server.url),
    )  # fmt: skip


@pytest.fixture(scope="session")
def dashboard(dashboard_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """The session's dashboard, filled."""
    channels.create(dashboard_settings)
    records = stream()
    asyncio.run(write_windows(dashboard_settings, records))
    asyncio.run(write_evaluation(dashboard_settings, records))
    write_documents(dashboard_settings, records)
    publish(dashboard_settings, "alerts", [an_alert()])
    with running(dashboard_settings, tmp_path_factory.mktemp("log")) as one:
        yield one


@pytest.fixture
def start_dashboard(tmp_path: Path) -> StartDashboard:
    """`with start_dashboard(settings, worker=False) as one`: its channels are made, it is stopped at the end."""

    def start(settings: Settings, worker: bool = False, **more: str) -> AbstractContextManager[Dashboard]:
        if not settings.documents:
            settings = settings.model_copy(update={"documents": str(tmp_path / "documents")})
        channels.create(settings)
        return running(settings, tmp_path, worker, **more)

    return start
