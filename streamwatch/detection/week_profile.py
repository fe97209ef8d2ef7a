"""How the share of an hour of the week differs from the level, in 216 bytes.

An hour's log-odds are the level's, plus an offset of its hour of the day, plus one of its hour of the week (Monday is day
0, UTC). Both start at zero with a prior worth `1/τ²` of information, so an offset is believed only as far as there is
evidence for it: the hour of the week is shrunk towards the hour of the day, and that towards the level. Offsets are the
posterior means of a normal model of the hour's residual (one Newton step of the logistic likelihood); information is
discounted day by day, so that a market that opens an hour later in summer is learnt anew.

Offsets are kept in steps of .02 and information in steps of 9 %: what is lost by that is far below the offset's own error.

Reference: A. Gelman, J. Hill, "Data Analysis Using Regression and Multilevel/Hierarchical Models" (2007), ch. 12, partial
pooling. We update once an hour instead of fitting all hours together.

Examples:
    >>> profile = WeekProfile()
    >>> for hour in range(24 * 28):
    ...     seen = 0.4 if hour % 24 == 9 else 0.0
    ...     profile.learn(hour, residual=seen - profile.offset(hour), information=30.0)
    >>> round(profile.offset(9), 1), profile.offset(10)
    (0.4, 0.0)
    >>> profile.variance(9) < 0.02
    True
"""

from math import exp, log1p

import msgspec

HOURS_OF_DAY, HOURS_OF_WEEK = 24, 168
DAY_VARIANCE, WEEK_VARIANCE = 0.04, 0.01
"""τ² of the two priors: hours of a day differ by some ±.2 log-odds, the same hour of two weekdays by ±.1."""
STEP = 0.02
LARGEST_STEP = 127
INFORMATION_STEP = 0.09
KEPT_A_DAY = 0.5 ** (1 / 28)
"""Information weighs half after four weeks."""
LARGEST_RESIDUAL = 1.0
"""An hour teaches no more than this; the step is linear and would overshoot."""


class WeekProfile(msgspec.Struct, array_like=True):
    """Offsets (signed steps, plus 128) by hour of day and by hour of week, and information (log steps) by hour of day.

    An hour of the week is taken to have a seventh of the information of its hour of the day.
    """

    day: bytes = bytes([128]) * HOURS_OF_DAY
    week: bytes = bytes([128]) * HOURS_OF_WEEK
    known: bytes = bytes(HOURS_OF_DAY)

    def offset(self, hour: int) -> float:
        """Log-odds of the hour (hours since 1970) above the level."""
        of_day, of_week = _cells(hour)
        return ((self.day[of_day] - 128) + (self.week[of_week] - 128)) * STEP

    def variance(self, hour: int) -> float:
        """Posterior variance of `offset`."""
        information = _information(self.known[_cells(hour)[0]])
        return 1 / (1 / DAY_VARIANCE + information) + 1 / (1 / WEEK_VARIANCE + information / 7)

    def learn(self, hour: int, residual: float, information: float) -> None:
        """Add an hour whose log-odds lay `residual` above level and `offset`, with this Fisher information."""
        of_day, of_week = _cells(hour)
        known = _information(self.known[of_day]) * KEPT_A_DAY
        residual = max(-LARGEST_RESIDUAL, min(LARGEST_RESIDUAL, residual))
        before = self.offset(hour)
        self.day = _moved(self.day, of_day, residual * information / (1 / DAY_VARIANCE + known + information))
        left = residual - (self.offset(hour) - before)
        self.week = _moved(self.week, of_week, left * information / (1 / WEEK_VARIANCE + known / 7 + information))
        step = min(255, round(log1p(known + information) / INFORMATION_STEP))
        self.known = _with(self.known, of_day, step)


def _cells(hour: int) -> tuple[int, int]:
    """Hour of the day and of the week. 1970 began on a Thursday."""
    return hour % HOURS_OF_DAY, (hour + 3 * HOURS_OF_DAY) % HOURS_OF_WEEK


def _moved(cells: bytes, i: int, by: float) -> bytes:
    """The cells after a Kalman step of cell i: the residual times its gain, which the prior's weight shrinks."""
    steps = round((cells[i] - 128) + by / STEP)
    return _with(cells, i, 128 + max(-LARGEST_STEP, min(LARGEST_STEP, steps)))


def _with(cells: bytes, i: int, value: int) -> bytes:
    return cells[:i] + bytes([value]) + cells[i + 1 :]


def _information(step: int) -> float:
    return exp(step * INFORMATION_STEP) - 1.0
