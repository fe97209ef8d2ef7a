"""Probabilities and their log-odds.

Examples:
    >>> round(logistic(logit(0.3)), 6), logistic(-800.0)
    (0.3, 0.0)
    >>> round(times_odds(0.2, 4.0), 6)
    0.5
"""

from math import exp, log


def logit(p: float) -> float:
    """log-odds."""
    return log(p / (1 - p))


def logistic(x: float) -> float:
    """The probability with log-odds x."""
    return 1 / (1 + exp(-x)) if x > -700 else 0.0


def times_odds(p: float, factor: float) -> float:
    """The probability whose odds are `factor` times those of p."""
    return factor * p / (1 - p + factor * p)
