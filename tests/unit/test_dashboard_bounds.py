"""What anybody may ask costs no more than it may: made-up cursors, spans of centuries, silences of all there is."""

import csv
import io
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from pydantic import ValidationError

from streamwatch.dashboard.access.keys import new_key
from streamwatch.dashboard.api.silences import MatchersBody
from streamwatch.dashboard.exports import as_csv
from streamwatch.dashboard.paging import _digest, cut
from streamwatch.dashboard.problems import Problem
from streamwatch.dashboard.spans import Chosen
from streamwatch.dashboard.trends import baseline
from streamwatch.decisions.silencing import new_silence
from streamwatch.decisions.view import Decisions
from streamwatch.decisions.writing import written
from streamwatch.errors import ConfigError
from streamwatch.records import Matchers
from streamwatch.timeline import DAY_MS, HOUR_MS


def test_a_cursor_that_is_all_brackets_is_refused() -> None:
    cursor = urlsafe_b64encode(_digest("letters") + b"[" * 1500).decode().rstrip("=")
    with pytest.raises(Problem, match="not whole"):
        cut(["a"], lambda one: (one,), 1, cursor, "letters")


class Bands:
    """A usual share for each hour of the week; `n` is how often it was asked for."""

    def __init__(self) -> None:
        self.n = 0

    def band(self, series: str, at_ms: int) -> tuple[float, float, float]:
        """Its share, and two bounds."""
        self.n += 1
        hour = at_ms // HOUR_MS % 168
        return 0.2 + hour / 1000, 0.1, 0.4


@pytest.mark.parametrize("step_ms", [HOUR_MS, DAY_MS, 7 * DAY_MS, 400 * DAY_MS])
def test_the_baseline_of_centuries_costs_as_much_as_that_of_some_weeks(step_ms: int) -> None:
    watched: Any = Bands()
    found = baseline(watched, "all", Chosen(5, 7000 * step_ms, step_ms, ""))
    assert len(found) == 7000 and watched.n <= 7 * 168
    alone: Any = Bands()
    for start_ms, *band in found[::997]:
        assert [start_ms, *band] == list(baseline(alone, "all", Chosen(start_ms, start_ms + 1, step_ms, ""))[0])


def test_a_silence_that_is_made_or_forgotten_is_seen_at_once() -> None:
    decisions = Decisions()
    assert decisions.silences == []
    made = new_silence(Matchers(series=("*",)), starts_ms=0, ends_ms=1000, now_ms=0, made_by="ana", comment="x")
    key, value = written(made)
    decisions.apply_message(key, value)
    assert decisions.silences == [made] == decisions.copied().silences
    decisions.apply_message(key, None)
    assert decisions.silences == []


def test_a_silence_asks_no_more_than_a_person_would() -> None:
    for matchers in ({"kinds": ["drift"] * 11}, {"severities": ["warning"] * 11}, {"labels": {"a" * 257: "b"}}):
        with pytest.raises(ValidationError):
            MatchersBody(**matchers)


@pytest.mark.parametrize("text", ["=1+1", "\n=1+1", "＝1+1", "@SUM(A1)", "-2+3", "\tx"])
def test_no_text_is_a_formula_in_a_spreadsheet(text: str) -> None:
    (_, row) = csv.reader(io.StringIO(b"".join(as_csv(["text"], [[text]])).decode(), newline=""))
    assert row == [f"'{text}"]


def test_the_name_of_a_key_can_be_shown() -> None:
    assert new_key(" ana\u202e\x00\nben ", "viewer", made_by="ana", now_ms=0).record.name == "ana ben"
    with pytest.raises(ConfigError):
        new_key("\u202e\x00", "viewer", made_by="ana", now_ms=0)
