"""Models over the API, with a registry: nothing passes the gate in silence, and who promoted and why is kept."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from running_dashboard import Dashboard, running

from streamwatch import channels
from streamwatch.config import load
from streamwatch.embedded import RedisServer, Tansu, embedded_settings
from streamwatch.inference.opening import SHIPPED
from streamwatch.models import registry as room
from streamwatch.models.gated import keep

OPENED_S = 120.0
"""A model is opened in a process of its own: ten seconds, and more on a busy machine."""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with one model in it: a copy of the shipped one."""
    folder = tmp_path_factory.mktemp("registry")
    room.add(folder, SHIPPED)
    return folder


@pytest.fixture(scope="module")
def model(registry: Path) -> str:
    """Its id."""
    (entry,) = room.listing(registry)
    return entry.model


@pytest.fixture(scope="module")
def desk(
    tansu: Tansu, redis_server: RedisServer, registry: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Dashboard]:
    """A dashboard with the registry."""
    folder = tmp_path_factory.mktemp("desk")
    settings = load(
        prefix=f"m{secrets.token_hex(4)}-", registry=str(registry), precision="fp32", documents=str(folder / "documents"),
        **embedded_settings(tansu.url, redis_server.url),
    )  # fmt: skip
    channels.create(settings)
    with running(settings, folder) as one:
        one.client.timeout = httpx.Timeout(OPENED_S)
        yield one


def test_the_shipped_model_serves_first_and_a_model_without_a_gate_is_not_promoted(desk: Dashboard, model: str) -> None:
    shipped, other = desk.get("/models").json()["items"]
    assert (shipped["model"], shipped["serving"], shipped["gate"]["passed"]) == ("shipped", True, None)
    assert (other["model"], other["serving"], other["gate"]["ran"]) == (model, False, False)
    assert "not gated" in other["gate"]["why"] and other["metrics"] and other["made_at"]
    refused = desk.post(f"/models/{model}/promote", {"reason": "it looks good", "force": False})
    assert (refused.status_code, refused.json()["type"]) == (409, "not-promoted")
    assert desk.post(f"/models/{model}/promote", {"reason": "", "force": True}).status_code == 422
    assert desk.post("/models/0123456789abcdef/promote", {"reason": "x"}).json()["type"] == "no-model"
    assert desk.get(f"/models/{model}/gate").json()["type"] == "no-gate"
    assert desk.post("/models/roll-back", {"reason": "x"}).json()["type"] == "not-rolled-back"


def test_the_gates_page_is_given_as_a_file_since_it_has_styles_of_its_own(
    desk: Dashboard, registry: Path, model: str
) -> None:
    keep(registry, model, b'{"incumbent":"other","candidate":"x","checks":[]}', "<!doctype html><style></style>")
    page = desk.get(f"/models/{model}/gate.html")
    assert page.headers["content-disposition"].startswith("attachment")
    assert desk.get(f"/models/{model}/gate").json()["incumbent"] == "other"


@pytest.mark.slow
def test_a_forced_model_serves_after_it_was_opened_and_is_rolled_back(
    desk: Dashboard, registry: Path, model: str
) -> None:
    told = desk.post(f"/models/{model}/promote", {"reason": "an outage, checked by hand", "force": True})
    assert (told.status_code, told.json()["model"]) == (200, model)
    assert desk.get("/models").json()["items"][1]["serving"] is True
    back = desk.post("/models/roll-back", {"reason": "it was worse"})
    assert (back.status_code, back.json()["model"]) == (200, "shipped")
    rolled, promoted = desk.get("/models").json()["history"]
    assert (promoted["forced"], promoted["by"]) == ("an outage, checked by hand", "root")
    assert (rolled["action"], rolled["reason"], rolled["by"]) == ("roll_back", "it was worse", "root")


@pytest.mark.slow
def test_a_model_that_cannot_be_opened_is_not_promoted(desk: Dashboard, registry: Path, model: str) -> None:
    weights = next((registry / "models" / model).glob("*.safetensors"))
    whole = weights.read_bytes()
    weights.write_bytes(whole[:100])
    try:
        refused = desk.post(f"/models/{model}/promote", {"reason": "try", "force": True})
    finally:
        weights.write_bytes(whole)
    assert (refused.status_code, refused.json()["type"]) == (409, "not-promoted")
    assert desk.get("/models").json()["items"][0]["serving"] is True
