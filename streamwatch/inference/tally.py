"""What a batcher has done and what waits in it: counters that only grow, and a snapshot for whoever shows them.

Examples:
    >>> tally = Tally()
    >>> tally.batch(n_tokens=58, n_padding=6, seconds=0.01)
    >>> tally.answered([0.012, 0.3])
    >>> seen = tally.snapshot(n_texts=3)
    >>> seen.n_tokens, seen.n_padding, seen.n_texts, seen.waste, seen.latency_s(0.5)
    (58, 6, 3, 0.09375, 0.02)
"""

from bisect import bisect_left
from collections.abc import Iterable

import msgspec

LATENCY_BOUNDS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Upper ends of the histogram's cells; the last cell has none."""


class BatcherFigures(msgspec.Struct, frozen=True):
    """A snapshot. Everything but the three that wait grows from the start of the worker.

    Attributes:
        n_tokens: of rows, without padding.
        n_padding: tokens that were computed for nothing.
        latency: answers by the time from ask to answer, in the cells of `LATENCY_BOUNDS_S`.
        n_texts: asked, not prepared yet.
        n_rows: prepared, not in a batch yet.
        n_in_flight: in a batch that is being computed.
    """

    n_answered: int
    n_batches: int
    n_tokens: int
    n_padding: int
    computing_s: float
    n_swaps: int
    latency: tuple[int, ...]
    n_texts: int = 0
    n_rows: int = 0
    n_in_flight: int = 0

    @property
    def waste(self) -> float:
        """The share of padding in all tokens computed."""
        return self.n_padding / max(self.n_tokens + self.n_padding, 1)

    def latency_s(self, q: float) -> float:
        """The upper end of the cell with the quantile `q`."""
        left = q * sum(self.latency)
        for end, n in zip((*LATENCY_BOUNDS_S, float("inf")), self.latency, strict=True):
            left -= n
            if left <= 0:
                return end
        return 0.0


class Tally:
    """Counts. To be called under the batcher's lock."""

    def __init__(self) -> None:
        self._n_answered = self._n_batches = self._n_tokens = self._n_padding = self.n_swaps = 0
        self._computing_s = 0.0
        self._latency = [0] * (len(LATENCY_BOUNDS_S) + 1)

    def batch(self, n_tokens: int, n_padding: int, seconds: float) -> None:
        """A batch was computed."""
        self._n_batches += 1
        self._n_tokens += n_tokens
        self._n_padding += n_padding
        self._computing_s += seconds

    def answered(self, waited_s: Iterable[float]) -> None:
        """Answers were given after so long."""
        for seconds in waited_s:
            self._latency[bisect_left(LATENCY_BOUNDS_S, seconds)] += 1
            self._n_answered += 1

    def snapshot(self, n_texts: int = 0, n_rows: int = 0, n_in_flight: int = 0) -> BatcherFigures:
        """The figures now."""
        return BatcherFigures(
            self._n_answered,
            self._n_batches,
            self._n_tokens,
            self._n_padding,
            self._computing_s,
            self.n_swaps,
            tuple(self._latency),
            n_texts,
            n_rows,
            n_in_flight,
        )
