"""Which series are watched under the cap: by merged counts, as an hour closes, whatever the order and the calls."""

import logging
from random import Random

import msgspec
from alerting_streams import HOUR_MS, QUIET_MS, Stream, rule, rules, told_in_pieces
from hypothesis import given, settings
from hypothesis import strategies as st

from streamwatch.alerting.evaluator import Evaluator
from streamwatch.alerting.roster import HALF_LIFE_HOURS, NAMES_KEPT, Room, Roster
from streamwatch.alerting.transition import EvaluatorState
from streamwatch.config import Settings
from streamwatch.timeline import DAY_MS, MINUTE_MS
from streamwatch.trends.entry import Entry

CAP = 4
SMALL = Settings(max_series=CAP)


def say(evaluator, at_ms, heard, until_ms=None):
    """One neutral document for each count of `heard`."""
    entries = [
        Entry(f"{at_ms}/{name}/{i}", "neutral", (name,), "", 0, i) for name, n in heard.items() for i in range(n)
    ]
    return evaluator.advance(until_ms or at_ms + 10_000, [(at_ms, entries)])


def watched(evaluator):
    return sorted(evaluator.series)


# -- who stays


def test_while_there_is_room_a_series_is_watched_from_its_first_document_on():
    evaluator = Evaluator(SMALL)
    say(evaluator, 0, {"a": 1, "b": 9})
    assert watched(evaluator) == ["a", "b"]


def test_of_those_that_come_in_one_bucket_the_first_by_name_are_watched():
    evaluator = Evaluator(SMALL)
    say(evaluator, 0, dict.fromkeys("fedcba", 1))
    assert watched(evaluator) == list("abcd")


def test_when_the_hour_closes_those_with_most_documents_stay():
    evaluator = Evaluator(SMALL)
    say(evaluator, 0, {"a": 1, "b": 2, "c": 3, "d": 4, "e": 9, "f": 1})
    assert watched(evaluator) == list("abcd")
    say(evaluator, HOUR_MS, {"e": 1, "f": 1})
    assert watched(evaluator) == list("bcde")


def test_ties_go_by_name():
    evaluator = Evaluator(SMALL)
    say(evaluator, 0, dict.fromkeys("dcba", 2))
    say(evaluator, MINUTE_MS, {"aa": 2, "e": 2})
    say(evaluator, HOUR_MS, {"aa": 1, "e": 1, "d": 1})
    assert watched(evaluator) == ["a", "aa", "b", "c"]


def test_a_place_that_was_given_to_a_newcomer_is_kept_for_it_until_the_next_hour():
    evaluator = Evaluator(SMALL)
    say(evaluator, 0, {"a": 1, "b": 2, "c": 3, "d": 4, "e": 9})
    say(evaluator, HOUR_MS, {"never before": 50})
    assert watched(evaluator) == list("bcd")
    say(evaluator, HOUR_MS + MINUTE_MS, {"e": 1})
    assert watched(evaluator) == list("bcde")
    say(evaluator, 2 * HOUR_MS, {"never before": 1})
    assert watched(evaluator) == ["c", "d", "e", "never before"]


def test_a_series_that_made_room_by_silence_needs_a_place_again():
    evaluator = Evaluator(SMALL)
    say(evaluator, 0, dict.fromkeys("abcd", 5))
    for day in range(1, 17):
        say(evaluator, day * DAY_MS, dict.fromkeys("bcd", 1))
    say(evaluator, 17 * DAY_MS, {"e": 1})
    say(evaluator, 17 * DAY_MS + MINUTE_MS, {"a": 1})
    assert watched(evaluator) == list("bcde")


def test_a_weight_is_half_as_heavy_after_its_half_life_also_when_nobody_wrote_in_between():
    for gap in (1, int(HALF_LIFE_HOURS), 300):
        roster, room = Roster(), Room({"": 9}, lambda name: ("",))
        roster.hear("a", 1000, 0)
        roster.close_hour(room, {"a"}, set())
        roster.hear("a", 0, gap * HOUR_MS)
        roster.close_hour(room, {"a"}, set())
        assert abs(roster.weights["a"] - 1000 * 0.5 ** (gap / HALF_LIFE_HOURS)) < 1e-6


