"""Pacing on a clock that the test moves."""

from hypothesis import given
from hypothesis import strategies as st

from streamwatch.sources.pacing import ArrivalClock, Pace

MOMENTS = st.integers(min_value=0, max_value=10**13)


def test_a_row_that_is_overdue_does_not_wait() -> None:
    now = [0.0]
    pace = Pace(10, clock=lambda: now[0])
    assert pace.wait_s(1000) == 0
    now[0] = 5.0
    assert pace.wait_s(1000 + 20_000) == 0
    assert pace.wait_s(1000 + 60_000) == 1.0


def test_without_a_speed_nothing_waits() -> None:
    assert Pace(None).wait_s(10**12) == 0


@given(st.lists(st.one_of(st.none(), MOMENTS)), MOMENTS)
def test_arrival_never_goes_back_and_never_lies_in_the_future(dates: list[int | None], first_ms: int) -> None:
    latest_ms = first_ms + 10**6
    clock = ArrivalClock(first_ms, lambda: latest_ms)
    seen = [clock.see(ms) for ms in dates]
    assert seen == sorted(seen)
    assert all(first_ms <= ms <= latest_ms for ms in seen)
    believable = [ms for ms in dates if ms is not None and first_ms <= ms <= latest_ms]
    assert clock.largest_ms == max([first_ms, *believable])
