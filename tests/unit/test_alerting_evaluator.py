"""The evaluator is a function of the closed buckets: not of calls, crashes, partitions, order or gaps."""

import logging
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamwatch.alerting.evaluator import VERSION, Evaluator, Header
from streamwatch.alerting.transition import EvaluatorState
from streamwatch.config import Settings
from streamwatch.errors import FatalError, StaleState
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS, to_ms
from streamwatch.trends.entry import Entry

SETTINGS = Settings()
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


def told(buckets, end_ms=END_MS, settings=SETTINGS):
    return Evaluator(settings).advance(end_ms, buckets)


WHOLE = told(BUCKETS)


def fired(transitions):
    """Series and kinds of all alerts and their members."""
    alerts = [t.alert for t in transitions if t.alert.state == "firing"]
    return {(one.series, one.kind) for alert in alerts for one in (alert, *alert.members)}


def test_an_incident_of_three_series_and_two_tests_is_one_alert_that_ends_once():
    alerts = [t.alert for t in WHOLE]
    assert len({alert.id for alert in alerts}) == 1
    assert [alert.revision for alert in alerts] == list(range(1, len(alerts) + 1))
    assert [alert.state for alert in alerts] == ["firing"] * (len(alerts) - 1) + ["resolved"]
    first, last = alerts[0], alerts[-1]
    assert (first.series, last.resolution) == ("entity:Delta", "recovered")
    assert ONSET_MS <= to_ms(first.onset) < ONSET_MS + HOUR_MS
    assert all(alert.score >= alert.threshold for alert in alerts)
    assert {member.series for member in last.members} <= {"all", "entity:Delta"}
    assert "all" in {member.series for member in last.members}


def test_a_source_that_is_the_whole_stream_says_nothing_twice():
    assert "source:social" not in {m.series for t in WHOLE for m in t.alert.members} | {t.alert.series for t in WHOLE}


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


def test_more_of_the_same_is_no_matter_of_the_share_where_most_is_negative_anyway():
    buckets, n = [], 0
    for minute in range(0, 5 * 24 * 60):
        if (minute % 10 and minute < 4 * 24 * 60) or minute > 4 * 24 * 60 + 40:
            continue
        sentiments = ["negative", "negative", "neutral"]
        buckets.append((minute * MINUTE_MS, [entry(n + i, sentiment) for i, sentiment in enumerate(sentiments)]))
        n += 3
    assert {kind for _, kind in fired(told(buckets))} <= {"negative_volume"}


def test_a_cold_start_does_not_fire():
    buckets = stream(quiet_days=0, incident=600, after_hours=0)
    assert told(buckets, 12 * HOUR_MS) == []


def test_an_episode_that_does_not_end_becomes_the_new_level():
    buckets = stream(incident=30 * 60, after_hours=0)
    ends = [t.alert for t in told(buckets, buckets[-1][0] + HOUR_MS) if t.alert.state == "resolved"]
    assert ends[0].resolution == "new_level"
    assert (ends[0].at - ends[0].onset).total_seconds() >= 86_400


def test_an_episode_is_resolved_although_nobody_writes_any_more():
    buckets = stream(after_hours=0)
    ends = told(buckets, buckets[-1][0] + 12 * HOUR_MS)
    assert [t.alert.state for t in ends].count("resolved") == len({t.alert.id for t in ends}) == 1


def run_in_pieces(buckets, cuts_ms, reload, end_ms=END_MS):
    """Advance to each cut in turn; after each, where `reload` says so, go on from what a store would hold."""
    evaluator, kept, transitions = Evaluator(SETTINGS), EvaluatorState(), []
    for i, cut_ms in enumerate([*sorted(cuts_ms), end_ms]):
        start_ms = max(evaluator.closed_until_ms, 0)
        transitions += evaluator.advance(cut_ms, [b for b in buckets if start_ms <= b[0] < cut_ms])
        if reload[i % len(reload)]:
            kept = kept.after(evaluator.take_changes())
            evaluator = Evaluator(SETTINGS, state=kept)
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
    evaluator = Evaluator(SETTINGS)
    evaluator.advance(60_000, [(0, [entry(0, "negative")])])
    evaluator.take_changes()
    with pytest.raises(StaleState, match="evaluated before"):
        evaluator.advance(70_000, [(60_000, [entry(1, "negative")]), (50_000, [entry(2, "negative")])])
    with pytest.raises(StaleState, match="is closed"):
        evaluator.advance(50_000, [])
    assert evaluator.take_changes().detectors == {}
    assert evaluator.closed_until_ms == 60_000


@pytest.mark.parametrize("start_ms", [5, 60_000, 55_000])
def test_a_bucket_that_is_open_or_none_is_refused(start_ms):
    with pytest.raises(ValueError, match="no closed bucket"):
        Evaluator(SETTINGS).advance(60_000, [(start_ms, [entry(0, "negative")])])


def test_the_cap_keeps_the_first_series_and_says_so_once(caplog):
    evaluator = Evaluator(Settings(max_series=3))
    with caplog.at_level(logging.WARNING):
        evaluator.advance(10_000, [(0, [entry(0, "neutral", series=("all", "ticker:C", "ticker:A", "ticker:B"))])])
        evaluator.advance(20_000, [(10_000, [entry(1, "neutral", series=("ticker:D",))])])
    assert sorted(evaluator.take_changes().detectors) == ["all", "ticker:A", "ticker:B"]
    assert len(caplog.records) == 1


