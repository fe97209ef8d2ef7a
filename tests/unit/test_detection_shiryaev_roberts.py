"""The recursion against the sum that it stands for."""

from math import exp, inf, log

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx

from streamwatch.detection.shiryaev_roberts import ShiryaevRoberts

ratios = st.lists(st.floats(-5, 5), min_size=1, max_size=30)

WEIGHTS = (1.0,)


@given(ratios)
def test_it_sums_the_evidence_for_a_change_at_each_bucket(log_ratios):
    detector = ShiryaevRoberts.fresh(1)
    for ratio in log_ratios:
        detector.close((ratio,))
    by_hand = sum(exp(sum(log_ratios[start:])) for start in range(len(log_ratios)))
    assert detector.log_mean(WEIGHTS) == approx(log(by_hand), abs=1e-9)


@given(ratios, st.integers(0, 40))
def test_a_gap_is_as_many_buckets_without_evidence(log_ratios, n_empty):
    at_once, one_by_one = ShiryaevRoberts.fresh(2), ShiryaevRoberts.fresh(2)
    for ratio in log_ratios:
        at_once.close((ratio, -ratio))
        one_by_one.close((ratio, -ratio))
    at_once.skip(n_empty)
    for _ in range(n_empty):
        one_by_one.close((0.0, 0.0))
    assert at_once.log_m == approx(one_by_one.log_m)


@given(ratios)
def test_preview_is_what_closing_would_give_and_changes_nothing(log_ratios):
    detector = ShiryaevRoberts.fresh(1)
    for ratio in log_ratios:
        before = list(detector.log_m)
        seen = detector.preview((ratio,), WEIGHTS)
        assert detector.log_m == before
        detector.close((ratio,))
        assert detector.log_mean(WEIGHTS) == approx(seen)


def test_it_does_not_overflow():
    detector = ShiryaevRoberts.fresh(3)
    for _ in range(100):
        detector.close((1e5, 1e4, -1e5))
    assert 1e6 < detector.log_mean((0.2, 0.3, 0.5)) < inf


def test_no_evidence_goes_to_bytes_and_back():
    fresh = ShiryaevRoberts.fresh(3)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(fresh), type=ShiryaevRoberts) == fresh
