"""compose.yaml keeps to the settings and to the promises about security. It is read here, and not run."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streamwatch import __version__
from streamwatch.cli import cli
from streamwatch.commands.doctor import doctor
from streamwatch.config import load
from streamwatch.dashboard.access.hosts import allowed_hosts, is_loopback
from streamwatch.settings_table import unknown_variables

yaml = pytest.importorskip("yaml")
COMPOSE = yaml.safe_load((Path(__file__).parents[2] / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = [service for service in SERVICES.values() if "build" in service]


def test_every_port_is_bound_to_loopback() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 3
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
    assert len(OURS) == 5
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


def named(service: str) -> dict[str, str]:
    """A service's settings by their names."""
    variables = SERVICES[service]["environment"]
    return {name.removeprefix("STREAMWATCH_").lower(): value for name, value in variables.items()}


def test_every_service_of_ours_runs_a_command_that_exists() -> None:
    for name, service in SERVICES.items():
        if "build" in service and "command" in service:
            program, *arguments = service["command"]
            assert program == "streamwatch", name
            assert CliRunner().invoke(cli, [*arguments, "--help"]).exit_code == 0, name


def test_the_dashboard_needs_a_log_in_although_it_is_published_on_loopback() -> None:
    settings = load(**named("dashboard"))
    assert not is_loopback(settings.dashboard_host)
    assert all(is_loopback(name) for name in allowed_hosts(settings))
    published = SERVICES["dashboard"]["ports"][0].split(":")
    assert published[0] == "127.0.0.1" and published[2] == str(settings.dashboard_port)


def test_a_key_is_there_before_the_dashboard_starts_and_is_made_once() -> None:
    assert SERVICES["dashboard"]["depends_on"]["keys"]["condition"] == "service_completed_successfully"
    assert SERVICES["keys"]["command"][:3] == ["streamwatch", "keys", "init"]
    assert SERVICES["keys"]["restart"] == "no"


def test_the_indexer_writes_where_the_dashboard_reads_and_the_image_lets_it() -> None:
    assert named("indexer")["documents"] == named("dashboard")["documents"]
    assert SERVICES["indexer"]["volumes"] == SERVICES["dashboard"]["volumes"]
    volume, folder = SERVICES["indexer"]["volumes"][0].split(":")
    assert volume in COMPOSE["volumes"] and named("indexer")["documents"].startswith(folder)
    image = (Path(__file__).parents[2] / "Dockerfile").read_text(encoding="utf-8")
    assert f"install -d -o streamwatch -g streamwatch -m 0700 {folder}" in image and "[dashboard]" in image


def test_the_dashboard_is_asked_for_a_sign_of_life_that_needs_no_log_in() -> None:
    test = SERVICES["dashboard"]["healthcheck"]["test"]
    assert test[:3] == ["CMD", "python", "-c"]
    compile(test[3], "healthcheck", "exec")
    assert f":{named('dashboard')['dashboard_port']}/api/v1/livez" in test[3]


def test_no_secret_is_written_here() -> None:
    text = (Path(__file__).parents[2] / "compose.yaml").read_text(encoding="utf-8")
    assert "sw_" not in text and "PASSWORD" not in text.upper().replace("NO PASSWORD", "")
