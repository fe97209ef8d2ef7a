"""Volume: what is usual, how far above, how rare; and what an incident must be to people."""

from math import exp, isfinite, log

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from streamwatch.detection.settings import DetectionConfig
from streamwatch.detection.volume import VolumeDetector
from streamwatch.detection.volume_scales import FLOOR_PSI, Scales, ScalesState
from streamwatch.detection.volume_score import ScoreState, VolumeScore
from streamwatch.detection.volume_tail import STEP, OwnTail, TailState
from streamwatch.detection.volume_usual import LEAST, UsualVolume
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS, WEEK_MS

STRICT = DetectionConfig()
LOOSE = DetectionConfig(false_alarms_per_week=1.0, max_series=1, n_kinds=1)
counts = st.lists(st.integers(0, 10**9), max_size=80)


def usual(days, count_of_hour):
    made = UsualVolume(HOUR_MS)
    for hour in range(24 * days):
        made.learn(hour * HOUR_MS, float(count_of_hour(hour)), psi=0.1)
    return made


def test_the_shape_of_the_day_is_known_after_two_weeks_and_not_believed_in_the_first_days():
    def cycle(hour):
        return 40 if 12 <= hour % 24 < 18 else 4

    assert usual(21, cycle).expected(21 * DAY_MS + 15 * HOUR_MS) == approx(40, rel=0.15)
    assert usual(21, cycle).expected(21 * DAY_MS + 3 * HOUR_MS) == approx(4, rel=0.3)
    young = usual(3, cycle)
    assert young.expected(3 * DAY_MS + 15 * HOUR_MS) == young.expected(3 * DAY_MS + 3 * HOUR_MS)


def test_weekends_are_known_after_some_weeks():
    def week(hour):
        return 10 if hour // 24 % 7 in (2, 3) else 30

    made = usual(7 * 8, week)
    weekend, workday = made.expected(7 * 8 * DAY_MS + 2 * DAY_MS), made.expected(7 * 8 * DAY_MS)
    assert weekend < 0.6 * workday


def test_an_incident_teaches_the_usual_little():
    made = usual(21, lambda hour: 20)
    before = made.expected(21 * DAY_MS)
    for hour in range(6):
        made.learn(21 * DAY_MS + hour * HOUR_MS, 2000.0, psi=0.1)
    assert made.expected(21 * DAY_MS + 6 * HOUR_MS) < 1.2 * before


def test_half_of_wild_buckets_do_not_make_the_dispersion_run_away():
    scales = Scales(ScalesState(), kept=0.999)
    rng = np.random.default_rng(1)
    for i in range(3000):
        scales.learn(float(rng.poisson(20)) + (400.0 if i % 5 < 2 else 0.0), 20.0, 0.0)
    assert scales.psi(0) < 3
    calm = Scales(ScalesState(), kept=0.999)
    for _ in range(3000):
        calm.learn(float(rng.poisson(20)), 20.0, 0.0)
    assert calm.psi(0) < FLOOR_PSI + 0.02


def test_the_score_is_the_smaller_one_so_that_one_wild_bucket_is_less_than_three():
    scales = Scales(ScalesState())
    for count in (10.0, 10.0):
        scales.learn(count, 10.0, 0.0)
    after_calm = scales.z(60.0, 10.0, 0.0)
    for count in (60.0, 60.0):
        scales.pass_by(count, 10.0)
    assert after_calm < scales.z(60.0, 10.0, 0.0)


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_evidence_grows_with_the_score(one, other):
    tail = OwnTail(TailState(), 8 * HOUR_MS)
    low, high = sorted((one, other))
    assert tail.evidence(low) <= tail.evidence(high)
    assert isfinite(tail.evidence(high))


def test_the_tail_counts_blocks_as_often_as_they_come():
    """Gumbel maxima: the score that one block in 21 exceeds is said to come no more than once a week, and half of it at least."""
    rng = np.random.default_rng(3)
    tail, maxima = OwnTail(TailState(), 8 * HOUR_MS), rng.gumbel(2.0, 0.4, 2000)
    for block, highest in enumerate(maxima):
        tail.learn(block * 8 * HOUR_MS, float(highest))
    weekly = float(np.quantile(maxima, 1 - 1 / 21))
    assert 0.4 <= exp(tail.evidence(weekly)) <= 1.1


def test_few_blocks_make_it_careful():
    few = OwnTail(TailState(n=5.0), 8 * HOUR_MS)
    many = OwnTail(TailState(n=90.0), 8 * HOUR_MS)
    assert few.evidence(6.0) < many.evidence(6.0)


def test_the_bar_keeps_onsets_near_what_is_allowed_whatever_comes():
    """Scores with a tail that no Gumbel distribution has: some 1,000 weeks, one a week allowed."""
    rng = np.random.default_rng(4)
    tail, n_onsets = OwnTail(TailState(), 8 * HOUR_MS), 0
    for block in range(21 * 1000):
        score = float(rng.pareto(0.7))
        if tail.evidence(score) >= 0:
            n_onsets += 1
            tail.spend()
        tail.learn(block * 8 * HOUR_MS, score)
        tail.earn(8 * HOUR_MS, weeks_allowed=1.0)
    assert n_onsets <= 1000 + tail.state.bar / STEP + 40


def test_the_bar_comes_down_in_the_time_in_which_one_is_allowed():
    tail = OwnTail(TailState(), 8 * HOUR_MS)
    tail.spend()
    tail.earn(WEEK_MS, weeks_allowed=2.0)
    assert tail.state.bar == approx(STEP / 2)
    tail.earn(2 * WEEK_MS, weeks_allowed=2.0)
    assert tail.state.bar == 0


