"""What is usual: learnt from what happens, and little from incidents."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx

from streamwatch.detection.share_baseline import CEILING_RHO, FLOOR_RHO, HALF_LIFE_MS, ShareBaseline
from streamwatch.timeline import HOUR_MS


def learnt(buckets):
    baseline = ShareBaseline()
    for hour, (n, k) in enumerate(buckets):
        baseline.hold(n, k, hour * HOUR_MS, HOUR_MS)
        baseline.settle((hour + 1) * HOUR_MS)
    return baseline


@given(st.lists(st.integers(1, 50).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), max_size=60))
def test_the_bounds_hold_the_share_between_them_whatever_comes(buckets):
    baseline = learnt(buckets)
    at_ms = len(buckets) * HOUR_MS
    assert 0 < baseline.lower(at_ms) < baseline.p(at_ms) < baseline.upper(at_ms) < 1
    assert FLOOR_RHO <= baseline.rho <= CEILING_RHO


def test_nothing_held_is_learnt_before_it_is_settled():
    baseline = learnt([(10, 2)] * 50)
    before = baseline.level
    baseline.hold(10, 10, 50 * HOUR_MS, HOUR_MS)
    assert baseline.level == before
    baseline.discard()
    baseline.settle(51 * HOUR_MS)
    assert baseline.level == approx(before, abs=1e-4)


def test_old_documents_weigh_less_by_half_in_a_half_life():
    baseline = learnt([(100, 30)])
    baseline.settle(HOUR_MS + HALF_LIFE_MS)
    assert baseline.n == approx(50)


def test_overdispersion_is_found_and_coins_are_not_believed():
    rng = np.random.default_rng(1)
    shares = rng.beta(0.3 * 9, 0.7 * 9, 600)
    wandering = learnt([(40, int(rng.binomial(40, p))) for p in shares])
    coins = learnt([(40, int(rng.binomial(40, 0.3))) for _ in range(600)])
    assert 0.05 < wandering.rho < 0.12
    assert coins.rho == FLOOR_RHO


def test_one_incident_moves_the_usual_share_little():
    calm = learnt([(20, 4)] * 100)
    shaken = learnt([(20, 4)] * 100 + [(20, 20)] * 3)
    assert shaken.level - calm.level < 0.02
