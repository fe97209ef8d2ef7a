"""The contract of every detector: small state, exact round trip, silence when nothing happens, an alarm when much does."""

from math import isfinite, isnan

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamwatch.detection.settings import DetectionConfig
from streamwatch.detection.share import ShareDetector, ShareState
from streamwatch.detection.volume import VolumeDetector, VolumeState
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS

CONFIG = DetectionConfig()
DETECTORS = [ShareDetector, VolumeDetector]
STATES = {ShareDetector: ShareState, VolumeDetector: VolumeState}
every_detector = pytest.mark.parametrize("kind", DETECTORS)

bucket = st.tuples(st.integers(0, 20), st.integers(0, 40), st.integers(0, 40)).map(
    lambda b: (b[0], max(b[1], b[2]), min(b[1], b[2]))
)
"""A gap in 10 s buckets (mostly none), documents, negatives."""
streams = st.lists(st.tuples(bucket, st.sampled_from([1, 1, 1, 360, 8640])), max_size=80)


def feed(detector, stream, at_ms=0):
    for (gap, n, k), times in stream:
        at_ms += (1 + gap * times) * 10_000
        detector.update(at_ms, n, k)
    return at_ms


def steady(detector, days, n=4, k=1, start_ms=0):
    """A document heap every five minutes; whether it ever crossed."""
    crossed = False
    for at_ms in range(start_ms, start_ms + days * DAY_MS, 5 * MINUTE_MS):
        detector.update(at_ms, n, k)
        crossed = crossed or detector.crossed
    return crossed


def shock(detector, start_ms, minutes=90):
    """Ten times the documents, nearly all negative; the time of the first crossing."""
    for at_ms in range(start_ms, start_ms + minutes * MINUTE_MS, MINUTE_MS):
        detector.update(at_ms, 8, 7)
        if detector.crossed:
            return at_ms
    return None


def again(detector):
    """The detector after a crash."""
    raw = msgspec.msgpack.encode(detector.state)
    return type(detector)(CONFIG, msgspec.msgpack.decode(raw, type=STATES[type(detector)]))


@every_detector
def test_a_constant_null_never_fires(kind):
    assert not steady(kind(CONFIG), days=20)


@every_detector
def test_a_random_null_with_a_daily_cycle_does_not_fire(kind):
    rng, detector = np.random.default_rng(3), kind(CONFIG)
    for at_ms in range(0, 20 * DAY_MS, 5 * MINUTE_MS):
        n = rng.poisson(4 * (1 + 0.8 * np.sin(2 * np.pi * at_ms / DAY_MS)))
        detector.update(at_ms, int(n), int(rng.binomial(n, 0.3)))
        assert not detector.crossed


@every_detector
def test_a_large_step_fires_within_the_hour(kind):
    detector = kind(CONFIG)
    assert not steady(detector, days=5)
    fired_ms = shock(detector, 5 * DAY_MS)
    assert fired_ms is not None
    assert fired_ms - 5 * DAY_MS < HOUR_MS


@every_detector
def test_a_cold_start_does_not_fire(kind):
    detector = kind(CONFIG)
    assert shock(detector, 0, minutes=6 * 60) is None


@every_detector
def test_a_series_whose_collection_begins_does_not_fire(kind):
    detector = kind(CONFIG)
    for at_ms in (0, 30 * HOUR_MS, 60 * HOUR_MS):
        detector.update(at_ms, 1, 1)
    assert shock(detector, 90 * HOUR_MS, minutes=5 * 60) is None


@every_detector
def test_the_baseline_is_frozen_while_firing(kind):
    detector = kind(CONFIG)
    steady(detector, days=5)
    fired_ms = shock(detector, 5 * DAY_MS)
    detector.begin()
    before = msgspec.msgpack.encode(detector.state.baseline)
    for at_ms in range(fired_ms + MINUTE_MS, fired_ms + 8 * HOUR_MS, MINUTE_MS):
        detector.update(at_ms, 8, 7)
    assert msgspec.msgpack.encode(detector.state.baseline) == before
    assert not detector.calm(fired_ms + 8 * HOUR_MS)


@every_detector
def test_it_is_calm_again_when_all_is_as_before(kind):
    detector = kind(CONFIG)
    steady(detector, days=5)
    fired_ms = shock(detector, 5 * DAY_MS)
    detector.begin()
    assert not detector.calm(fired_ms)
    back_ms = 5 * DAY_MS + 2 * HOUR_MS
    for at_ms in range(back_ms, back_ms + 4 * HOUR_MS, 5 * MINUTE_MS):
        detector.update(at_ms, 4, 1)
    assert detector.calm(back_ms + 4 * HOUR_MS)


@every_detector
def test_silence_is_calm(kind):
    detector = kind(CONFIG)
    steady(detector, days=5)
    fired_ms = shock(detector, 5 * DAY_MS)
    detector.begin()
    assert detector.calm(fired_ms + 6 * HOUR_MS)


@every_detector
def test_a_new_level_is_usual_from_then_on(kind):
    detector = kind(CONFIG)
    steady(detector, days=5)
    fired_ms = shock(detector, 5 * DAY_MS)
    detector.begin()
    for at_ms in range(fired_ms + MINUTE_MS, fired_ms + DAY_MS, 5 * MINUTE_MS):
        detector.update(at_ms, 40, 35)
    detector.end(fired_ms + DAY_MS, new_level=True)
    assert not steady(detector, days=2, n=40, k=35, start_ms=7 * DAY_MS)


@every_detector
@given(streams)
@settings(max_examples=60, deadline=None)
def test_state_is_small_and_goes_to_bytes_and_back(kind, stream):
    detector = kind(CONFIG)
    feed(detector, stream)
    raw = msgspec.msgpack.encode(detector.state)
    assert len(raw) < 1024
    assert msgspec.msgpack.encode(again(detector).state) == raw


@every_detector
@given(streams, streams)
@settings(max_examples=60, deadline=None)
def test_a_crash_anywhere_changes_nothing(kind, before, after):
    one = kind(CONFIG)
    at_ms = feed(one, before)
    other = again(one)
    feed(one, after, at_ms)
    feed(other, after, at_ms)
    assert msgspec.msgpack.encode(one.state) == msgspec.msgpack.encode(other.state)
    assert one.log_e == other.log_e


@every_detector
@given(streams)
@settings(max_examples=60, deadline=None)
def test_no_number_is_ever_nan(kind, stream):
    detector = kind(CONFIG)
    at_ms = 0
    for one in stream:
        at_ms = feed(detector, [one], at_ms)
        reading = detector.reading()
        assert not isnan(detector.log_e)
        assert isfinite(reading.k_expected)
        assert 0 <= reading.p0_low <= reading.p0 <= reading.p0_high <= 1


@every_detector
def test_a_state_after_a_year_of_millions_of_documents_is_small(kind):
    detector = kind(CONFIG)
    for day in range(365):
        for minute in (0, 61, 122):
            detector.update(day * DAY_MS + minute * MINUTE_MS, 10**6, 10**5)
    assert len(msgspec.msgpack.encode(detector.state)) < 1024
