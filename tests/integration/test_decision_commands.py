"""`rules`, `silences` and `alerts` as people use them, on a real broker."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from streamwatch import broker, channels
from streamwatch.codec import encode
from streamwatch.commands.decision_log import publish
from streamwatch.config import Settings
from streamwatch.decisions.rules_change import rules_change
from streamwatch.records import Alert, Evidence, Member
from streamwatch.rules.reading import EXAMPLE, read_rules
from streamwatch.rules.rule import Rule
from streamwatch.rules.rule_set import RuleSet
from streamwatch.timeline import format_rfc3339, parse_rfc3339

AT = datetime(2025, 3, 11, 13, 30, tzinfo=UTC)


def alert(**changes: Any) -> Alert:
    """An alert about a recall."""
    fields: dict[str, Any] = {
        "id": "8c1f0d2b", "revision": 1, "state": "firing", "rule": "companies", "series": "ticker:BRWK",
        "kind": "negative_share", "severity": "critical", "onset": AT, "at": AT, "window_s": 300, "n": 17, "k": 12,
        "share": 12 / 17, "p0": 0.22, "p0_low": 0.18, "p0_high": 0.27, "k_expected": 3.7, "lift": 3.2, "score": 1e6,
        "threshold": 1e5, "evidence": Evidence(),
    }  # fmt: skip
    return Alert(**(fields | changes))


ALERTS = (
    alert(),
    alert(id="8c200000", series="topic:recall", rule="everything-else"),
    alert(id="91aa0000", series="all", rule="everything-else", state="pending", severity="info"),
    alert(revision=2, state="resolved", resolution="recovered"),
)


class Commands:
    """Runs commands against one deployment."""

    def __init__(self, settings: Settings, start_command: Any) -> None:
        self.settings = settings
        self._start = start_command

    def __call__(self, *arguments: str) -> str:
        """What it prints; it must succeed and complain of nothing."""
        code, output, errors = self.outcome(*arguments)
        assert (code, errors) == (0, "")
        return output.strip()

    def outcome(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output, errors."""
        process: subprocess.Popen[str] = self._start(self.settings, *arguments)
        output, errors = process.communicate(timeout=30)
        return process.returncode, output, errors

    def lines(self, *arguments: str) -> list[Any]:
        """What it prints with --json."""
        return [json.loads(line) for line in self(*arguments, "--json").splitlines()]


@pytest.fixture
def commands(tansu_settings: Settings, start_command: Any) -> Commands:
    """A deployment with three alerts, one of them in two revisions."""
    channels.create(tansu_settings)
    sender = broker.producer(tansu_settings)
    for one in ALERTS:
        sender.send(channels.channel(tansu_settings, "alerts"), key=one.id.encode(), value=encode(one)).get(10)
    sender.close()
    return Commands(tansu_settings, start_command)


def test_a_silence_hides_alerts_from_tail_until_it_is_ended(commands: Commands) -> None:
    silence = commands("silences", "add", "--series", "ticker:*", "--for", "2h", "--comment", "split", "--by", "ana")
    code, output, errors = commands.outcome("alerts", "tail", "--no-follow", "--json")
    assert [json.loads(line)["id"] for line in output.splitlines()] == ["8c200000", "91aa0000"]
    assert (code, errors) == (0, "2 silenced (--all shows them)\n")
    assert len(commands.lines("alerts", "tail", "--no-follow", "--all")) == 4
    assert f"[silenced until {_end(commands, silence)} by ana]" in commands("alerts", "tail", "--no-follow", "--all")
    assert commands("silences", "expire", silence[:4], "--by", "ben") == silence
    assert len(commands.lines("alerts", "tail", "--no-follow")) == 4
    assert commands("silences", "list") == ""
    (line,) = commands("silences", "list", "--all").splitlines()
    assert line.startswith(f"{silence} over ") and line.endswith("series ticker:* (split; ana, ended by ben)")


def _end(commands: Commands, silence: str) -> str:
    (one,) = commands.lines("silences", "list")
    assert one["id"] == silence
    return format_rfc3339(parse_rfc3339(one["ends_at"]))


def test_what_people_say_stands_beside_each_alert(commands: Commands) -> None:
    assert commands("alerts", "ack", "8c1f", "--by", "ana", "--comment", "calling them") == "8c1f0d2b"
    assert commands("alerts", "verdict", "8c1f0d2b", "false", "--by", "ben") == "8c1f0d2b"
    commands("alerts", "verdict", "8c1f", "true", "--by", "ben", "--comment", "announced")
    shown = commands("alerts", "list").splitlines()
    assert [line.split("  ")[1] for line in shown] == ["RESOLVED recovered", "FIRING", "PENDING"]
    assert shown[0].endswith("8c1f0d2b.2  [acknowledged by ana: calling them]  [true, says ben: announced]")
    (firing,) = commands.lines("alerts", "list", "--state", "firing")
    assert (firing["alert"]["id"], firing["verdict"]) == ("8c200000", None)
    commands("alerts", "verdict", "8c20", "false")
    assert commands("alerts", "precision").splitlines() == [
        "companies: 100% (21% to 100%), 1 true, 0 false, 0 without a verdict",
        "everything-else: 0% (0% to 79%), 0 true, 1 false, 0 without a verdict",
    ]
    commands("alerts", "verdict", "8c20", "retract")
    commands("alerts", "ack", "8c1f", "--retract")
    assert [one["precision"] for one in commands.lines("alerts", "precision")] == [1.0, None]
    assert all(one["acknowledgement"] is None for one in commands.lines("alerts", "list"))


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("alerts", "ack", "ffff"), "no alert 'ffff': streamwatch alerts list names them"),
        (("alerts", "verdict", "8c", "true"), "2 alerts begin with '8c': 8c1f0d2b, 8c200000"),
        (("alerts", "ack", "8c1f", "--by", ""), "not written: Expected `str` of length >= 1 - at `$.made_by`"),
        (("alerts", "verdict", "91", "true", "--comment", "x" * 2001), "not written: Expected `str` of length <= 2000"),
        (("silences", "expire", "ffff"), "no silence 'ffff': streamwatch silences list names them"),
        (("silences", "add", "--for", "1h", "--comment", "x"), "a silence that asks nothing would hide every alert"),
        (("silences", "add", "--series", "all", "--comment", "x"), "say how long it lasts by --for, or when it ends"),
        (
            ("silences", "add", "--series", "all", "--until", "2001-01-01T00:00:00Z", "--comment", "x"),
            "a silence until 2001-01-01T00:00:00Z is over before it begins",
        ),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else "",
)
def test_what_makes_no_sense_is_one_line_and_writes_nothing(
    commands: Commands, arguments: tuple[str, ...], why: str
) -> None:
    code, output, errors = commands.outcome(*arguments)
    assert (code, output) == (2, "")
    assert errors.startswith(f"streamwatch: {why}") and errors.count("\n") == 1
    assert commands.lines("silences", "list", "--all") == []


