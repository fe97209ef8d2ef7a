"""The windows of one series as columns: what a chart draws, an export writes and a cache keeps.

The rows are the non-empty windows of one step, in order. Beside what a `Window` has, each says the least and the greatest
negative share among the next finer windows in it, so that a roll-up hides no hour that went wrong.

Examples:
    >>> counts = np.array([[4, 1, 2, 0, 0, 3, 0], [2, 2, 0, -20_000, 0, 0, 1]])
    >>> some = Points(np.array([0, 60_000]), counts, np.array([0.25, 1.0]), np.array([0.5, 1.0]),
    ...               np.array([3, UNKNOWN]), np.array([4, UNKNOWN]))
    >>> some.between(60_000, None).rows()
    [[60000, 2, 2, 0, 0, 1.0, 1.0, 1.0, -1.0, None, None, None, 0, 2, 1]]
    >>> len(joined([some, some.between(0, 60_000)]))
    3
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from streamwatch.trends.cells import EMPTY, SCORE_UNIT

Whole = npt.NDArray[np.int64]
Real = npt.NDArray[np.float64]

UNKNOWN = -1
"""A distinct count that nobody kept."""
COLUMNS = (
    "start_ms", "n", "negative", "neutral", "positive", "share", "share_low", "share_high", "mean_score",
    "distinct_authors", "distinct_texts", "amplification", "news", "social", "n_unread",
)  # fmt: skip
"""The columns of `rows`. `share` and its bounds are None where no document was read; see `trends.reading.Window`."""
SCORE_DIGITS = 6
"""Of a mean score: it is a mean of ten-thousandths."""


class Points(NamedTuple):
    """Windows of one series and step. `counts` has a row of seven numbers for each, as a cell (`trends.cells`).

    `low` and `high` are nan where no finer window is kept.
    """

    start_ms: Whole
    counts: Whole
    low: Real
    high: Real
    authors: Whole
    texts: Whole

    def __len__(self) -> int:
        return len(self.start_ms)

    @property
    def n_bytes(self) -> int:
        """What they take in memory."""
        return sum(column.nbytes for column in self)

    def between(self, from_ms: int | None, to_ms: int | None) -> "Points":
        """The windows that begin in [from, to)."""
        first = 0 if from_ms is None else int(np.searchsorted(self.start_ms, from_ms))
        last = len(self.start_ms) if to_ms is None else int(np.searchsorted(self.start_ms, to_ms))
        return of_columns(column[first:last] for column in self)

    def rows(self) -> list[list[Any]]:
        """One list a window, in the order of `COLUMNS`."""
        n, negative, positive, score, unscored, news, unread = self.counts.T
        read, scored = n > 0, n > unscored
        share = np.divide(negative, n, out=np.full(len(n), np.nan), where=read)
        mean = np.divide(score, (n - unscored) * SCORE_UNIT, out=np.full(len(n), np.nan), where=scored)
        texts = np.where(self.texts == UNKNOWN, UNKNOWN, np.minimum(self.texts, n))
        copies = np.where(self.texts == UNKNOWN, UNKNOWN, n - texts)
        columns = (
            self.start_ms.tolist(), n.tolist(), negative.tolist(), (n - negative - positive).tolist(), positive.tolist(),
            _reals(share), _reals(self.low), _reals(self.high), _reals(np.round(mean, SCORE_DIGITS)),
            _counted(self.authors), _counted(texts), _counted(copies), news.tolist(), (n - news).tolist(), unread.tolist(),
        )  # fmt: skip
        return [list(row) for row in zip(*columns, strict=True)]


def of_columns(columns: Iterable[Any]) -> Points:
    """Points out of their columns, in order."""
    return Points(*columns)


def joined(some: Sequence[Points]) -> Points:
    """Points one after the other."""
    if not some:
        return NOTHING
    return of_columns(np.concatenate(columns) for columns in zip(*some, strict=True))


def _reals(column: Real) -> list[float | None]:
    there: list[float | None] = column.tolist()
    missing = np.isnan(column)
    if missing.any():
        for place in np.flatnonzero(missing).tolist():
            there[place] = None
    return there


def _counted(column: Whole) -> list[int | None]:
    there: list[int | None] = column.tolist()
    for place in np.flatnonzero(column == UNKNOWN).tolist():
        there[place] = None
    return there


_none, _no_share = np.zeros(0, np.int64), np.zeros(0)
NOTHING = Points(_none, np.zeros((0, len(EMPTY)), np.int64), _no_share, _no_share, _none, _none)
"""No windows."""
