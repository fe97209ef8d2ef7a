"""Hot reload: content decides, what is bad is said once, and what was good stays."""

import logging
import os
from pathlib import Path

import pytest

from streamwatch.config import Settings
from streamwatch.errors import ConfigError
from streamwatch.rules.rule_set import RuleSet
from streamwatch.rules.watched_file import RulesFile, rules_file

GOOD = "rules: [{name: %s, series: all}]\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A rules file that is good."""
    path = tmp_path / "rules.yml"
    path.write_text(GOOD % "first")
    return path


def name(watched: RulesFile) -> str:
    """The one rule that holds."""
    assert watched.current is not None
    return watched.current.rules[0].name


def look_twice(watched: RulesFile) -> RuleSet | None:
    """Content counts when two looks have found the same."""
    assert watched.poll() is None
    return watched.poll()


@pytest.fixture
def watched(path: Path) -> RulesFile:
    """The file, loaded."""
    watched = RulesFile(path)
    watched.load()
    return watched


def test_new_content_is_given_once(path: Path, watched: RulesFile) -> None:
    assert look_twice(watched) is None
    path.write_text(GOOD % "second")
    found = look_twice(watched)
    assert found is not None and found.rules[0].name == name(watched) == "second"
    assert look_twice(watched) is None


def test_content_counts_and_not_the_time_of_the_file(path: Path, watched: RulesFile) -> None:
    before = path.stat()
    path.write_text(GOOD % "other")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert look_twice(watched) is not None
    path.touch()
    assert look_twice(watched) is None


def test_another_layout_of_the_same_rules_is_no_change(path: Path, watched: RulesFile) -> None:
    path.write_text("# a remark\nrules:\n  - series: all\n    name: first\n")
    assert look_twice(watched) is None
    assert watched.refusal == ""


def test_a_bad_file_is_refused_with_one_line_and_the_old_rules_stay(
    path: Path, watched: RulesFile, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text("rules: [{name: a, series: all, fro: 5m}]")
    with caplog.at_level(logging.ERROR):
        assert [watched.poll() for _ in range(5)] == [None] * 5
    (record,) = caplog.records
    assert record.message.startswith(f"{path}:1: `fro` is no key of a rule: did you mean `for`?")
    assert record.message.endswith("the rules before it stay")
    assert name(watched) == "first"


def test_each_bad_content_is_told_and_what_is_mended_is_taken(
    path: Path, watched: RulesFile, caplog: pytest.LogCaptureFixture
) -> None:
    for text in ("rules: [", "rules: []", "rules: ["):
        path.write_text(text)
        assert look_twice(watched) is None
    assert len(caplog.records) == 3
    path.write_text(GOOD % "mended")
    assert look_twice(watched) is not None
    assert (watched.refusal, name(watched)) == ("", "mended")


def test_after_a_bad_file_the_old_content_is_no_change(path: Path, watched: RulesFile) -> None:
    path.write_text("rules: [")
    look_twice(watched)
    assert watched.refusal
    path.write_text(GOOD % "first")
    assert look_twice(watched) is None
    assert watched.refusal == ""


def test_a_file_that_is_written_slowly_is_taken_when_it_is_whole(
    path: Path, watched: RulesFile, caplog: pytest.LogCaptureFixture
) -> None:
    whole = "rules:\n  - {name: slow, series: all}\n  - {name: rest, series: 'topic:*'}\n"
    for n in range(len(whole)):  # its first rule alone would be a good file
        path.write_text(whole[:n])
        assert watched.poll() is None
    path.write_text(whole)
    found = look_twice(watched)
    assert found is not None and [rule.name for rule in found.rules] == ["slow", "rest"]
    assert caplog.records == []


def test_a_deleted_file_is_said_once_and_the_old_rules_stay(
    path: Path, watched: RulesFile, caplog: pytest.LogCaptureFixture
) -> None:
    path.unlink()
    assert [watched.poll() for _ in range(4)] == [None] * 4
    (record,) = caplog.records
    assert "cannot be read (No such file or directory); the rules before it stay" in record.message
    path.write_text(GOOD % "back")
    assert look_twice(watched) is not None


@pytest.mark.parametrize(("content", "why"), [(None, "cannot be read"), (b"# " + b"x" * 300_000, "are not taken")])
def test_a_folder_and_a_huge_file_are_refused(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "odd.yml"
    path.mkdir() if content is None else path.write_bytes(content)
    watched = RulesFile(path)
    assert look_twice(watched) is None
    assert why in watched.refusal


def test_a_start_with_a_bad_file_is_a_config_error(path: Path) -> None:
    assert RulesFile(path).load().rules[0].name == "first"
    path.write_text("rules: [")
    with pytest.raises(ConfigError, match=r"rules\.yml:"):
        RulesFile(path).load()
    with pytest.raises(ConfigError, match="cannot be read"):
        RulesFile(path.parent / "nowhere.yml").load()


def test_the_setting_names_the_file_and_its_settings_are_the_defaults(path: Path) -> None:
    assert rules_file(Settings.model_construct()) is None
    watched = rules_file(Settings.model_construct(rules=str(path), false_alarms_per_week=3.0))
    assert watched is not None
    assert watched.load().false_alarms_per_week == 3.0