def test_members_labels_and_silent_channels_are_shown(commands: Commands) -> None:
    members = tuple(
        Member(
            id=f"m{i}", series=f"topic:{i}", kind="negative_share", onset=AT, firing=i != 1, n=9, k=7, k_expected=2.0,
            lift=3.5, score=1e5,
        )
        for i in range(7)
    )  # fmt: skip
    incident = alert(id="i1", members=members, labels={"team": "markets"}, routes=("pager",))
    silent = alert(id="s1", kind="stalled", series="channel:news", n=0, k=0)
    sender = broker.producer(commands.settings)
    behind = alert(id="s2", kind="stalled", series="watermark", state="resolved", resolution="recovered", n=0, k=0)
    for one in (incident, silent, behind):
        sender.send(channels.channel(commands.settings, "alerts"), key=one.id.encode(), value=encode(one)).get(10)
    sender.close()
    *_, head, first, _, _, _, fifth, more, rule, stalled, moving = commands(
        "alerts", "tail", "--no-follow"
    ).splitlines()
    assert head.endswith("i1.1")
    assert first == "    + topic:0  7 of 9 negative, expected 2.0, since 2025-03-11T13:30:00Z"
    assert fifth.startswith("    + topic:5") and more == "    + 2 more series"
    assert rule == "    rule companies: team=markets, to pager"
    assert "channel:news  no documents, since 2025-03-11T13:30:00Z" in stalled
    assert "RESOLVED recovered  critical  watermark  moves again, since" in moving


# -- rules


def test_rules_in_force_are_those_of_the_newest_change(commands: Commands) -> None:
    assert commands("rules", "show").startswith("# no worker has published rules yet; by the settings they would be\n")
    for rules, bucket_ms in ((RuleSet((Rule("old"),)), 0), (read_rules(EXAMPLE), 1_741_700_400_000)):
        publish(commands.settings, rules_change(rules, effective_from_ms=bucket_ms, made_by="w1", made_at_ms=0))
    shown = commands("rules", "show")
    assert "effective from 2025-03-11T13:40:00Z, made 1970-01-01T00:00:00Z by w1, 3 rules" in shown.splitlines()[0]
    assert read_rules(shown) == read_rules(EXAMPLE)
    (found,) = commands.lines("rules", "show")
    assert (found["effective_from"], found["digest"]) == ("2025-03-11T13:40:00Z", read_rules(EXAMPLE).digest)
    assert [line.split(", made")[0][17:] for line in commands("rules", "show", "--history").splitlines()] == [
        "effective from the beginning", "effective from 2025-03-11T13:40:00Z",
    ]  # fmt: skip
    assert [one["made_by"] for one in commands.lines("rules", "show", "--history")] == ["w1", "w1"]


def test_a_file_is_checked_without_a_broker(redis_settings: Settings, start_command: Any, tmp_path: Path) -> None:
    commands = Commands(redis_settings, start_command)
    path = tmp_path / "rules.yml"
    path.write_text(commands("rules", "example") + "\n")
    assert commands("rules", "check", str(path), "--series", "ticker:SPY", "--series", "all").splitlines() == [
        f"{path}: good, 3 rules, 2 false alarms a week allowed",
        "ticker:SPY: negative_share by everything-else, negative_volume by everything-else",
        "all: negative_share by everything-else, negative_volume by everything-else, drift by everything-else",
    ]
    (found,) = commands.lines("rules", "check", str(path), "--series", "ticker:AAPL")
    assert (found["ok"], found["owners"]["ticker:AAPL"]["negative_share"]) == (True, "companies")
    path.write_text("rules:\n  - {name: a, series: all, for: soon}\n  - {name: b, seris: all}\n")
    code, output, errors = commands.outcome("rules", "check", str(path))
    assert (code, output) == (1, "")
    assert [line.split(": ")[0] for line in errors.splitlines()] == [f"{path}:2", f"{path}:3"]
    code, output, _ = commands.outcome("rules", "check", str(path), "--json")
    assert (code, len(json.loads(output)["faults"])) == (1, 2)
    code, _, errors = commands.outcome("rules", "check", str(tmp_path / "nowhere.yml"))
    assert (code, errors) == (2, f"streamwatch: {tmp_path}/nowhere.yml: cannot be read (No such file or directory)\n")