@given(counts, st.integers(0, 10**9), st.integers(0, 10**9))
@settings(max_examples=60, deadline=None)
def test_the_open_bucket_only_gains_evidence(before, one, more):
    score = VolumeScore(HOUR_MS, 1.0)
    for hour, count in enumerate(before):
        score.close(hour * HOUR_MS, float(count))
    at_ms = len(before) * HOUR_MS
    assert score.evidence(at_ms, one) <= score.evidence(at_ms, one + more)


@given(counts, st.sampled_from([10_000, 300_000, HOUR_MS, DAY_MS]))
@settings(max_examples=60, deadline=None)
def test_states_are_small_finite_and_the_same_after_a_crash(values, width_ms):
    score = VolumeScore(width_ms, 1.0)
    for i, count in enumerate(values):
        score.close(i * width_ms, float(count))
        raw = msgspec.msgpack.encode(score.state)
        again = VolumeScore(width_ms, 1.0, msgspec.msgpack.decode(raw, type=ScoreState))
        assert again.evidence((i + 1) * width_ms, 7) == score.evidence((i + 1) * width_ms, 7)
        score = again
    assert len(msgspec.msgpack.encode(score.state)) <= 400
    assert score.expected(0) >= LEAST
    assert isfinite(score.evidence(len(values) * width_ms, 10))


def test_the_whole_state_is_below_500_bytes_after_a_year_of_millions():
    detector = VolumeDetector(STRICT)
    for day in range(365):
        for hour in range(24):
            detector.update(day * DAY_MS + hour * HOUR_MS, 10**6, 10**5 + hour)
    assert len(msgspec.msgpack.encode(detector.state)) <= 500


def feed(detector, hours, per_hour, start_ms=0, n=None):
    """Heaps every five minutes; the times of crossings."""
    crossed = []
    for i in range(hours * 12):
        at_ms = start_ms + i * 5 * MINUTE_MS
        k = per_hour * (i % 12 + 1) // 12 - per_hour * (i % 12) // 12
        detector.update(at_ms, k * 2 if n is None else n, k)
        if k and detector.crossed:
            crossed.append(at_ms)
    return crossed


def test_twice_the_usual_is_no_incident_and_eight_times_is_one():
    detector = VolumeDetector(LOOSE)
    assert not feed(detector, 24 * 14, 12)
    twice = VolumeDetector(
        LOOSE, msgspec.msgpack.decode(msgspec.msgpack.encode(detector.state), type=type(detector.state))
    )
    assert not feed(twice, 1, 24, 14 * DAY_MS)
    assert feed(detector, 1, 96, 14 * DAY_MS)


def test_four_negatives_are_never_an_incident():
    detector = VolumeDetector(LOOSE)
    for hour in range(24 * 14):
        detector.update(hour * HOUR_MS, 3, 0)
    detector.update(14 * DAY_MS, 4, 4)
    assert not detector.crossed
    detector.update(14 * DAY_MS + 10_000, 1, 1)
    assert detector.crossed


def test_where_collection_begins_is_no_incident_and_no_history():
    detector = VolumeDetector(LOOSE)
    for day in range(5):
        detector.update(day * DAY_MS, 1, 1)
    assert not feed(detector, 48, 60, 5 * DAY_MS)
    assert detector.expected == approx(60, rel=0.2)


def test_a_new_level_is_usual_when_the_episode_says_so():
    detector = VolumeDetector(LOOSE)
    feed(detector, 24 * 14, 12)
    start_ms = feed(detector, 1, 96, 14 * DAY_MS)[0]
    detector.begin()
    feed(detector, 23, 96, 14 * DAY_MS + HOUR_MS)
    assert not detector.calm(15 * DAY_MS)
    assert start_ms < 14 * DAY_MS + HOUR_MS
    detector.end(15 * DAY_MS, new_level=True)
    assert detector.expected == approx(96, rel=0.15)
    assert not feed(detector, 48, 96, 15 * DAY_MS)


def test_an_incident_that_is_over_leaves_what_is_usual_nearly_as_it_was():
    detector = VolumeDetector(LOOSE)
    feed(detector, 24 * 14, 12)
    before = detector.expected
    feed(detector, 1, 96, 14 * DAY_MS)
    detector.begin()
    feed(detector, 5, 96, 14 * DAY_MS + HOUR_MS)
    detector.end(14 * DAY_MS + 6 * HOUR_MS, new_level=False)
    assert before <= detector.expected < 1.2 * before


def test_the_threshold_is_the_weeks_allowed():
    assert VolumeDetector(STRICT).threshold == STRICT.max_series * STRICT.n_kinds
    detector = VolumeDetector(LOOSE)
    feed(detector, 24 * 14, 12)
    crossed = feed(detector, 1, 96, 14 * DAY_MS)
    assert crossed
    assert detector.log_e >= log(detector.threshold)


@pytest.mark.parametrize("width_ms", [10 * MINUTE_MS, HOUR_MS, DAY_MS])
def test_buckets_of_any_width_find_a_day_of_ten_times_the_usual(width_ms):
    config = msgspec.structs.replace(LOOSE, volume_bucket_ms=width_ms)
    detector = VolumeDetector(config)
    assert not feed(detector, 24 * 40, 12)
    assert feed(detector, 24, 120, 40 * DAY_MS)
