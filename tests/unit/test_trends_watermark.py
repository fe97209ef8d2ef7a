"""The watermark is never ahead of what may still come: a held partition holds it, and slow is not idle."""

from hypothesis import given
from hypothesis import strategies as st

from streamwatch.trends.watermark import Progress, watermark_ms

LATENESS_MS = 30_000

partitions = st.lists(
    st.builds(
        Progress,
        arrival_ms=st.none() | st.integers(0, 10**6),
        fence=st.integers(-1, 20),
        end_offset=st.integers(0, 21),
        replaying=st.booleans(),
    ),
    max_size=8,
)


@given(partitions)
def test_it_is_never_ahead_of_a_partition_that_may_still_bring_something(everyone: list[Progress]) -> None:
    mark = watermark_ms(everyone, LATENESS_MS)
    for one in everyone:
        if not one.caught_up and mark is not None:
            assert one.arrival_ms is not None
            assert mark <= one.arrival_ms - LATENESS_MS


@given(partitions)
def test_it_is_never_ahead_of_the_newest_arrival(everyone: list[Progress]) -> None:
    mark = watermark_ms(everyone, LATENESS_MS)
    arrivals = [one.arrival_ms for one in everyone if one.arrival_ms is not None]
    assert mark is None or mark <= max(arrivals) - LATENESS_MS


@given(partitions, st.data())
def test_it_does_not_go_back_when_partitions_go_on(everyone: list[Progress], data: st.DataObject) -> None:
    """A partition goes on: it applies more of what is there, later arrivals only. The others stay."""
    before = watermark_ms(everyone, LATENESS_MS)
    going = [
        one._replace(
            arrival_ms=(one.arrival_ms or 0) + data.draw(st.integers(0, 1000)),
            fence=data.draw(st.integers(one.fence, max(one.fence, one.end_offset - 1))),
        )
        if one.arrival_ms is not None and not one.caught_up and data.draw(st.booleans())
        else one
        for one in everyone
    ]
    after = watermark_ms(going, LATENESS_MS)
    assert before is None or (after is not None and after >= before)


def test_slow_is_not_idle() -> None:
    fast = Progress(arrival_ms=900_000, fence=99, end_offset=100)
    slow = Progress(arrival_ms=100_000, fence=3, end_offset=5)
    assert watermark_ms([fast, slow], LATENESS_MS) == 70_000
    assert watermark_ms([fast, slow._replace(fence=4)], LATENESS_MS) == 870_000


def test_a_partition_in_a_replay_holds_even_when_all_of_it_is_applied() -> None:
    fast = Progress(arrival_ms=900_000, fence=99, end_offset=100, replaying=True)
    waiting = Progress(arrival_ms=100_000, fence=4, end_offset=5, replaying=True)
    assert watermark_ms([fast, waiting], LATENESS_MS) == 70_000


def test_a_partition_of_which_nothing_was_applied_holds_everything() -> None:
    """After a wipe: nobody knows how old its first document is."""
    known = Progress(arrival_ms=900_000, fence=99, end_offset=100)
    assert watermark_ms([known, Progress(None, -1, 7)], LATENESS_MS) is None
    assert watermark_ms([known, Progress(None, -1, 0)], LATENESS_MS) == 870_000
    assert watermark_ms([], LATENESS_MS) is None
