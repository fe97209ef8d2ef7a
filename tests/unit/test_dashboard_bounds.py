"""What anybody may ask costs no more than it may: made-up cursors, spans of centuries, rules that are all brackets."""

from base64 import urlsafe_b64encode
from typing import Any

import pytest

from streamwatch.dashboard.paging import _digest, cut
from streamwatch.dashboard.problems import Problem
from streamwatch.dashboard.spans import Chosen
from streamwatch.dashboard.trends import baseline
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
