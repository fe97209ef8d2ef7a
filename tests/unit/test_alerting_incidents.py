"""One incident, one alert: which series are members, what is told of them, and when it is over."""

from collections import defaultdict
from itertools import pairwise

import pytest
from alerting_streams import (
    APART,
    HOUR_MS,
    QUIET_MS,
    Stream,
    incident,
    members,
    rule,
    rules,
    states,
    told,
    told_in_pieces,
    with_bursts,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from streamwatch.rules.rule import KINDS
from streamwatch.rules.rule_set import Grouping, Inhibition
from streamwatch.timeline import MINUTE_MS, to_ms

A, B, TOPIC = "ticker:A", "ticker:B", "topic:recall"


def two(first: tuple[str, ...], second: tuple[str, ...], apart_ms: int = 0, after_ms: int = 3 * HOUR_MS) -> Stream:
    """Two groups of series with documents of their own; the second is loud `apart_ms` after the first."""
    stream = Stream().quiet(0, QUIET_MS, *first).quiet(0, QUIET_MS + apart_ms, *second)
    stream.loud(QUIET_MS, 20, *first).loud(QUIET_MS + apart_ms, 20, *second)
    for start_ms, series in ((QUIET_MS, first), (QUIET_MS + apart_ms, second)):
        stream.quiet(start_ms + HOUR_MS, start_ms + HOUR_MS + after_ms, *series)
    return stream


def shared(part: float, first: str = A, second: str = TOPIC, apart_minutes: int = 0) -> Stream:
    """Two series: `part` of the negatives of the incident are both's, the others one's alone."""
    stream = Stream().quiet(0, QUIET_MS, first).quiet(0, QUIET_MS, second)
    for minute in range(20):
        at_ms = QUIET_MS + minute * MINUTE_MS
        both = minute % 10 < 10 * part
        for series in ((first, second), (first, second)) if both else ((first,), (second,)):
            stream.say(at_ms, "negative", *series)
    back_ms = QUIET_MS + HOUR_MS
    return stream.quiet(back_ms, back_ms + 3 * HOUR_MS, first).quiet(back_ms, back_ms + 3 * HOUR_MS, second)


# -- which series


def test_a_ticker_and_its_topic_with_the_same_documents_are_one_alert_with_members():
    alerts = told(incident(A, TOPIC))
    assert len({t.alert.id for t in alerts}) == 1
    assert {t.alert.series for t in alerts} == {A}
    assert members(alerts[-1]) == {TOPIC}


def test_all_and_the_source_that_fire_after_a_ticker_join_it():
    stream = two((A,), ("all", "source:s"), apart_ms=10 * MINUTE_MS)
    stream.say(0, "neutral", "all")  # or the source were everything, and silent
    alerts = told(stream)
    assert {t.alert.series for t in alerts} == {A}
    assert members(alerts[-1]) == {"all", "source:s"}


def test_all_that_fired_first_keeps_no_ticker_quiet():
    alerts = told(two(("all",), (A,), apart_ms=10 * MINUTE_MS))
    assert {t.alert.series for t in alerts} == {"all", A}


def test_without_inhibition_and_grouping_all_has_an_alert_of_its_own():
    alerts = told(incident("all", A), rules(grouping=APART, inhibit=()))
    assert {t.alert.series for t in alerts} == {"all", A}


def test_an_inhibition_of_the_rules_file_is_obeyed():
    quiet = Inhibition(source=(TOPIC,), target=("ticker:*",))
    stream = two((TOPIC,), (A,), apart_ms=10 * MINUTE_MS)
    alerts = told(stream, rules(inhibit=(quiet,)))
    assert {t.alert.series for t in alerts} == {TOPIC}
    assert members(alerts[-1]) == {A}
    assert {t.alert.series for t in told(stream, rules(inhibit=()))} == {TOPIC, A}


def test_unrelated_series_at_the_same_time_are_two_alerts():
    alerts = told(two((A,), (B,)))
    assert {t.alert.series for t in alerts} == {A, B}
    assert all(not t.alert.members for t in alerts)


@pytest.mark.parametrize("grouping", [Grouping(), APART])
def test_share_and_volume_of_one_series_are_one_incident(grouping):
    stream = Stream().quiet(0, 5 * 24 * HOUR_MS, A).loud(5 * 24 * HOUR_MS, 60, A)
    alerts = told(stream, rules(rule(kinds=KINDS, false_alarms_per_week=100.0), grouping=grouping))
    assert len({t.alert.id for t in alerts}) == 1
    assert members(alerts[-1]) <= {A}


def test_where_grouping_is_disabled_each_series_has_an_alert():
    alerts = told(incident(A, TOPIC), rules(grouping=APART))
    assert {t.alert.series for t in alerts} == {A, TOPIC}
    assert len({t.alert.id for t in alerts}) == 2


@pytest.mark.parametrize(("part", "n_alerts"), [(0.3, 2), (0.8, 1)])
def test_so_many_of_the_smaller_ones_documents_must_be_common(part, n_alerts):
    assert len({t.alert.id for t in told(shared(part), rules(grouping=Grouping(overlap=0.5)))}) == n_alerts
    assert len({t.alert.id for t in told(shared(part), rules(grouping=Grouping(overlap=1.0)))}) == 2


@pytest.mark.parametrize(("within_ms", "n_alerts"), [(5 * MINUTE_MS, 2), (30 * MINUTE_MS, 1)])
def test_onsets_must_lie_close_together(within_ms, n_alerts):
    stream = Stream().quiet(0, QUIET_MS, A).quiet(0, QUIET_MS, TOPIC)
    stream.loud(QUIET_MS, 12, A).loud(QUIET_MS + 12 * MINUTE_MS, 12, A, TOPIC)
    stream.quiet(QUIET_MS + HOUR_MS, QUIET_MS + 4 * HOUR_MS, A, TOPIC)
    alerts = told(stream, rules(grouping=Grouping(within_ms=within_ms)))
    assert len({t.alert.id for t in alerts}) == n_alerts


def test_where_all_began_only_what_most_of_it_speaks_of_joins():
    """`all` holds the documents of everybody: that a ticker's are among them says nothing."""
    stream = Stream().quiet(0, QUIET_MS, "all").quiet(0, QUIET_MS, "all", A)
    stream.loud(QUIET_MS, 10, "all", per_minute=8).loud(QUIET_MS + 10 * MINUTE_MS, 20, "all", per_minute=8)
    stream.loud(QUIET_MS + 10 * MINUTE_MS, 20, "all", A, per_minute=1)
    alerts = told(stream)
    assert {t.alert.series for t in alerts if t.alert.revision == 1} == {"all", A}


# -- what is told


def test_the_documents_and_numbers_are_those_of_the_series_that_fired_first():
    first, second, *_ = told(incident(A, TOPIC))
    assert (second.alert.series, second.alert.onset) == (first.alert.series, first.alert.onset)
    assert second.alert.id == first.alert.id
    (member,) = second.alert.members
    assert (member.series, member.firing) == (TOPIC, True)
    assert member.id != first.alert.id
    assert member.score >= 1 and member.k >= 5
    assert len(first.refs) >= 5


def test_an_incident_goes_on_while_a_member_fires_although_its_root_is_calm():
    stream = incident(A, TOPIC)
    stream.loud(QUIET_MS + 20 * MINUTE_MS, 160, TOPIC)
    alerts = told(stream)
    assert [t.alert.state for t in alerts] == ["firing", "firing", "resolved"]
    last_loud_ms = QUIET_MS + 180 * MINUTE_MS
    assert to_ms(alerts[-1].alert.at) >= last_loud_ms
    assert not any(member.firing for member in alerts[-1].alert.members)


def test_a_series_that_fires_again_while_its_incident_is_open_is_told_as_a_member():
    stream = incident(A, TOPIC, after_ms=2 * HOUR_MS)
    stream.loud(QUIET_MS + 20 * MINUTE_MS, 300, TOPIC)
    stream.loud(QUIET_MS + 4 * HOUR_MS, 30, A)
    alerts = told(stream)
    assert len({t.alert.id for t in alerts}) == 1
    assert [t.alert.state for t in alerts] == ["firing", "firing", "firing", "resolved"]
    assert members(alerts[-1]) == {A, TOPIC}


def test_a_series_whose_incident_is_over_begins_another_one():
    stream = incident(A).loud(QUIET_MS + 6 * HOUR_MS, 40, A)
    alerts = told(stream)
    assert states(alerts) == [(A, "firing", 1), (A, "resolved", 2)] * 2
    assert alerts[0].alert.id != alerts[2].alert.id


def test_an_incident_that_fired_ends_as_recovered_although_its_last_member_never_fired():
    """What never fired is no claim, and not judged: an alert that did must not pass for one."""
    stream = Stream().quiet(0, QUIET_MS, A, TOPIC).loud(QUIET_MS, 20, A, TOPIC)
    stream.quiet(QUIET_MS + HOUR_MS, QUIET_MS + 4 * HOUR_MS, A)
    stream.quiet(QUIET_MS + 4 * HOUR_MS, QUIET_MS + 14 * HOUR_MS, TOPIC)
    history = rules(rule("at-once", series=("ticker:*",)), rule("waiting", for_ms=20 * HOUR_MS))
    alerts = told(stream, history)
    assert states(alerts) == [(A, "firing", 1), (A, "resolved", 2)]
    assert members(alerts[-1]) == {TOPIC}
    assert alerts[-1].alert.resolution == "recovered"


# -- any stream

SERIES = ("all", "source:s", A, B, TOPIC)
bursts = st.lists(
    st.tuples(
        st.sets(st.sampled_from(SERIES), min_size=1).map(sorted),
        st.integers(0, 8 * 60),
        st.integers(5, 90),
        st.integers(1, 4),
    ),
    min_size=1,
    max_size=6,
)
groupings = st.builds(
    Grouping, enabled=st.booleans(), overlap=st.sampled_from((0.2, 0.5, 1.0)), within_ms=st.sampled_from((0, HOUR_MS))
)
QUIET = Stream()
for name in SERIES:
    QUIET.quiet(0, QUIET_MS, name)


def of_bursts(parts: list[tuple[list[str], int, int, int]]) -> Stream:
    """The quiet hours of every series, then bursts of negatives in some of them."""
    stream = with_bursts(QUIET, QUIET_MS, parts)
    for at_ms in range(QUIET_MS, QUIET_MS + 14 * HOUR_MS, 10 * MINUTE_MS):
        stream.say(at_ms, "neutral", *SERIES, text_hash=f"other{at_ms}")
    return stream


@given(
    bursts,
    groupings,
    st.sampled_from((0, 3 * MINUTE_MS, 20 * MINUTE_MS)),
    st.sampled_from((0, 15 * MINUTE_MS)),
    st.lists(
        st.integers(QUIET_MS // 10_000, (QUIET_MS + 12 * HOUR_MS) // 10_000).map(lambda i: i * 10_000), max_size=6
    ),
    st.lists(st.booleans(), min_size=1, max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_each_incident_begins_once_and_ends_once_and_its_revisions_grow_by_one(
    parts, grouping, for_ms, keep_ms, cuts_ms, reload
):
    stream = of_bursts(parts)
    waiting = rule("waiting", series=("ticker:*", "all"), kinds=KINDS, for_ms=for_ms, keep_firing_for_ms=keep_ms)
    history = rules(waiting, rule("at-once", kinds=KINDS), grouping=grouping)
    alerts = told_in_pieces(stream.buckets, cuts_ms, reload, stream.end_ms, history)
    assert alerts == told(stream, history)
    by_id = defaultdict(list)
    for transition in alerts:
        by_id[transition.alert.id].append(transition.alert)
    for revisions in by_id.values():
        assert [alert.revision for alert in revisions] == list(range(1, len(revisions) + 1))
        said = [alert.state for alert in revisions]
        assert said.index("resolved") == len(said) - 1
        n_pending = said.count("pending")
        assert n_pending <= 1 and "pending" not in said[1:]
        assert bool(n_pending) <= bool(for_ms)
        assert len({(alert.series, alert.kind, alert.onset, alert.rule) for alert in revisions}) == 1
        assert (revisions[-1].resolution == "withdrawn") == ("firing" not in said)
        assert revisions[-1].resolution
        assert all(a.at <= b.at for a, b in pairwise(revisions))


@given(bursts, groupings)
@settings(max_examples=30, deadline=None)
def test_no_series_is_in_two_incidents_at_once(parts, grouping):
    stream = of_bursts(parts)
    open_: dict[str, set[str]] = {}
    for transition in told(stream, rules(rule(kinds=KINDS), grouping=grouping)):
        alert = transition.alert
        if alert.state == "resolved":
            open_.pop(alert.id, None)
            continue
        open_[alert.id] = {alert.series, *members(transition)}
        for other, series in open_.items():
            assert other == alert.id or not series & open_[alert.id]