def test_a_series_that_was_silent_for_weeks_makes_room():
    evaluator = Evaluator(SETTINGS)
    evaluator.advance(10_000, [(0, [entry(0, "neutral", series=("all", "ticker:A"))])])
    evaluator.take_changes()
    evaluator.advance(20 * DAY_MS, [(10 * DAY_MS, [entry(1, "neutral", series=("all",))])])
    assert evaluator.take_changes().detectors["ticker:A"] is None


def test_a_state_of_another_version_is_refused():
    with pytest.raises(FatalError, match="version 99"):
        Evaluator(SETTINGS, state=EvaluatorState(header=msgspec.msgpack.encode(Header(version=99))))
    assert VERSION == 3


def as_version_2(state):
    """The same state as a release wrote it that knew of no model versions."""
    header = msgspec.msgpack.decode(state.header)
    header[0], header[4] = 2, [incident[:-1] for incident in header[4]]
    detectors = {}
    for name, raw in state.detectors.items():
        share, volume, *rest = msgspec.msgpack.decode(raw)
        detectors[name] = msgspec.msgpack.encode([share[:-2], volume[:-1], *rest[:-1]])
    return msgspec.structs.replace(state, header=msgspec.msgpack.encode(header[:-2]), detectors=detectors)


def test_a_state_from_before_there_were_model_versions_goes_on_in_its_incident():
    cut_ms = ONSET_MS + 35 * MINUTE_MS
    first = Evaluator(SETTINGS)
    told_first = first.advance(cut_ms, [one for one in BUCKETS if one[0] < cut_ms])
    assert first.firing
    again = Evaluator(SETTINGS, state=as_version_2(EvaluatorState().after(first.take_changes())))
    told_then = again.advance(END_MS, [one for one in BUCKETS if one[0] >= cut_ms])
    assert told_first + told_then == WHOLE
    assert msgspec.msgpack.decode(again.take_changes().header)[0] == VERSION


def test_nothing_changed_is_nothing_to_write():
    evaluator = Evaluator(SETTINGS)
    evaluator.advance(10_000, [(0, [entry(0, "negative")])])
    evaluator.take_changes()
    evaluator.advance(DAY_MS // 2, [])
    changes = evaluator.take_changes()
    assert (changes.detectors, changes.evidence, changes.texts, changes.dropped_hours) == ({}, {}, {}, [])
    assert Evaluator(SETTINGS, state=EvaluatorState(header=changes.header)).closed_until_ms == DAY_MS // 2


def test_each_state_of_a_series_is_written_with_the_other():
    evaluator = Evaluator(SETTINGS)
    evaluator.advance(END_MS, BUCKETS)
    changes = evaluator.take_changes()
    assert changes.detectors.keys() == changes.evidence.keys() == set(SERIES)


# -- who is a peer of whom

PEERS = [f"entity:P{i}" for i in range(5)]


def newcomer():
    """Five series with a history, and one that is loud from its first document on."""
    buckets = {}
    for minute in range(0, 20 * 60, 5):
        for i, name in enumerate(PEERS):
            n = 10_000 * i + minute
            mood = "negative" if minute % (15 + 5 * i) == 0 else "neutral"
            buckets.setdefault(minute * MINUTE_MS, []).append(entry(n, mood, series=("all", name)))
    for minute in range(18 * 60, 19 * 60):
        entries = buckets.setdefault(minute * MINUTE_MS, [])
        entries += [entry(90_000 + 3 * minute + i, "negative", series=("all", "entity:New")) for i in range(3)]
    return sorted(buckets.items())


NEWCOMER = newcomer()
moments = st.integers(17 * 360, 21 * 360).map(lambda i: i * 10_000)


@given(st.lists(moments, max_size=8), st.lists(st.booleans(), min_size=1, max_size=5))
@settings(max_examples=25, deadline=None)
def test_a_series_without_history_is_judged_the_same_with_crashes_and_calls_anywhere(cuts_ms, reload):
    alerts = run_in_pieces(NEWCOMER, cuts_ms, reload, 24 * HOUR_MS)
    assert alerts == told(NEWCOMER, 24 * HOUR_MS)
    assert "entity:New" in {series for series, _ in fired(alerts)}


# -- how much is kept


def hostile(n_buckets, seed=0):
    """Everything that makes states large: huge numbers, long hashes, wild gaps, one mood and another in turn."""
    random, at_ms, n = Random(seed), 1_700_000_000_000, 0
    for i in range(n_buckets):
        at_ms += random.choice(
            (10_000, 10_000, MINUTE_MS, HOUR_MS, 40 * HOUR_MS) if i % 50 == 0 else (10_000, MINUTE_MS)
        )
        moods = random.choices(("negative", "neutral"), (1 + i // 97 % 7, 3), k=random.choice((1, 3, 40)))
        yield at_ms, [
            Entry(f"{n + j:032x}", mood, ("all", "entity:" + "x" * 120), f"{(n + j) % 991:032x}", 2**31 - 1, 2**62 + n + j,
                  random.getrandbits(32))
            for j, mood in enumerate(moods)
        ]  # fmt: skip
        n += len(moods)


def test_the_state_of_a_series_is_small_whatever_the_traffic():
    evaluator = Evaluator(SETTINGS)
    buckets = list(hostile(6000))
    for start in range(0, len(buckets), 500):
        some = buckets[start : start + 500]
        evaluator.advance(some[-1][0] + 10_000, some)
        changes = evaluator.take_changes()
        assert max(len(raw) for raw in changes.detectors.values()) <= 1024
        assert max(len(raw) for raw in changes.evidence.values()) <= 4096
        assert len(changes.header) <= 4096
