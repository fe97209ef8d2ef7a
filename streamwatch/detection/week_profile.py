"""How the share of an hour of the week differs from the level, in 384 bytes.

An hour's log-odds are the level's, plus an offset of its hour of the day, plus one of its hour of the week (Monday is day
0, UTC). Both start at zero with a prior worth `1/τ²` of information, so an offset is believed only as far as there is
evidence for it: the hour of the week is shrunk towards the hour of the day, and that towards the level. Offsets are the
posterior means of a normal model of the hour's residual (one Newton step of the logistic likelihood); information is
discounted week by week, so that a market that opens an hour later in summer is learnt anew.

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
KEPT_A_WEEK = 0.5**0.25
"""Information weighs half after four weeks."""
KEPT_A_DAY = KEPT_A_WEEK ** (1 / 7)
LARGEST_RESIDUAL = 1.0
"""An hour teaches no more than this; the step is linear and would overshoot."""


class WeekProfile(msgspec.Struct, array_like=True):
    """Offsets (signed steps, plus 128) and information (log steps) by hour of day and by hour of week."""

    day: bytes = bytes([128]) * HOURS_OF_DAY + bytes(HOURS_OF_DAY)
    week: bytes = bytes([128]) * HOURS_OF_WEEK + bytes(HOURS_OF_WEEK)

    def offset(self, hour: int) -> float:
        """Log-odds of the hour (hours since 1970) above the level."""
        of_day, of_week = _cells(hour)
        return ((self.day[of_day] - 128) + (self.week[of_week] - 128)) * STEP

    def variance(self, hour: int) -> float:
        """Posterior variance of `offset`."""
        of_day, of_week = _cells(hour)
        day, week = self.day[HOURS_OF_DAY + of_day], self.week[HOURS_OF_WEEK + of_week]
        return 1 / (1 / DAY_VARIANCE + _information(day)) + 1 / (1 / WEEK_VARIANCE + _information(week))

    def learn(self, hour: int, residual: float, information: float) -> None:
        """Add an hour whose log-odds lay `residual` above level and `offset`, with this Fisher information."""
        of_day, of_week = _cells(hour)
        residual = max(-LARGEST_RESIDUAL, min(LARGEST_RESIDUAL, residual))
        before = self.offset(hour)
        self.day = _learn(self.day, of_day, residual, information, 1 / DAY_VARIANCE, KEPT_A_DAY)
        left = residual - (self.offset(hour) - before)
        self.week = _learn(self.week, of_week, left, information, 1 / WEEK_VARIANCE, KEPT_A_WEEK)


def _cells(hour: int) -> tuple[int, int]:
    """Hour of the day and of the week. 1970 began on a Thursday."""
    return hour % HOURS_OF_DAY, (hour + 3 * HOURS_OF_DAY) % HOURS_OF_WEEK


def _learn(cells: bytes, i: int, residual: float, information: float, prior: float, kept: float) -> bytes:
    """The cells after one update of cell i: a Kalman step, its gain shrunk by the prior's weight."""
    n = len(cells) // 2
    before = _information(cells[n + i]) * kept
    gain = information / (prior + before + information)
    steps = (cells[i] - 128) + gain * residual / STEP
    moved = bytearray(cells)
    moved[i] = 128 + max(-LARGEST_STEP, min(LARGEST_STEP, round(steps)))
    moved[n + i] = min(255, round(log1p(before + information) / INFORMATION_STEP))
    return bytes(moved)


def _information(step: int) -> float:
    return exp(step * INFORMATION_STEP) - 1.0
