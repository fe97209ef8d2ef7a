"""The evaluator is a function of the closed buckets: not of calls, crashes, partitions, order or gaps."""

import logging
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamwatch.alerting.evaluator import Evaluator, Header
from streamwatch.alerting.transition import EvaluatorState
from streamwatch.config import load
from streamwatch.detection.settings import DetectionConfig
from streamwatch.errors import StaleState
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS, to_ms
from streamwatch.trends.entry import Entry

CONFIG = DetectionConfig()
QUIET_DAYS = 4
ONSET_MS = QUIET_DAYS * DAY_MS
SERIES = ("all", "source:social", "entity:Delta")


def entry(n, sentiment, series=SERIES, author=None, text=None):
    return Entry(text or f"t{n}", sentiment, series, f"a{n}" if author is None else author, n % 4, n // 4)


def stream(quiet_days=QUIET_DAYS, incident=40, after_hours=8, **kw):
    """One negative of three every ten minutes; then one negative a minute; then as before."""
    buckets, n = [], 0
    for at_ms in range(0, quiet_days * DAY_MS, 10 * MINUTE_MS):
        buckets.append((at_ms, [entry(n + i, ("negative", "neutral", "positive")[i]) for i in range(3)]))
        n += 3
    for minute in range(incident):
        buckets.append((quiet_days * DAY_MS + minute * MINUTE_MS, [entry(n + i, "negative", **kw) for i in range(2)]))
        n += 2
    first_ms = quiet_days * DAY_MS + HOUR_MS
    for at_ms in range(first_ms, first_ms + after_hours * HOUR_MS, 10 * MINUTE_MS):
        buckets.append((at_ms, [entry(n + i, ("negative", "neutral", "positive")[i]) for i in range(3)]))
        n += 3
    return buckets


BUCKETS = stream()
END_MS = BUCKETS[-1][0] + HOUR_MS


def told(buckets, end_ms=END_MS, config=CONFIG):
    return Evaluator(config).advance(end_ms, buckets)


WHOLE = told(BUCKETS)


def fired(transitions):
    return {(t.alert.series, t.alert.kind) for t in transitions if t.alert.state == "firing"}


def test_an_incident_fires_once_and_is_resolved_once():
    for series in ("all", "entity:Delta"):
        states = [t.alert for t in WHOLE if t.alert.series == series and t.alert.kind == "negative_volume"]
        assert [(a.state, a.revision) for a in states] == [("firing", 1), ("resolved", 2)]
        assert states[0].id == states[1].id
        assert states[1].resolution == "recovered"
        assert ONSET_MS <= to_ms(states[0].onset) < ONSET_MS + HOUR_MS
        assert states[0].score >= states[0].threshold


def test_both_detectors_see_it():
    assert {kind for _, kind in fired(WHOLE)} == {"negative_volume", "negative_share"}


def test_a_source_that_is_the_whole_stream_says_nothing_twice():
    assert "source:social" not in {series for series, _ in fired(WHOLE)}


def test_every_alert_has_five_references_and_says_who_speaks():
    for transition in WHOLE:
        assert len(transition.refs) >= 5
        assert transition.alert.evidence.n_distinct_authors >= 5
        assert transition.alert.evidence.documents == ()


def test_one_author_does_not_fire():
    assert fired(told(stream(author="ann"))) == set()


def test_copies_of_one_text_do_not_fire():
    assert fired(told(stream(text="markets closed"))) == set()


def test_volume_without_bad_news_does_not_fire():
    buckets = stream(incident=0, after_hours=0)
    for minute in range(60):
        sentiments = ["negative"] + ["neutral"] * 2
        entries = [entry(100_000 + 3 * minute + i, sentiment) for i, sentiment in enumerate(sentiments)]
        buckets.append((ONSET_MS + minute * MINUTE_MS, entries))
    assert fired(told(buckets)) == set()


def test_more_of_the_same_fires_where_most_is_negative_anyway():
    buckets, n = [], 0
    for minute in range(0, 5 * 24 * 60):
        if (minute % 10 and minute < 4 * 24 * 60) or minute > 4 * 24 * 60 + 40:
            continue
        sentiments = ["negative", "negative", "neutral"]
        buckets.append((minute * MINUTE_MS, [entry(n + i, sentiment) for i, sentiment in enumerate(sentiments)]))
        n += 3
    assert fired(told(buckets)) == {("all", "negative_volume"), ("entity:Delta", "negative_volume")}


def test_a_cold_start_does_not_fire():
    buckets = stream(quiet_days=0, incident=600, after_hours=0)
    assert told(buckets, 12 * HOUR_MS) == []


def test_an_episode_that_does_not_end_becomes_the_new_level():
    buckets = stream(incident=30 * 60, after_hours=0)
    ends = [t.alert for t in told(buckets, buckets[-1][0] + HOUR_MS) if t.alert.state == "resolved"]
    assert {a.resolution for a in ends if a.kind == "negative_volume"} == {"new_level"}
    assert all((a.at - a.onset).total_seconds() >= 86_400 for a in ends if a.resolution == "new_level")


def test_an_episode_is_resolved_although_nobody_writes_any_more():
    buckets = stream(after_hours=0)
    ends = told(buckets, buckets[-1][0] + 12 * HOUR_MS)
    assert {t.alert.state for t in ends} == {"firing", "resolved"}
    assert len([t for t in ends if t.alert.state == "firing"]) == len([t for t in ends if t.alert.state == "resolved"])


def run_in_pieces(buckets, cuts_ms, reload, end_ms=END_MS):
    """Advance to each cut in turn; after each, where `reload` says so, go on from what a store would hold."""
    evaluator, kept, transitions = Evaluator(CONFIG), EvaluatorState(), []
    for i, cut_ms in enumerate([*sorted(cuts_ms), end_ms]):
        start_ms = max(evaluator.closed_until_ms, 0)
        transitions += evaluator.advance(cut_ms, [b for b in buckets if start_ms <= b[0] < cut_ms])
        if reload[i % len(reload)]:
            kept = kept.after(evaluator.take_changes())
            evaluator = Evaluator(CONFIG, kept)
    return transitions


cuts = st.lists(st.integers(ONSET_MS // 10_000 - 1000, END_MS // 10_000 - 1).map(lambda i: i * 10_000), max_size=8)


@given(cuts, st.lists(st.booleans(), min_size=1, max_size=5))
@settings(max_examples=25, deadline=None)
def test_calls_and_crashes_anywhere_change_nothing(cuts_ms, reload):
    assert run_in_pieces(BUCKETS, cuts_ms, reload) == WHOLE


@given(st.integers(0, 2**32), st.integers(1, 7))
@settings(max_examples=15, deadline=None)
def test_partitions_and_order_change_nothing_but_coordinates(seed, n_partitions):
    dealt, random = [], Random(seed)
    for start_ms, entries in BUCKETS:
        moved = [msgspec.structs.replace(e, partition=random.randrange(n_partitions)) for e in entries]
        random.shuffle(moved)
        dealt.append((start_ms, moved))
    again = told(dealt)
    assert [t.alert for t in again] == [t.alert for t in WHOLE]
    assert [[r.text_hash for r in t.refs] for t in again] == [[r.text_hash for r in t.refs] for t in WHOLE]


@given(st.lists(st.tuples(st.integers(1, 100_000), st.integers(0, 30), st.integers(0, 30)), max_size=30), cuts)
@settings(max_examples=25, deadline=None)
def test_clock_jumps_and_empty_buckets_are_no_trouble(jumps, cuts_ms):
    buckets, at_ms, n = [], 0, 0
    for gap, n_negative, n_other in jumps:
        at_ms += gap * 10_000
        sentiments = ["negative"] * n_negative + ["neutral"] * n_other
        buckets.append((at_ms, [entry(n + i, sentiment) for i, sentiment in enumerate(sentiments)]))
        n += len(sentiments)
    end_ms = at_ms + 10_000
    inside = [cut for cut in cuts_ms if cut < end_ms]
    assert run_in_pieces(buckets, inside, [True], end_ms) == told(buckets, end_ms)


def test_a_bucket_that_was_closed_is_refused_and_nothing_is_done():
    evaluator = Evaluator(CONFIG)
    evaluator.advance(60_000, [(0, [entry(0, "negative")])])
    evaluator.take_changes()
    with pytest.raises(StaleState, match="evaluated before"):
        evaluator.advance(70_000, [(60_000, [entry(1, "negative")]), (50_000, [entry(2, "negative")])])
    with pytest.raises(StaleState, match="is closed"):
        evaluator.advance(50_000, [])
    assert evaluator.take_changes().series == {}
    assert evaluator.closed_until_ms == 60_000


@pytest.mark.parametrize("start_ms", [5, 60_000, 55_000])
def test_a_bucket_that_is_open_or_none_is_refused(start_ms):
    with pytest.raises(ValueError, match="no closed bucket"):
        Evaluator(CONFIG).advance(60_000, [(start_ms, [entry(0, "negative")])])


def test_the_cap_keeps_the_first_series_and_says_so_once(caplog):
    evaluator = Evaluator(DetectionConfig(max_series=3))
    with caplog.at_level(logging.WARNING):
        evaluator.advance(10_000, [(0, [entry(0, "neutral", series=("all", "ticker:C", "ticker:A", "ticker:B"))])])
        evaluator.advance(20_000, [(10_000, [entry(1, "neutral", series=("ticker:D",))])])
    assert sorted(evaluator.take_changes().series) == ["all", "ticker:A", "ticker:B"]
    assert len(caplog.records) == 1


def test_a_series_that_was_silent_for_weeks_makes_room():
    evaluator = Evaluator(CONFIG)
    evaluator.advance(10_000, [(0, [entry(0, "neutral", series=("all", "ticker:A"))])])
    evaluator.take_changes()
    evaluator.advance(20 * DAY_MS, [(10 * DAY_MS, [entry(1, "neutral", series=("all",))])])
    assert evaluator.take_changes().series["ticker:A"] is None


def test_a_state_of_another_version_is_refused():
    with pytest.raises(StaleState, match="version 99"):
        Evaluator(CONFIG, EvaluatorState(header=msgspec.msgpack.encode(Header(version=99))))


def test_nothing_changed_is_nothing_to_write():
    evaluator = Evaluator(load())
    evaluator.advance(10_000, [(0, [entry(0, "negative")])])
    evaluator.take_changes()
    evaluator.advance(DAY_MS // 2, [])
    changes = evaluator.take_changes()
    assert (changes.series, changes.texts, changes.dropped_hours) == ({}, {}, [])
    assert Evaluator(load(), EvaluatorState(header=changes.header)).closed_until_ms == DAY_MS // 2


def test_the_state_of_a_series_is_small():
    evaluator = Evaluator(CONFIG)
    evaluator.advance(END_MS, BUCKETS)
    assert max(len(raw or b"") for raw in evaluator.take_changes().series.values()) < 4096
