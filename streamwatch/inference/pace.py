"""How long a row may wait for company: learnt from how fast tokens come and what batches cost.

With little traffic a document leaves at once. The busier the threads would be with full batches, the longer rows are held
to fill them, up to the latency budget.

Examples:
    >>> pace = Pace(n_threads=1, budget_s=0.1)
    >>> for n_tokens in (100, 200, 300):
    ...     pace.computed(n_tokens, seconds=0.01 + n_tokens / 5000)
    >>> round(pace.spare_tokens())
    50
    >>> pace.arrived(500, now_s=10.0)
    >>> pace.hold_s(now_s=10.0)
    0.0
    >>> pace.arrived(5000, now_s=10.0)
    >>> pace.hold_s(now_s=10.0), round(pace.hold_s(now_s=10.5), 3), pace.hold_s(now_s=11.0)
    (0.1, 0.042, 0.0)
"""

import math

MEMORY_S = 1.0
"""Time constant of the arrival rate: short against a burst, long against the fetches of a consumer, which come in lumps."""
FORGET = 0.98
"""Weight of older batches in the cost of a batch: fifty count."""
LIGHT, FULL = 0.5, 0.9
"""Utilisation up to which nobody is held, and from which on the whole budget is used. Below a half, full batches would
save time that nobody needs."""


class Pace:
    """The arrival rate, the cost of a batch, and what follows from them.

    Args:
        n_threads: that compute at once.
        budget_s: the longest that a row is held.
    """

    def __init__(self, n_threads: int, budget_s: float) -> None:
        self._n_threads = n_threads
        self._budget_s = budget_s
        self._rate, self._rate_at_s = 0.0, 0.0
        self._w = self._x = self._y = self._xx = self._xy = 0.0

    def arrived(self, n_tokens: int, now_s: float) -> None:
        """So many tokens came."""
        self._rate = self._rate_now(now_s) + n_tokens / MEMORY_S
        self._rate_at_s = now_s

    def _rate_now(self, now_s: float) -> float:
        return self._rate * math.exp(min(self._rate_at_s - now_s, 0.0) / MEMORY_S)

    def computed(self, n_tokens: int, seconds: float) -> None:
        """A batch of so many tokens, padding included, took so long."""
        self._w = self._w * FORGET + 1
        self._x = self._x * FORGET + n_tokens
        self._y = self._y * FORGET + seconds
        self._xx = self._xx * FORGET + n_tokens * n_tokens
        self._xy = self._xy * FORGET + n_tokens * seconds

    def _cost(self) -> tuple[float, float]:
        """Seconds of a batch and seconds of a token: the weighted least squares line through what was seen."""
        if not self._x:
            return 0.0, 0.0
        spread = self._xx - self._x**2 / self._w
        slope = (self._xy - self._x * self._y / self._w) / spread if spread > 1e-6 * self._xx else self._y / self._x
        slope = min(max(slope, 0.1 * self._y / self._x), self._y / self._x)  # a batch costs nothing at least
        return (self._y - slope * self._x) / self._w, slope

    def spare_tokens(self) -> float:
        """Padding that costs as much as a batch of its own."""
        batch_s, token_s = self._cost()
        return batch_s / token_s if token_s else 0.0

    def utilisation(self, now_s: float) -> float:
        """Of the threads' time, if all batches were full."""
        return self._rate_now(now_s) * self._cost()[1] / self._n_threads

    def hold_s(self, now_s: float) -> float:
        """How long the oldest row waits for company at most."""
        share = (self.utilisation(now_s) - LIGHT) / (FULL - LIGHT)
        return self._budget_s * min(max(share, 0.0), 1.0)
