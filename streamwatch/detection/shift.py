"""How much more one model says than another, of one series: what a promotion does to the numbers that detectors watch.

Three numbers, each with its standard error: the log-odds of the negative share, the log rate of negatives (which holds what
changes of the share and what documents the other model puts into other topics), and the log rate of all documents of
the series. A baseline in log-odds, or a rate, moves by them as it is; its shape over the week and its overdispersion stay.

Examples:
    >>> up = Shift(0.4, 0.1, 0.3, 0.08, 0.0, 0.0)
    >>> round(up.share(0.3), 3), round(up.inverse.share(up.share(0.3)), 3), round(up.share(0.3, sds=1.645), 3)
    (0.39, 0.3, 0.43)
    >>> round(up.after(up).log_odds, 2), round(up.after(up).log_odds_se, 3)
    (0.8, 0.141)
"""

from math import exp, hypot

import msgspec

from streamwatch.detection.log_odds import logistic, logit

LARGEST = 3.0
"""Nothing is moved further: e³ is a model that says twenty times as much, and no baseline of the old one helps there."""
UNMEASURED_SD = 0.4
"""Of the log-odds and of the log rates, where nobody has measured: the bound of 1.645 of them is 15 points of a share of 30 %."""
EDGE = 1e-4


class Shift(msgspec.Struct, frozen=True, array_like=True):
    """From one version to another: log-odds of the negative share, log rate of negatives, log rate of documents."""

    log_odds: float = 0.0
    log_odds_se: float = 0.0
    log_negatives: float = 0.0
    log_negatives_se: float = 0.0
    log_volume: float = 0.0
    log_volume_se: float = 0.0

    @property
    def inverse(self) -> "Shift":
        """The way back."""
        return Shift(
            -self.log_odds,
            self.log_odds_se,
            -self.log_negatives,
            self.log_negatives_se,
            -self.log_volume,
            self.log_volume_se,
        )

    def after(self, first: "Shift") -> "Shift":
        """Both, one after the other; their errors are taken as independent."""
        return Shift(
            first.log_odds + self.log_odds,
            hypot(first.log_odds_se, self.log_odds_se),
            first.log_negatives + self.log_negatives,
            hypot(first.log_negatives_se, self.log_negatives_se),
            first.log_volume + self.log_volume,
            hypot(first.log_volume_se, self.log_volume_se),
        )

    @property
    def bounded(self) -> "Shift":
        """No number beyond `LARGEST`: what is further told is no measurement, and its exponential no number."""
        return Shift(*map(_bounded, msgspec.structs.astuple(self)))

    def share(self, p: float, sds: float = 0.0) -> float:
        """The share that is `p` for the other version; with `sds`, so many standard errors higher."""
        edged = min(1 - EDGE, max(EDGE, p))
        return logistic(logit(edged) + _bounded(self.log_odds) + sds * self.log_odds_se)

    def times(self, sds: float = 0.0) -> float:
        """How many times as many negatives come; with `sds`, so many standard errors higher."""
        return exp(_bounded(self.log_negatives) + sds * self.log_negatives_se)

    @property
    def times_documents(self) -> float:
        """How many times as many documents come."""
        return exp(_bounded(self.log_volume))


def _bounded(by: float) -> float:
    return min(LARGEST, max(-LARGEST, by))


SAME = Shift()
"""Of a version to itself."""
UNMEASURED = Shift(0.0, UNMEASURED_SD, 0.0, UNMEASURED_SD, 0.0, UNMEASURED_SD)
"""To a version that nobody measured: no move, and a wide error."""