def test_who_has_a_history_is_not_pushed_out_by_less_than_it():
    evaluator = Evaluator(SMALL)
    for hour in range(48):
        say(evaluator, hour * HOUR_MS, dict.fromkeys("abcd", 5))
    say(evaluator, 48 * HOUR_MS, {"z": 100})
    say(evaluator, 49 * HOUR_MS, {"z": 1})
    assert watched(evaluator) == list("abcd")


def test_a_series_in_an_episode_stays_however_loud_the_others_are():
    a = "ticker:A"
    stream = Stream().quiet(0, QUIET_MS, a).loud(QUIET_MS, 20, a)
    evaluator = Evaluator(SMALL, rules(rule(max_series=CAP, keep_firing_for_ms=6 * HOUR_MS)))
    evaluator.advance(QUIET_MS + HOUR_MS - MINUTE_MS, stream.buckets)
    assert a in evaluator.firing
    for hour in (1, 2, 3):
        say(evaluator, QUIET_MS + hour * HOUR_MS, {f"loud{hour}{i}": 500 for i in range(8)})
        assert a in watched(evaluator)
        assert len(watched(evaluator)) <= CAP
    over = evaluator.advance(QUIET_MS + 12 * HOUR_MS, [])
    assert [t.alert.state for t in over] == ["resolved"]


def test_a_rule_that_has_room_for_fewer_series_watches_no_more():
    few, rest = rule("few", series=("ticker:*",), max_series=2), rule("rest", max_series=10)
    evaluator = Evaluator(Settings(max_series=10), rules(few, rest))
    say(evaluator, 0, {"ticker:A": 1, "ticker:B": 2, "ticker:C": 9, "topic:a": 1, "topic:b": 1})
    assert watched(evaluator) == ["ticker:A", "ticker:B", "topic:a", "topic:b"]
    say(evaluator, HOUR_MS, {"ticker:C": 1})
    assert watched(evaluator) == ["ticker:B", "ticker:C", "topic:a", "topic:b"]


def test_a_cap_that_was_lowered_is_kept_from_the_next_hour_on():
    evaluator = Evaluator(SMALL)
    say(evaluator, 0, {"a": 1, "b": 2, "c": 3, "d": 4})
    smaller = Evaluator(Settings(max_series=2), state=EvaluatorState().after(evaluator.take_changes()))
    say(smaller, MINUTE_MS, {"e": 1})
    assert watched(smaller) == list("abcd")
    say(smaller, HOUR_MS, {"f": 1})
    assert watched(smaller) == ["c", "d"]


# -- said once, bounded


def test_that_it_is_full_is_said_once_also_after_a_reload(caplog):
    evaluator = Evaluator(SMALL)
    with caplog.at_level(logging.WARNING):
        say(evaluator, 0, dict.fromkeys("abcdefgh", 1))
        evaluator = Evaluator(SMALL, state=EvaluatorState().after(evaluator.take_changes()))
        say(evaluator, MINUTE_MS, {"i": 1})
    assert len(caplog.records) == 1
    assert "max_series=4" in caplog.records[0].message


def test_how_many_had_no_place_is_counted():
    roster, room = Roster(), Room({"": 2}, lambda name: ("",))
    for name in "abcde":
        roster.hear(name, 1, 0)
    roster.close_hour(room, set(), set())
    assert roster.n_turned_away == 3


def test_a_flood_of_invented_names_takes_little_memory_and_no_place():
    evaluator = Evaluator(Settings(max_series=50))
    busy = {f"busy{i}": 20 for i in range(50)}
    say(evaluator, 0, busy)
    for step in range(1, 101):
        invented = [Entry(f"{step}/{i}", "negative", (f"name{step}/{i}",), "", 0, i) for i in range(1000)]
        evaluator.advance(step * 20_000 + 10_000, [(step * 20_000, invented)])
        changes = evaluator.take_changes()
        assert len(changes.header) < 40 * (NAMES_KEPT + 1000)
        assert len(changes.detectors) <= 50
    say(evaluator, HOUR_MS, busy)
    assert watched(evaluator) == sorted(busy)
    assert len(evaluator.take_changes().header) < 8192


