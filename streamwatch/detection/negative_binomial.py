"""The negative binomial: counts of an hour whose rate itself is drawn from a gamma distribution.

With mean μ and dispersion ψ the variance is μ + ψμ²: a Poisson count (ψ = 0) of an hour that may be livelier or
duller than usual for reasons that are no incident. The ratio of two means under the same gamma is a martingale at
every moment of the hour, so an hour may be tested while it runs, with the part of μ that has passed.

Reference: M. Greenwood, G. U. Yule, "An inquiry into the nature of frequency distributions representative of multiple
happenings", JRSS 83 (1920).

Examples:
    >>> round(log_likelihood_ratio(29, mean=4.5, times=6.0, psi=0.2), 2)
    10.67
    >>> log_likelihood_ratio(0, mean=4.5, times=6.0, psi=0.2) < 0
    True
"""

from math import log, sqrt


def log_likelihood_ratio(k: int, mean: float, times: float, psi: float) -> float:
    """log NB(k; times·mean, ψ) − log NB(k; mean, ψ)."""
    shape = 1.0 / psi
    return k * log(times) - (k + shape) * log((times * mean + shape) / (mean + shape))


def sd(mean: float, psi: float) -> float:
    """The standard deviation of a count.

    >>> sd(16.0, 0.0), round(sd(16.0, 0.25), 3)
    (4.0, 8.944)
    """
    return sqrt(mean + psi * mean * mean)
