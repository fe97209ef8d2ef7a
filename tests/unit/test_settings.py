"""Settings: each is described, the page is up to date, a slip of the pen is seen, a password is not."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from streamwatch.commands.settings import page, settings
from streamwatch.config import Settings, load
from streamwatch.errors import ConfigError
from streamwatch.settings_table import UNITS, Row, table, unknown_variables

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"
ROWS = table(Settings.model_construct())


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)
def test_setting_says_what_it_is(row: Row) -> None:
    assert len(row.description) >= 15, "a setting needs a description"
    assert row.allowed


@pytest.mark.parametrize("row", [r for r in ROWS if r.name.endswith(tuple(UNITS))], ids=lambda r: r.name)
def test_setting_with_a_unit_is_a_number(row: Row) -> None:
    assert row.allowed.startswith(("a number", "a whole number"))


def test_page_is_what_is_generated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMWATCH_LATENESS_S", "7")
    assert DOCS.read_text(encoding="utf-8") == page(), "run make docs"


def test_all_settings_are_shown_with_what_differs_from_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMWATCH_LATENESS_S", "7")
    shown = CliRunner().invoke(settings).output.splitlines()
    assert "STREAMWATCH_LATENESS_S=7   (default 30)" in shown
    assert len(shown) == 2 * len(Settings.model_fields)
    assert sum("(default " in line for line in shown if line.startswith("STREAMWATCH_")) == 1


def test_json_holds_all_settings() -> None:
    rows = json.loads(CliRunner().invoke(settings, ["--json"]).output)
    assert [row["name"] for row in rows] == list(Settings.model_fields)
    assert set(rows[0]) == {"name", "variable", "value", "default", "unit", "allowed", "description"}


@pytest.mark.parametrize("option", ["--json", "--markdown", None])
def test_no_password_is_shown(monkeypatch: pytest.MonkeyPatch, option: str | None) -> None:
    monkeypatch.setenv("STREAMWATCH_REDIS", "rediss://worker:s3cr3t@redis.internal:6380/0")
    shown = CliRunner().invoke(settings, [option] if option else []).output
    assert shown and "s3cr3t" not in shown


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("BROKER", "localhost", "STREAMWATCH_BROKER=localhost: expected kafka://host:port[,host:port…]"),
        ("PARTITIONS", "none", "STREAMWATCH_PARTITIONS=none: input should be a valid integer"),
        ("DEVICE", "tpu", "STREAMWATCH_DEVICE=tpu: input should be 'auto', 'cpu' or 'cuda'"),
        ("HEARTBEAT_S", "20", "heartbeat_s=20 must be at most a third of session_timeout_s=30"),
    ],
)
def test_nonsense_is_one_line(monkeypatch: pytest.MonkeyPatch, name: str, value: str, line: str) -> None:
    monkeypatch.setenv(f"STREAMWATCH_{name}", value)
    with pytest.raises(ConfigError) as refused:
        load()
    assert str(refused.value).startswith(line)
    assert "\n" not in str(refused.value)


def test_no_password_is_shown_in_the_line_about_nonsense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMWATCH_REDIS", "http://worker:s3cr3t@redis.internal:6380/0")
    with pytest.raises(ConfigError, match=r"^STREAMWATCH_REDIS=http://worker:\*\*\*@redis\.internal:6380/0: expected"):
        load()


def test_a_slip_of_the_pen_is_seen() -> None:
    names = ["STREAMWATCH_PARTITION", "streamwatch_broker", "STREAMWATCH_TEST_KAFKA_HOME", "STREAMWATCH_DATA", "HOME"]
    assert unknown_variables(names) == {"STREAMWATCH_PARTITION": "STREAMWATCH_PARTITIONS"}
    assert unknown_variables(["STREAMWATCH_XYZZY_QUUX"]) == {"STREAMWATCH_XYZZY_QUUX": ""}
