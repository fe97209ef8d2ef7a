"""Clock jumps, buckets out of order, zero counts, numbers that are none: each has a defined result.

Beside these: dates in the future are refused by the intake, NaN never leaves a detector (the detectors' contract), and a
bucket that was evaluated or is still open is refused with nothing done (the evaluator's tests).
"""

import json
import time
from math import inf, isfinite, nan
from random import Random

import pytest
from alerting_streams import HOUR_MS, QUIET_MS, SETTINGS, Stream, incident, rule, rules, states, told

from streamwatch.alerting.evaluator import Evaluator
from streamwatch.alerting.virtual import VirtualTime
from streamwatch.codec import encode
from streamwatch.errors import StaleState
from streamwatch.records import Classified, Given, Label, Prediction, SentimentLabel
from streamwatch.rules.rule import KINDS
from streamwatch.timeline import DAY_MS, MINUTE_MS, to_ms

A = "ticker:A"
STREAM = incident(A)
WHOLE = told(STREAM)


def test_empty_buckets_are_as_those_that_are_not_given():
    given = {at_ms: [] for at_ms in range(0, STREAM.end_ms, MINUTE_MS)} | dict(STREAM.buckets)
    assert Evaluator(SETTINGS, rules()).advance(STREAM.end_ms, sorted(given.items())) == WHOLE


def test_a_jump_of_a_hundred_years_ends_what_fires_at_its_time_and_takes_no_time():
    evaluator = Evaluator(SETTINGS, rules())
    loud = [one for one in STREAM.buckets if one[0] < QUIET_MS + HOUR_MS]
    evaluator.advance(QUIET_MS + HOUR_MS - MINUTE_MS, loud)
    began, later_ms = time.perf_counter(), 36_525 * DAY_MS
    alerts = evaluator.advance(later_ms, [])
    assert time.perf_counter() - began < 1
    assert [(t.alert.state, t.alert.resolution) for t in alerts] == [("resolved", "recovered")]
    assert to_ms(alerts[0].alert.at) < QUIET_MS + DAY_MS
    assert evaluator.series == {}  # silent for long: all make room
    stream = Stream().quiet(later_ms, later_ms + QUIET_MS, A).loud(later_ms + QUIET_MS, 20, A, text_hash="another")
    assert evaluator.advance(stream.end_ms, stream.buckets) == []  # a cold start, and one text


def test_a_clock_that_goes_back_is_refused_with_nothing_done_and_all_goes_on():
    evaluator, middle_ms = Evaluator(SETTINGS, rules()), QUIET_MS + 5 * MINUTE_MS
    alerts = evaluator.advance(middle_ms, [one for one in STREAM.buckets if one[0] < middle_ms])
    for until_ms, buckets in ((middle_ms - 10_000, []), (middle_ms + MINUTE_MS, [STREAM.buckets[0]])):
        with pytest.raises(StaleState):
            evaluator.advance(until_ms, buckets)
    assert alerts + evaluator.advance(STREAM.end_ms, [one for one in STREAM.buckets if one[0] >= middle_ms]) == WHOLE


def test_buckets_out_of_order_in_one_call_are_refused_with_nothing_done():
    evaluator = Evaluator(SETTINGS, rules())
    with pytest.raises(StaleState):
        evaluator.advance(STREAM.end_ms, STREAM.buckets[::-1])
    assert evaluator.closed_until_ms == -1
    assert evaluator.advance(STREAM.end_ms, STREAM.buckets) == WHOLE


@pytest.mark.parametrize("seed", range(5))
def test_every_number_of_an_alert_is_finite_and_json_whatever_the_traffic(seed):
    random, stream = Random(seed), Stream()
    stream.quiet(0, QUIET_MS, "all", A, "topic:x")
    at_ms = QUIET_MS
    for _ in range(80):
        at_ms += random.choice((10_000, MINUTE_MS, HOUR_MS, 30 * HOUR_MS, 20 * DAY_MS))
        for _ in range(random.choice((1, 5, 300))):
            mood = random.choice(("negative", "negative", "positive"))
            stream.say(at_ms, mood, *random.sample(("all", A, "topic:x"), random.randint(1, 3)))
    eager = rule(kinds=KINDS, false_alarms_per_week=10_000.0, min_negatives=1, min_lift=1.0, min_texts=1)
    alerts = told(stream, rules(eager))
    assert states(alerts)
    for transition in alerts:
        fields = json.loads(encode(transition.alert), parse_constant=pytest.fail)
        numbers = [value for value in fields.values() if isinstance(value, float | int)]
        assert all(isfinite(number) for number in numbers)
        assert fields["k"] <= fields["n"] or fields["n"] == 0


def classified(at_ms, offset, p, given=None):
    """A document that the model gave these probabilities."""
    sentiment = SentimentLabel(
        label="negative", p=p, probabilities=dict.fromkeys(("negative", "neutral", "positive"), p)
    )
    return Classified(
        outcome="classified", source_channel="social", source_partition=0, source_offset=offset, follows=offset - 1,
        observed_ms=at_ms, published_ms=at_ms, id=f"d{offset}", text_hash=f"t{offset}", source="social",
        given=given, prediction=Prediction(topic=Label(label="x", p=p), sentiment=sentiment, model="m"),
    )  # fmt: skip


@pytest.mark.parametrize("p", [nan, inf, -inf, 0.0])
def test_probabilities_that_are_no_numbers_count_by_their_label(p):
    def detectors(p):
        virtual = VirtualTime(SETTINGS)
        given = Given(sentiment="neutral")
        virtual.feed([classified(HOUR_MS + i * MINUTE_MS, i, p, given if i % 3 else None) for i in range(200)])
        virtual.finish()
        return virtual.evaluator.take_changes().detectors

    assert detectors(p) == detectors(0.9)
    assert {"all", "source:social"} <= detectors(p).keys()
