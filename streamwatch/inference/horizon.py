"""Rows that wait for their batch, by length: the oldest chooses the length, its neighbours in length come along.

So no row is overtaken for ever (every batch takes the oldest away), and a batch has little padding where much waits.

Examples:
    >>> horizon = Horizon()
    >>> for i, n_tokens in enumerate((30, 100, 31, 12, 29)):
    ...     horizon.add(Waiting(f"row {i}", None, n_tokens, float(i)))
    >>> [waiting.key for waiting in horizon.take(budget=128, spare=0)]
    ['row 0', 'row 4', 'row 2']
    >>> [waiting.key for waiting in horizon.take(budget=128, spare=0)], horizon.n_rows
    (['row 1'], 1)
"""

from collections import deque
from typing import Any, NamedTuple

from streamwatch.inference.batches import padded_length

MAX_ROWS = 1024
"""Of one batch, however short its rows: what is answered at once is delivered at once."""
MAX_WASTE = 0.05
"""Of a batch's tokens that may be padding for the sake of a fuller batch."""


class Waiting(NamedTuple):
    """A prepared row: whose it is, the row, its length, and since when (seconds) its text waits."""

    key: Any
    row: Any
    n_tokens: int
    since_s: float


class Horizon:
    """Waiting rows of one engine.

    Args:
        packed: whether the engine puts rows end to end: then neighbours of any length may share a batch. They still come
            sorted, since an encoder's attention takes rows of one length together.
    """

    def __init__(self, packed: bool = False) -> None:
        self._packed = packed
        self._by_length: dict[int, deque[Waiting]] = {}
        self.n_rows = 0
        self.n_tokens = 0

    def add(self, waiting: Waiting) -> None:
        """Put a row in; rows come in the order of their `since_s`."""
        self._by_length.setdefault(waiting.n_tokens, deque()).append(waiting)
        self.n_rows += 1
        self.n_tokens += waiting.n_tokens

    @property
    def oldest_s(self) -> float:
        """Since when the oldest row waits. Raises `ValueError` where none does."""
        return min(rows[0].since_s for rows in self._by_length.values())

    def take(self, budget: int, spare: float) -> list[Waiting]:
        """The oldest row and its neighbours, at most `budget` tokens with padding (but never less than one row).

        Args:
            spare: tokens of padding that cost no more than a further batch: what may be wasted to save one.
        """
        first = min(self._by_length, key=lambda length: self._by_length[length][0].since_s)
        batch = _Packing(budget) if self._packed else _Filling(budget, spare)
        self._move(first, batch.room(first), batch)
        shorter = sorted((length for length in self._by_length if length < first), reverse=True)
        longer = sorted(length for length in self._by_length if length > first)
        while shorter or longer:
            side = _nearer(shorter, longer, first)
            length = side.pop(0)
            n = min(batch.room(length), len(self._by_length[length]))
            if n > 0 and batch.allows(length, n):
                self._move(length, n, batch)
            else:
                side.clear()  # what lies beyond is further off still
        return batch.rows

    def _move(self, length: int, n: int, batch: "_Filling") -> None:
        rows = self._by_length[length]
        n = min(n, len(rows))
        batch.add(length, [rows.popleft() for _ in range(n)])
        if not rows:
            del self._by_length[length]
        self.n_rows -= n
        self.n_tokens -= n * length


class _Filling:
    """A batch that is being filled."""

    def __init__(self, budget: int, spare: float) -> None:
        self.rows: list[Waiting] = []
        self._budget = budget
        self._spare = spare
        self._width = 0
        self._own = 0

    def room(self, length: int) -> int:
        """How many more rows of `length` fit."""
        width = max(self._width, padded_length(length))
        n = min(self._budget // width, MAX_ROWS) if width else MAX_ROWS
        return max(n - len(self.rows), 0) if self.rows else max(n, 1)

    def allows(self, length: int, n: int) -> bool:
        """Whether the padding that `n` rows of `length` bring is worth it. Each row's own rounding is not counted."""
        total = max(self._width, padded_length(length)) * (len(self.rows) + n)
        wasted = total - self._own - padded_length(length) * n
        return wasted <= max(self._spare, MAX_WASTE * total)

    def add(self, length: int, rows: list[Waiting]) -> None:
        """Take the rows in."""
        self.rows += rows
        self._width = max(self._width, padded_length(length))
        self._own += padded_length(length) * len(rows)


class _Packing(_Filling):
    """A batch of rows that lie end to end."""

    def __init__(self, budget: int) -> None:
        super().__init__(budget, 0.0)

    def room(self, length: int) -> int:
        """How many more rows of `length` fit."""
        used = sum(waiting.n_tokens for waiting in self.rows)
        n = min((self._budget - used) // length, MAX_ROWS - len(self.rows)) if length else MAX_ROWS
        return max(n, 0 if self.rows else 1)

    def allows(self, length: int, n: int) -> bool:
        """Always: nothing is wasted."""
        return True


def _nearer(shorter: list[int], longer: list[int], first: int) -> list[int]:
    if not shorter or not longer:
        return shorter or longer
    return shorter if first - shorter[0] <= longer[0] - first else longer
