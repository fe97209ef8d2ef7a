"""compose.yaml keeps to the settings and to the promises about security. It is read here, and not run."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streamwatch import __version__
from streamwatch.commands.doctor import doctor
from streamwatch.config import load
from streamwatch.settings_table import unknown_variables

yaml = pytest.importorskip("yaml")
COMPOSE = yaml.safe_load((Path(__file__).parents[2] / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = [service for service in SERVICES.values() if "build" in service]


def test_every_port_is_bound_to_loopback() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_redis_never_evicts_and_keeps_what_it_has() -> None:
    command = SERVICES["redis"]["command"]
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"
    assert command[command.index("--appendonly") + 1] == "yes"


def test_services_wait_for_what_they_need() -> None:
    for service in SERVICES.values():
        for name, how in service.get("depends_on", {}).items():
            assert how["condition"] in ("service_healthy", "service_completed_successfully")
            assert "healthcheck" in SERVICES[name] or how["condition"] == "service_completed_successfully"


def test_settings_are_settings_and_make_sense() -> None:
    assert len(OURS) == 2
    for service in OURS:
        assert not unknown_variables(list(service["environment"]))
        named = {name.removeprefix("STREAMWATCH_").lower(): value for name, value in service["environment"].items()}
        load(**named)


def test_the_broker_is_advertised_where_the_worker_looks() -> None:
    advertised = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    addresses = {address.partition("://")[2] for address in advertised}
    assert {service["environment"]["STREAMWATCH_BROKER"].removeprefix("kafka://") for service in OURS} <= addresses
    assert load().broker.removeprefix("kafka://") in addresses


def test_the_image_has_the_version_of_the_package() -> None:
    assert {service["image"] for service in OURS} == {f"streamwatch:{__version__}"}


def test_the_health_check_is_a_command_that_exists() -> None:
    test = SERVICES["worker"]["healthcheck"]["test"]
    assert test[:3] == ["CMD", "streamwatch", "doctor"]
    assert CliRunner().invoke(doctor, [*test[3:], "--help"]).exit_code == 0
