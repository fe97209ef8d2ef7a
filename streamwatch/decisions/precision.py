"""How often an alert was right, as far as people have said: live precision per rule.

Examples:
    >>> one = Precision("companies", n_true=9, n_false=1, n_unjudged=4)
    >>> one.value, [round(bound, 3) for bound in one.interval]
    (0.9, [0.596, 0.982])
    >>> Precision("new", 0, 0, 3).value is None, Precision("new", 0, 0, 3).interval
    (True, (0.0, 1.0))
"""

from dataclasses import dataclass
from math import sqrt

Z = 1.959963984540054
"""Of a two-sided 95 % interval."""


@dataclass(frozen=True)
class Precision:
    """Verdicts on the alerts of one rule that fired: true, false, and those that nobody has judged."""

    rule: str
    n_true: int
    n_false: int
    n_unjudged: int

    @property
    def value(self) -> float | None:
        """True ÷ judged; None where nothing was judged."""
        judged = self.n_true + self.n_false
        return self.n_true / judged if judged else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval (1927): right also for few verdicts, and for all of one kind, where ± would be nothing."""
        return wilson(self.n_true, self.n_true + self.n_false)


def wilson(k: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of k in n; (0, 1) where n is 0.

    >>> [round(bound, 3) for bound in wilson(0, 10)]
    [0.0, 0.278]
    """
    if not n:
        return 0.0, 1.0
    share, z2 = k / n, Z * Z
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z * sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    low = 0.0 if k == 0 else max(centre - half, 0.0)
    high = 1.0 if k == n else min(centre + half, 1.0)
    return low, high
