"""What stands still is told once, by whichever process looks, and its end once."""

from hypothesis import given, settings
from hypothesis import strategies as st

from streamwatch.alerting.stalled import Stalls
from streamwatch.timeline import to_ms

AFTER_MS = 900_000
NEWS = "channel:news"


class Channel:
    """The newest revision of each alert, and every one that was sent."""

    def __init__(self):
        self.sent = []

    def look(self, stalls, place, now_ms, name=NEWS, idle=False):
        """One look, and what it tells is sent."""
        alert = stalls.observe(name, place, now_ms, idle)
        if alert is not None:
            self.sent.append(alert)
            stalls.told(alert)
        return alert

    @property
    def newest(self):
        return list({alert.id: alert for alert in self.sent}.values())

    @property
    def told(self):
        return [(alert.state, alert.revision) for alert in self.sent]


def test_it_fires_once_and_is_resolved_once():
    channel, stalls = Channel(), Stalls(AFTER_MS)
    for second in range(0, 3000):
        channel.look(stalls, (17, 4), 1000 * second)
    for second in range(3000, 3100):
        channel.look(stalls, (18, 4), 1000 * second)
    assert channel.told == [("firing", 1), ("resolved", 2)]
    first, last = channel.sent
    assert (first.id, first.onset, first.kind, first.rule) == (last.id, last.onset, "stalled", "stalled")
    assert (to_ms(first.onset), to_ms(first.at), first.window_s) == (0, AFTER_MS, 900)
    assert (to_ms(last.at), last.window_s, last.resolution) == (3_000_000, 3000, "recovered")
    assert (first.n, first.k, first.evidence.documents) == (0, 0, ())


def test_what_moves_in_time_is_never_told():
    channel, stalls = Channel(), Stalls(AFTER_MS)
    for step in range(50):
        channel.look(stalls, (step,), step * (AFTER_MS - 1))
    assert channel.sent == []


def test_what_has_nothing_to_do_is_never_told_and_ends_what_was():
    channel, stalls = Channel(), Stalls(AFTER_MS)
    for step in range(50):
        channel.look(stalls, (0,), step * AFTER_MS, idle=True)
    assert channel.sent == []
    channel.look(stalls, (0,), 50 * AFTER_MS)
    channel.look(stalls, (0,), 51 * AFTER_MS, idle=True)
    assert channel.told == [("firing", 1), ("resolved", 2)]


def test_another_process_tells_of_the_same_one():
    ours, theirs = Channel(), Channel()
    for channel, started_ms in ((ours, 0), (theirs, 700_000)):
        stalls = Stalls(AFTER_MS)
        channel.look(stalls, (17,), started_ms)
        channel.look(stalls, (17,), started_ms + AFTER_MS)
    assert ours.sent[0].id == theirs.sent[0].id


def test_who_takes_over_tells_only_what_is_new():
    channel, stalls = Channel(), Stalls(AFTER_MS)
    channel.look(stalls, (17,), 0)
    channel.look(stalls, (17,), AFTER_MS)
    other = Stalls(AFTER_MS, channel.newest)
    for step in range(2, 6):
        channel.look(other, (17,), step * AFTER_MS)
    third = Stalls(AFTER_MS, channel.newest)
    channel.look(third, (18,), 6 * AFTER_MS)
    assert channel.told == [("firing", 1), ("resolved", 2)]


def test_what_stands_at_the_same_place_again_has_a_further_revision():
    channel, stalls = Channel(), Stalls(AFTER_MS)
    looks = [(0, False), (1, False), (2, True), (3, False), (4, False)]
    for step, idle in looks:
        channel.look(stalls, (17,), step * AFTER_MS, idle=idle)
    assert channel.told == [("firing", 1), ("resolved", 2), ("firing", 3)]
    other = Stalls(AFTER_MS, channel.newest)
    channel.look(other, (17,), 5 * AFTER_MS, idle=True)
    channel.look(other, (17,), 6 * AFTER_MS)
    channel.look(other, (17,), 7 * AFTER_MS)
    assert channel.told[3:] == [("resolved", 4), ("firing", 5)]


def test_reading_the_channel_again_does_not_forget_since_when_it_stands():
    """A broker that comes and goes makes the evaluator read everything again, and is what must be told of."""
    channel, stalls = Channel(), Stalls(AFTER_MS)
    for minute in range(20):
        stalls.know(channel.newest)
        channel.look(stalls, (17,), 60_000 * minute)
    assert channel.told == [("firing", 1)]
    assert to_ms(channel.sent[0].at) == AFTER_MS


def test_what_another_process_ended_is_not_ended_again():
    channel, stalls = Channel(), Stalls(AFTER_MS)
    channel.look(stalls, (17,), 0)
    channel.look(stalls, (17,), AFTER_MS)
    other = Stalls(AFTER_MS, channel.newest)
    channel.look(other, (18,), 2 * AFTER_MS)
    stalls.know(channel.newest)
    channel.look(stalls, (18,), 2 * AFTER_MS + 1)
    assert channel.told == [("firing", 1), ("resolved", 2)]


def test_each_thing_stalls_for_itself():
    channel, stalls = Channel(), Stalls(AFTER_MS)
    for step in range(4):
        channel.look(stalls, (step,), step * AFTER_MS, name="channel:social")
        channel.look(stalls, (0,), step * AFTER_MS)
        channel.look(stalls, (5,), step * AFTER_MS, name="watermark")
    assert sorted(alert.series for alert in channel.sent) == [NEWS, "watermark"]


@given(
    st.lists(
        st.tuples(
            st.integers(1, 1_200_000),
            st.integers(0, 2),
            st.booleans(),
            st.sampled_from(("", "take over", "read again")),
        ),
        max_size=40,
    )
)
@settings(max_examples=200, deadline=None)
def test_beginnings_and_ends_alternate_and_revisions_grow(looks):
    channel, stalls, now_ms = Channel(), Stalls(AFTER_MS), 0
    for gap_ms, place, idle, what in looks:
        if what == "take over":
            stalls = Stalls(AFTER_MS, channel.newest)
        elif what:
            stalls.know(channel.newest)
        now_ms += gap_ms
        channel.look(stalls, (place,), now_ms, idle=idle)
    assert [alert.state for alert in channel.sent] == (["firing", "resolved"] * 40)[: len(channel.sent)]
    for id_ in {alert.id for alert in channel.sent}:
        revisions = [alert.revision for alert in channel.sent if alert.id == id_]
        assert revisions == list(range(1, len(revisions) + 1))
