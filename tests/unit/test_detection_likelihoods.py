"""The closed forms against scipy's distributions."""

from math import isfinite

from hypothesis import given
from hypothesis import strategies as st
from pytest import approx
from scipy.stats import betabinom, nbinom

from streamwatch.detection import beta_binomial, negative_binomial

shares = st.floats(0.01, 0.99)


@given(st.integers(0, 300), st.data(), shares, shares, st.floats(0.005, 0.5))
def test_beta_binomial_ratio_is_that_of_the_distributions(n, data, p0, p1, rho):
    k = data.draw(st.integers(0, n))
    size = 1 / rho - 1
    exact = betabinom.logpmf(k, n, p1 * size, (1 - p1) * size) - betabinom.logpmf(k, n, p0 * size, (1 - p0) * size)
    assert beta_binomial.log_likelihood_ratio(n, k, p0, p1, rho) == approx(exact, abs=1e-6)


@given(st.integers(0, 300), st.floats(0.01, 500), st.floats(1.1, 20), st.floats(0.02, 2))
def test_negative_binomial_ratio_is_that_of_the_distributions(k, mean, times, psi):
    def log_pmf(mu):
        return nbinom.logpmf(k, 1 / psi, 1 / (1 + psi * mu))

    exact = log_pmf(times * mean) - log_pmf(mean)
    assert negative_binomial.log_likelihood_ratio(k, mean, times, psi) == approx(exact, abs=1e-6, rel=1e-6)


def test_standard_deviations_are_those_of_the_distributions():
    assert beta_binomial.sd(40, 0.3, 0.1) == approx(betabinom.std(40, 0.3 * 9, 0.7 * 9))
    assert negative_binomial.sd(12, 0.25) == approx(nbinom.std(4, 1 / (1 + 0.25 * 12)))


@given(st.integers(0, 10**7), st.floats(0.0001, 0.9999), st.floats(0.0001, 0.9999))
def test_ratios_stay_finite_at_any_volume(n, p0, p1):
    for k in (0, n // 2, n):
        assert isfinite(beta_binomial.log_likelihood_ratio(n, k, p0, p1, 0.01))
        assert isfinite(negative_binomial.log_likelihood_ratio(k, max(p0, 0.05), 12.0, 0.05))
