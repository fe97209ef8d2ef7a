"""What the share of a series without history may be: what those of the others are.

A series that is new is tested against the level of its peers, as far above their mean as hardly any of them lies: topics and
companies differ, and that a company's customers complain more than those of others is no news on its first day. Levels are
compared as log-odds, a normal distribution of them with a prior on its width.

Reference: B. Efron, C. Morris, "Data analysis using Stein's estimator and its generalizations", JASA 70 (1975): a series
without data is a draw from the distribution of the others.

Examples:
    >>> Peers.of([0.3, 0.35]).null is None        # two others say nothing
    True
    >>> round(Peers.of([0.3, 0.35, 0.4, 0.45, 0.5, 0.6]).null, 2)
    0.78
"""

from math import sqrt
from statistics import fmean

import msgspec

from streamwatch.detection.log_odds import logistic, logit

LEAST_PEERS = 3
PRIOR_SD, PRIOR_WEIGHT = 0.8, 5.0
"""Levels of companies and topics differ by about this much; it weighs as much as five series."""
ABOVE_SD = 2.5
"""One series of 160 lies higher by its nature, and is told of once."""
RHO = 0.05
"""Overdispersion of a series that nothing is known of: more than most have."""


class Peers(msgspec.Struct, array_like=True, frozen=True):
    """Mean and standard deviation of the levels' log-odds, and of how many series."""

    mean: float = 0.0
    sd: float = PRIOR_SD
    n: int = 0

    @classmethod
    def of(cls, levels: list[float]) -> "Peers":
        """From the levels (shares) of series with history."""
        if not levels:
            return cls()
        odds = [logit(level) for level in levels]
        mean = fmean(odds)
        squares = sum((one - mean) ** 2 for one in odds)
        return cls(mean, sqrt((PRIOR_WEIGHT * PRIOR_SD**2 + squares) / (PRIOR_WEIGHT + len(odds))), len(odds))

    @property
    def null(self) -> float | None:
        """The share up to which nothing is unusual for a new series; None while there are too few others."""
        return logistic(self.mean + ABOVE_SD * self.sd) if self.n >= LEAST_PEERS else None
