"""An evaluator that lost its state goes on with what the alert channel holds: nothing begins twice, nothing stays open."""

from collections import defaultdict

import msgspec
import pytest
from alerting_streams import HOUR_MS, QUIET_MS, SETTINGS, Stream, incident, rule, rules, told, with_bursts
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from streamwatch.alerting.adoption import EARLIER_MS, Published, orphans
from streamwatch.alerting.evaluator import Evaluator
from streamwatch.records import Evidence
from streamwatch.rules.rule import KINDS
from streamwatch.timeline import MINUTE_MS, from_ms, to_ms

A, B = "ticker:A", "ticker:B"


def newest(alerts):
    """What a compacted channel holds, by id."""
    found = {}
    for alert in alerts:
        if alert.id not in found or alert.revision > found[alert.id].revision:
            found[alert.id] = alert
    return found


def rebuild(stream, published, from_ms_, until_ms=None, history=None):
    """What an evaluator sends that sees the stream from `from_ms_` on only, and the channel.

    As its service does, it sends no revision that is not newer than the channel's, and in the end what ends the orphans.
    """
    channel = dict(published)
    evaluator = Evaluator(SETTINGS, history or rules(), published=Published.of(channel.values()))
    until_ms = until_ms or stream.end_ms
    sent = []
    for transition in evaluator.advance(until_ms, [one for one in stream.buckets if from_ms_ <= one[0] < until_ms]):
        alert = transition.alert
        if alert.id not in channel or alert.revision > channel[alert.id].revision:
            sent.append(alert)
            channel[alert.id] = alert
    ended = orphans(channel.values(), evaluator.open_alerts, evaluator.closed_until_ms)
    return sent + ended, evaluator


def until(transitions, at_ms):
    """What was told up to a moment."""
    return [t.alert for t in transitions if to_ms(t.alert.at) <= at_ms]


LATER_MS = 4 * HOUR_MS
"""What retention has cut off the head: a rebuild knows less of what is usual, and its test crosses minutes later."""
STREAM = incident(A)
WHOLE = told(STREAM)
FIRED_MS = to_ms(WHOLE[0].alert.at)


def test_a_rebuild_finds_another_onset():
    assert to_ms(told_of(LATER_MS)[0].alert.onset) > to_ms(WHOLE[0].alert.onset)


def told_of(from_ms_):
    return Evaluator(SETTINGS, rules()).advance(STREAM.end_ms, [one for one in STREAM.buckets if one[0] >= from_ms_])


def test_what_fires_goes_on_under_the_id_that_is_known_and_ends_once():
    channel = newest(until(WHOLE, FIRED_MS))
    assert [alert.state for alert in channel.values()] == ["firing"]
    sent, evaluator = rebuild(STREAM, channel, LATER_MS)
    assert [(alert.id, alert.state, alert.revision) for alert in sent] == [(WHOLE[0].alert.id, "resolved", 2)]
    assert sent[0].onset == WHOLE[0].alert.onset
    assert sent[0].resolution == "recovered"
    assert evaluator.open_alerts == set()


def test_what_was_told_to_its_end_is_not_told_again():
    sent, _ = rebuild(STREAM, newest(until(WHOLE, STREAM.end_ms)), LATER_MS)
    assert sent == []


def test_a_rebuild_of_the_whole_sends_nothing_and_knows_the_same():
    sent, _ = rebuild(STREAM, newest(until(WHOLE, STREAM.end_ms)), 0)
    assert sent == []


def test_a_pending_alert_goes_on_as_pending_and_fires_once():
    history = rules(rule(for_ms=20 * MINUTE_MS))
    whole = told(STREAM, history)
    assert [t.alert.state for t in whole] == ["pending", "firing", "resolved"]
    for n_told, left in ((1, ["firing", "resolved"]), (2, ["resolved"]), (3, [])):
        channel = newest(t.alert for t in whole[:n_told])
        sent, _ = rebuild(STREAM, channel, LATER_MS, history=history)
        assert [alert.state for alert in sent] == left
        assert [alert.revision for alert in sent] == list(range(n_told + 1, 4))
        assert {alert.id for alert in sent} <= {whole[0].alert.id}


def test_what_was_told_as_firing_is_not_withdrawn_because_the_rebuild_waits_and_sees_it_go():
    waits = rules(rule(for_ms=8 * HOUR_MS))
    channel = newest(until(WHOLE, FIRED_MS))
    sent, _ = rebuild(STREAM, channel, LATER_MS, history=waits)
    assert [(alert.state, alert.revision) for alert in sent] == [("resolved", 2)]
    assert sent[0].resolution != "withdrawn"


def test_an_episode_of_another_rule_series_or_kind_is_another():
    for history in (rules(rule("other")), rules(rule(series=("topic:*",)))):
        sent, _ = rebuild(STREAM, newest(until(WHOLE, FIRED_MS)), LATER_MS, history=history)
        ended = [alert for alert in sent if alert.id == WHOLE[0].alert.id]
        assert [(alert.state, alert.resolution) for alert in ended] == [("resolved", "lost_history")]


@pytest.mark.parametrize("resolved", [False, True])
def test_an_onset_that_is_found_an_hour_earlier_is_the_same_episode(resolved):
    first = WHOLE[0].alert
    for shift_ms, same in ((EARLIER_MS, True), (EARLIER_MS + 10 * MINUTE_MS, False)):
        onset = from_ms(to_ms(first.onset) + shift_ms)
        fields = {"id": "known", "onset": onset, "at": onset, "revision": 5}
        known = msgspec.structs.replace(first, **fields)
        if resolved:
            known = msgspec.structs.replace(known, state="resolved", at=from_ms(STREAM.end_ms))
        sent, _ = rebuild(STREAM, {"known": known}, 0)
        began = [alert for alert in sent if alert.state == "firing"]
        assert len(began) == (0 if same else 1)