# -- any stream

names = st.sampled_from([f"s{i}" for i in range(9)])
hours = st.lists(st.dictionaries(names, st.integers(1, 6), max_size=7), min_size=1, max_size=8)
gaps = st.lists(st.integers(1, 400), min_size=8, max_size=8)


def loads(heard, gaps_):
    """Buckets with these counts, each so many tenths of an hour after the one before."""
    at_ms, buckets = 0, []
    for counts, gap in zip(heard, gaps_, strict=False):
        at_ms += gap * HOUR_MS // 10
        entries = [Entry(f"{at_ms}/{n}/{i}", "neutral", (n,), "", 0, i) for n, k in counts.items() for i in range(k)]
        buckets.append((at_ms, entries))
    return buckets, at_ms + 10_000


@given(hours, gaps, st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_the_order_within_a_bucket_does_not_matter_and_the_cap_is_never_exceeded(heard, gaps_, seed):
    buckets, _ = loads(heard, gaps_)
    shuffled, random = [], Random(seed)
    for at_ms, entries in buckets:
        shuffled.append((at_ms, random.sample(entries, len(entries))))
    one, other = Evaluator(SMALL), Evaluator(SMALL)
    for (at_ms, entries), (_, again) in zip(buckets, shuffled, strict=True):
        one.advance(at_ms + 10_000, [(at_ms, entries)])
        other.advance(at_ms + 10_000, [(at_ms, again)])
        assert watched(one) == watched(other)
        assert len(watched(one)) <= CAP


@given(hours, gaps, st.sets(st.integers(1, 400 * 8 * 6), max_size=8), st.lists(st.booleans(), min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
def test_who_is_watched_depends_neither_on_calls_nor_on_reloads(heard, gaps_, cuts, reload):
    buckets, end_ms = loads(heard, gaps_)
    whole = Evaluator(SMALL)
    whole.advance(end_ms, buckets)
    evaluator, kept = Evaluator(SMALL), EvaluatorState()
    cuts_ms = [*sorted(cut * MINUTE_MS for cut in cuts if cut * MINUTE_MS < end_ms), end_ms]
    for i, cut_ms in enumerate(cuts_ms):
        start_ms = max(evaluator.closed_until_ms, 0)
        evaluator.advance(cut_ms, [one for one in buckets if start_ms <= one[0] < cut_ms])
        kept = kept.after(evaluator.take_changes())
        if reload[i % len(reload)]:
            evaluator = Evaluator(SMALL, state=kept)
    assert watched(evaluator) == watched(whole) == sorted(kept.detectors)
    one, other = (msgspec.msgpack.decode(e.take_changes().header)[3] for e in (evaluator, whole))
    assert one == other


FIRING = Stream().quiet(0, QUIET_MS, "ticker:A").quiet(0, QUIET_MS, "ticker:B").loud(QUIET_MS, 15, "ticker:A")
FIRING.loud(QUIET_MS + 30 * MINUTE_MS, 15, "ticker:B")
for i in range(40):
    for _ in range(1 + i % 3):
        FIRING.say(QUIET_MS + i * 7 * MINUTE_MS, "neutral", f"topic:{i % 7}")
cuts_while_firing = st.lists(
    st.integers(QUIET_MS // 10_000, (QUIET_MS + 9 * HOUR_MS) // 10_000).map(lambda i: i * 10_000), max_size=6
)


@given(cuts_while_firing, st.lists(st.booleans(), min_size=1, max_size=4), st.sampled_from((0, 20, 90, 200)))
@settings(max_examples=40, deadline=None)
def test_who_stays_for_an_episodes_sake_depends_on_neither_too(cuts_ms, reload, keep_minutes):
    history = rules(rule(max_series=3, keep_firing_for_ms=keep_minutes * MINUTE_MS))
    settings_ = Settings(max_series=3)
    whole = Evaluator(settings_, history).advance(FIRING.end_ms, FIRING.buckets)
    assert told_in_pieces(FIRING.buckets, cuts_ms, reload, FIRING.end_ms, history, settings_) == whole
    assert len(whole) >= 2
