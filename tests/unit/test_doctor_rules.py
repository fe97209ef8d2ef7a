"""What the doctor says of the rules file."""

from pathlib import Path

import pytest

from streamwatch.config import Settings
from streamwatch.doctor.rules import check_rules


def test_without_a_file_the_settings_are_the_rules() -> None:
    (finding,) = check_rules(Settings.model_construct())
    assert (finding.status, finding.saw) == ("ok", "no file: one rule, 7 false alarms a week over all series")


@pytest.mark.parametrize(
    ("content", "status", "saw"),
    [
        ("rules: [{name: a, series: all, false_alarms_per_week: 2}]", "ok", "1 rules, 2 false alarms a week"),
        ("rules: [{name: a, series: all, fro: 5m}]", "fail", ":1: `fro` is no key of a rule"),
        (None, "fail", "cannot be read (No such file or directory)"),
    ],
    ids=["good", "bad", "missing"],
)
def test_a_file_is_read_as_the_worker_reads_it(tmp_path: Path, content: str | None, status: str, saw: str) -> None:
    path = tmp_path / "rules.yml"
    if content is not None:
        path.write_text(content)
    (finding,) = check_rules(Settings.model_construct(rules=str(path)))
    assert finding.status == status and saw in finding.saw
    assert finding.todo or status == "ok"