def test_a_later_episode_of_the_same_series_is_told_as_a_new_one():
    stream = incident(A).loud(QUIET_MS + 6 * HOUR_MS, 40, A)
    whole = told(stream)
    channel = newest(t.alert for t in whole[:2])
    sent, _ = rebuild(stream, channel, LATER_MS)
    assert [(alert.state, alert.revision) for alert in sent] == [("firing", 1), ("resolved", 2)]


def test_a_later_episode_does_not_go_on_with_one_that_the_rebuild_found_again_and_ended():
    stream = incident(A).loud(QUIET_MS + 6 * HOUR_MS, 40, A)
    for from_ms_ in (0, LATER_MS):
        sent, _ = rebuild(stream, newest(until(WHOLE, FIRED_MS)), from_ms_)
        assert [(alert.state, alert.revision) for alert in sent] == [("resolved", 2), ("firing", 1), ("resolved", 2)]
        assert sent[0].id == WHOLE[0].alert.id != sent[1].id


# -- what nobody goes on with


def alert(id_="x", state="firing", at_ms=0, **changes):
    return msgspec.structs.replace(WHOLE[0].alert, id=id_, state=state, at=from_ms(at_ms), **changes)


def test_what_is_open_in_the_channel_and_that_nobody_goes_on_with_is_ended_once():
    channel = newest(until(WHOLE, FIRED_MS))
    sent, evaluator = rebuild(STREAM, channel, STREAM.end_ms - HOUR_MS)
    assert [(a.state, a.resolution, a.revision) for a in sent] == [("resolved", "lost_history", 2)]
    assert to_ms(sent[0].at) == evaluator.closed_until_ms
    assert orphans(newest([*channel.values(), *sent]).values(), set(), STREAM.end_ms) == []


def test_of_the_open_the_resolved_the_newer_and_the_stalled_none_is_an_orphan():
    known = [
        alert("open", at_ms=5), alert("resolved", "resolved", 5), alert("newer", at_ms=11),
        alert("stalled", at_ms=5, kind="stalled", evidence=Evidence()), alert("orphan", "pending", 10),
    ]  # fmt: skip
    assert [one.id for one in orphans(known, {"open"}, 10)] == ["orphan"]


# -- any stream, any cut

NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
"""A smaller example is rarely a clearer one here, and takes minutes to find."""

bursts = st.lists(
    st.tuples(
        st.sets(st.sampled_from((A, B, "all", "topic:x")), min_size=1).map(sorted),
        st.integers(0, 6 * 60),
        st.integers(10, 60),
        st.integers(1, 4),
    ),
    min_size=1,
    max_size=4,
)
QUIET = Stream()
for name in (A, B, "all", "topic:x"):
    QUIET.quiet(0, QUIET_MS, name)


def of_bursts(parts):
    stream = with_bursts(QUIET, QUIET_MS, parts)
    for at_ms in range(QUIET_MS, QUIET_MS + 12 * HOUR_MS, 10 * MINUTE_MS):
        for mood in ("neutral", "negative", "positive"):
            stream.say(at_ms, mood, *parts[0][0], text_hash=f"other{mood}{at_ms}")
    return stream


@given(bursts, st.integers(0, 20), st.integers(0, 14 * 6), st.sampled_from((0, 12 * MINUTE_MS)))
@settings(max_examples=60, deadline=None, phases=NO_SHRINKING)
def test_with_any_head_cut_off_nothing_begins_or_ends_twice_and_nothing_stays_open(parts, cut_hours, told_tens, for_ms):
    """`told_tens`: how far the first evaluator came, in steps of ten minutes after the quiet hours."""
    stream = of_bursts(parts)
    history = rules(rule(kinds=KINDS, for_ms=for_ms))
    lost_ms = QUIET_MS + told_tens * 10 * MINUTE_MS
    first = Evaluator(SETTINGS, history)
    before = [t.alert for t in first.advance(lost_ms, [one for one in stream.buckets if one[0] < lost_ms])]
    after, evaluator = rebuild(stream, newest(before), cut_hours * HOUR_MS, history=history)
    by_id = defaultdict(list)
    for one in [*before, *after]:
        by_id[one.id].append(one)
    for revisions in by_id.values():
        said = [one.state for one in revisions]
        assert [one.revision for one in revisions] == list(range(1, len(revisions) + 1))
        assert said.count("resolved") == 1 and said[-1] == "resolved"
        assert "pending" not in said[1:]
        assert (revisions[-1].resolution == "withdrawn") <= ("firing" not in said)
    assert evaluator.open_alerts == set()
    assert_no_series_is_in_two_episodes_at_once([*before, *after])


def assert_no_series_is_in_two_episodes_at_once(alerts):
    """As consumers see them: by rule, series and kind of the alert."""
    began = {a.id: (a.series, a.kind, to_ms(a.onset)) for a in alerts}
    ended = {a.id: to_ms(a.at) for a in alerts if a.state == "resolved" and a.resolution != "lost_history"}
    for id_, (series, kind, onset_ms) in began.items():
        for other, (other_series, other_kind, other_ms) in began.items():
            if id_ != other and (series, kind) == (other_series, other_kind) and id_ in ended:
                assert not onset_ms <= other_ms < ended[id_]
