"""What a rule says is done: `for`, `keep_firing_for`, `max_firing`, what it asks of the documents, and since when it holds."""

import pytest
from alerting_streams import (
    HOUR_MS,
    QUIET_MS,
    SETTINGS,
    Stream,
    incident,
    rule,
    rules,
    states,
    told,
    told_in_pieces,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from streamwatch.alerting.evaluator import Evaluator
from streamwatch.alerting.transition import EvaluatorState
from streamwatch.rules.history import RuleHistory
from streamwatch.rules.rule import KINDS
from streamwatch.rules.rule_set import RuleSet
from streamwatch.timeline import DAY_MS, MINUTE_MS, to_ms

A, B = "ticker:A", "ticker:B"


def only(transitions, state):
    """The one alert in that state."""
    (found,) = [t.alert for t in transitions if t.alert.state == state]
    return found


# -- for


def test_a_rule_with_for_is_pending_first_and_fires_under_the_same_id_and_onset():
    alerts = told(incident(A), rules(rule(for_ms=10 * MINUTE_MS)))
    assert states(alerts) == [(A, "pending", 1), (A, "firing", 2), (A, "resolved", 3)]
    assert len({(t.alert.id, t.alert.onset) for t in alerts}) == 1
    assert to_ms(alerts[1].alert.at) == to_ms(alerts[0].alert.onset) + 10 * MINUTE_MS
    assert len(alerts[0].refs) >= 5


def test_what_no_longer_crosses_before_for_is_over_is_withdrawn():
    alerts = told(incident(A, after_ms=10 * HOUR_MS), rules(rule(for_ms=12 * HOUR_MS)))
    assert states(alerts) == [(A, "pending", 1), (A, "resolved", 2)]
    assert alerts[-1].alert.resolution == "withdrawn"
    assert alerts[0].alert.id == alerts[1].alert.id


def test_a_rule_without_for_never_says_pending():
    alerts = told(incident(A))
    assert states(alerts) == [(A, "firing", 1), (A, "resolved", 2)]


def test_the_id_is_that_of_the_bucket_in_which_it_crossed_whatever_for_is():
    assert told(incident(A))[0].alert.id == told(incident(A), rules(rule(for_ms=HOUR_MS)))[0].alert.id


# -- how long


@pytest.mark.parametrize("keep_ms", [0, MINUTE_MS, 7 * MINUTE_MS, 45 * MINUTE_MS, 3 * HOUR_MS])
def test_keep_firing_for_is_event_time_from_the_first_calm_minute_on(keep_ms):
    calm = only(told(incident(A), rules(rule(keep_firing_for_ms=0))), "resolved")
    kept = only(told(incident(A), rules(rule(keep_firing_for_ms=keep_ms))), "resolved")
    assert to_ms(kept.at) - to_ms(calm.at) == keep_ms
    assert kept.resolution == "recovered"


def test_an_episode_that_is_loud_again_within_keep_firing_for_is_one():
    stream = incident(A, minutes=40)
    stream.loud(QUIET_MS + 2 * HOUR_MS, 30, A)
    assert len(told(stream, rules(rule(keep_firing_for_ms=4 * HOUR_MS)))) == 2


@pytest.mark.parametrize("max_ms", [HOUR_MS, 5 * HOUR_MS])
def test_after_max_firing_it_is_the_new_level(max_ms):
    stream = Stream().quiet(0, QUIET_MS, A).loud(QUIET_MS, 8 * 60, A)
    alerts = told(stream, rules(rule(max_firing_ms=max_ms)))
    assert states(alerts) == [(A, "firing", 1), (A, "resolved", 2)]
    assert alerts[-1].alert.resolution == "new_level"
    assert to_ms(alerts[-1].alert.at) - to_ms(alerts[-1].alert.onset) == max_ms


# -- what its alerts carry


def test_severity_labels_and_routes_are_those_of_the_rule():
    told_so = rule(severity="critical", labels={"team": "markets"}, routes=("pager", "desk"))
    for transition in told(incident(A), rules(told_so)):
        alert = transition.alert
        assert (alert.rule, alert.severity, alert.labels) == ("r", "critical", {"team": "markets"})
        assert alert.routes == ("pager", "desk")


def test_the_first_rule_that_matches_owns_the_series():
    first, second = rule("first", series=(A,)), rule("second")
    stream = Stream().quiet(0, QUIET_MS, A).quiet(0, QUIET_MS, B).loud(QUIET_MS, 20, A).loud(QUIET_MS, 20, B)
    assert {(t.alert.series, t.alert.rule) for t in told(stream, rules(first, second))} == {(A, "first"), (B, "second")}


def test_the_budget_of_a_rule_is_its_threshold():
    lax, strict = (told(incident(A), rules(rule(false_alarms_per_week=n)))[0].alert for n in (100.0, 1.0))
    assert strict.threshold == pytest.approx(100 * lax.threshold)
    assert strict.onset > lax.onset


def test_what_no_rule_owns_only_learns():
    stream = Stream().quiet(0, 5 * DAY_MS, A).loud(5 * DAY_MS, 60, A)
    assert told(stream, rules(rule(series=("topic:*",), kinds=KINDS))) == []
    assert {t.alert.kind for t in told(stream, rules(rule(kinds=("negative_volume",))))} <= {"negative_volume"}
    assert {t.alert.kind for t in told(stream, rules(rule(kinds=("negative_share",))))} == {"negative_share"}
    assert told(stream, rules(rule(except_series=("ticker:*",), kinds=KINDS))) == []


UNCLEAR = "topic:unclear"


def test_what_is_about_no_topic_fires_only_a_rule_that_names_it():
    assert told(incident(UNCLEAR), rules(rule(kinds=KINDS))) == []
    assert told(incident(UNCLEAR), rules(rule(series=("topic:*",), kinds=KINDS))) == []
    alerts = told(incident(UNCLEAR), rules(rule("wide"), rule("chatter", series=(UNCLEAR,))))
    assert states(alerts) == [(UNCLEAR, "firing", 1), (UNCLEAR, "resolved", 2)]
    assert {t.alert.rule for t in alerts} == {"chatter"}


def test_what_is_about_no_topic_leaves_its_companies_their_alerts():
    alerts = told(incident(UNCLEAR, A))
    assert states(alerts) == [(A, "firing", 1), (A, "resolved", 2)]
    assert all(member.series != UNCLEAR for t in alerts for member in t.alert.members)


# -- what it asks of the documents


def test_fewer_negatives_than_the_rule_asks_for_fire_nothing():
    assert told(incident(A, minutes=20), rules(rule(min_negatives=1000))) == []
    assert all(t.alert.k >= 30 for t in told(incident(A, minutes=40), rules(rule(min_negatives=30))))


def test_the_usual_volume_times_less_than_the_rule_asks_for_fires_nothing():
    stream = Stream().quiet(0, 6 * DAY_MS, A).loud(6 * DAY_MS, 90, A, per_minute=3)
    eager = {"kinds": ("negative_volume",), "false_alarms_per_week": 1000.0, "min_negatives": 1}
    assert told(stream, rules(rule(min_lift=1000.0, **eager))) == []
    assert all(t.alert.lift >= 2.5 for t in told(stream, rules(rule(min_lift=2.5, **eager))) if t.alert.revision == 1)


def test_fewer_texts_than_the_rule_asks_for_fire_nothing():
    fewer = told(incident(A), rules(rule(min_texts=5)))[0].alert
    more = told(incident(A), rules(rule(min_texts=24)))[0].alert
    assert fewer.evidence.n_distinct_texts < 24 <= more.evidence.n_distinct_texts
    assert more.onset > fewer.onset


def test_one_author_cannot_fire_alone_unless_the_rule_lets_him():
    stream = incident(A, author_hash="ann")
    assert told(stream) == []
    alerts = told(stream, rules(rule(max_author_share=1.0)))
    assert states(alerts)[0] == (A, "firing", 1)


def test_authors_that_nobody_knows_are_no_one_author():
    assert states(told(incident(A, author_hash="")))[0] == (A, "firing", 1)


def test_near_copies_of_one_text_cannot_fire_alone_whoever_wrote_them():
    assert told(incident(A, signature=0x1234_5678_9ABC_DEF1)) == []
    assert told(incident(A, text_hash="the same")) == []


# -- since when it holds


def changed(*changes: tuple[int, RuleSet]) -> RuleHistory:
    history = RuleHistory()
    for at_ms, rule_set in changes:
        history = history.changed(rule_set, at_ms)
    return history


LAX, STRICT = RuleSet((rule(),)), RuleSet((rule(false_alarms_per_week=1e-6, min_texts=24),))
NOBODY = RuleSet((rule("other", series=("topic:*",)),))
TWICE = incident(A).loud(QUIET_MS + 6 * HOUR_MS, 15, A)
AGAIN_MS = QUIET_MS + 5 * HOUR_MS


def test_what_was_decided_before_a_change_stays_and_what_follows_is_decided_anew():
    alerts = told(TWICE, changed((0, LAX), (AGAIN_MS, STRICT)))
    assert states(alerts) == [(A, "firing", 1), (A, "resolved", 2)]
    assert alerts == told(TWICE)[:2]
    later = told(TWICE, changed((0, STRICT), (AGAIN_MS, LAX)))
    assert [to_ms(t.alert.onset) >= AGAIN_MS for t in later] == [True, True]


def test_a_change_that_lies_behind_what_is_closed_is_no_matter():
    evaluator = Evaluator(SETTINGS, changed((0, LAX)))
    first = [one for one in TWICE.buckets if one[0] < AGAIN_MS]
    before = evaluator.advance(AGAIN_MS, first)
    evaluator.set_rules(changed((0, LAX), (AGAIN_MS, STRICT)))
    after = evaluator.advance(TWICE.end_ms, [one for one in TWICE.buckets if one[0] >= AGAIN_MS])
    assert before + after == told(TWICE, changed((0, LAX), (AGAIN_MS, STRICT)))


GONE_MS = QUIET_MS + 30 * MINUTE_MS


def test_an_episode_whose_rule_goes_away_is_resolved_in_that_minute_although_nobody_writes():
    alerts = told(incident(A), changed((0, LAX), (GONE_MS, NOBODY)))
    assert states(alerts) == [(A, "firing", 1), (A, "resolved", 2)]
    assert alerts[-1].alert.resolution == "withdrawn"
    assert GONE_MS <= to_ms(alerts[-1].alert.at) <= GONE_MS + MINUTE_MS


def test_what_is_pending_when_its_rule_goes_away_is_withdrawn():
    waiting = RuleSet((rule(for_ms=5 * HOUR_MS),))
    alerts = told(incident(A), changed((0, waiting), (GONE_MS, NOBODY)))
    assert states(alerts) == [(A, "pending", 1), (A, "resolved", 2)]
    assert alerts[-1].alert.resolution == "withdrawn"
    assert GONE_MS <= to_ms(alerts[-1].alert.at) <= GONE_MS + MINUTE_MS


def test_who_was_told_that_it_fires_is_told_that_it_is_over_although_the_rule_is_gone():
    paging = RuleSet((rule(severity="critical", labels={"team": "desk"}, routes=("pager",)),))
    for then in (NOBODY, RuleSet((rule("renamed"),))):
        last = told(incident(A), changed((0, paging), (GONE_MS, then)))[-1].alert
        assert (last.state, last.rule, last.severity) == ("resolved", "r", "critical")
        assert (last.labels, last.routes) == ({"team": "desk"}, ("pager",))


def test_an_episode_goes_on_under_its_id_where_another_rule_owns_its_series_now():
    renamed = RuleSet((rule("renamed", keep_firing_for_ms=2 * HOUR_MS),))
    alerts = told(incident(A), changed((0, LAX), (GONE_MS, renamed)))
    assert states(alerts) == [(A, "firing", 1), (A, "resolved", 2)]
    assert len({t.alert.id for t in alerts}) == 1
    assert to_ms(alerts[-1].alert.at) - to_ms(told(incident(A))[-1].alert.at) == 90 * MINUTE_MS


SETS = (
    LAX,
    STRICT,
    NOBODY,
    RuleSet((rule("waiting", for_ms=6 * MINUTE_MS, keep_firing_for_ms=5 * MINUTE_MS),)),
    RuleSet((rule("both", kinds=KINDS, keep_firing_for_ms=0),)),
    RuleSet((rule("short", max_firing_ms=10 * MINUTE_MS),)),
)
moments = st.integers(QUIET_MS // 10_000, (QUIET_MS + 9 * HOUR_MS) // 10_000).map(lambda i: i * 10_000)


@given(
    st.lists(st.tuples(moments, st.sampled_from(SETS)), max_size=5),
    st.lists(moments, max_size=6),
    st.lists(st.booleans(), min_size=1, max_size=4),
)
@settings(max_examples=100, deadline=None)
def test_changes_of_rules_with_crashes_and_calls_anywhere_give_the_same_alerts(changes, cuts_ms, reload):
    history = changed((0, LAX), *changes)
    assert told_in_pieces(TWICE.buckets, cuts_ms, reload, TWICE.end_ms, history) == told(TWICE, history)


@given(st.lists(st.tuples(moments, st.sampled_from(SETS)), max_size=5), st.booleans())
@settings(max_examples=50, deadline=None)
def test_a_change_that_is_told_when_its_bucket_comes_is_as_good_as_one_known_from_the_start(changes, reload):
    history, kept, transitions = changed((0, LAX)), EvaluatorState(), []
    evaluator = Evaluator(SETTINGS, history)
    for at_ms, rule_set in sorted(changes, key=lambda change: change[0]):
        start_ms = max(evaluator.closed_until_ms, 0)
        transitions += evaluator.advance(at_ms, [one for one in TWICE.buckets if start_ms <= one[0] < at_ms])
        kept = kept.after(evaluator.take_changes())
        history = history.changed(rule_set, at_ms)
        if reload:
            evaluator = Evaluator(SETTINGS, history, kept)
        evaluator.set_rules(history)
    start_ms = max(evaluator.closed_until_ms, 0)
    transitions += evaluator.advance(TWICE.end_ms, [one for one in TWICE.buckets if one[0] >= start_ms])
    assert transitions == told(TWICE, history)
