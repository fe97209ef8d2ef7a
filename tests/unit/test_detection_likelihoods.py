"""The closed forms against scipy's distributions."""

from math import isfinite

from hypothesis import given
from hypothesis import strategies as st
from pytest import approx
from scipy.stats import betabinom

from streamwatch.detection import beta_binomial

shares = st.floats(0.01, 0.99)


@given(st.integers(0, 300), st.data(), shares, shares, st.floats(0.005, 0.5))
def test_beta_binomial_ratio_is_that_of_the_distributions(n, data, p0, p1, rho):
    k = data.draw(st.integers(0, n))
    size = 1 / rho - 1
    exact = betabinom.logpmf(k, n, p1 * size, (1 - p1) * size) - betabinom.logpmf(k, n, p0 * size, (1 - p0) * size)
    assert beta_binomial.log_likelihood_ratio(n, k, p0, p1, rho) == approx(exact, abs=1e-6)


def test_the_standard_deviation_is_that_of_the_distribution():
    assert beta_binomial.sd(40, 0.3, 0.1) == approx(betabinom.std(40, 0.3 * 9, 0.7 * 9))


@given(st.integers(0, 10**7), st.floats(0.0001, 0.9999), st.floats(0.0001, 0.9999))
def test_ratios_stay_finite_at_any_volume(n, p0, p1):
    for k in (0, n // 2, n):
        assert isfinite(beta_binomial.log_likelihood_ratio(n, k, p0, p1, 0.01))
