"""The latest documents by topic, so that an alarm can say what moved and which topics carry it.

Blocks of `BLOCK_DOCUMENTS`, the latest `N_BLOCKS` of them. A row has, for each score, documents, what was expected of
them and how far they lie from it; then the embedded documents and the sum of their residual vectors.

Examples:
    >>> window = Window()
    >>> rows = np.zeros((2, WIDTH), dtype=np.float32)
    >>> rows[1, N], rows[1, EXPECTED], rows[1, RESIDUAL] = 10, 2, 5
    >>> window.add(60_000, 10, rows)
    >>> since = window.since(0)
    >>> since.n, [(moved.name, moved.before, moved.after) for moved in since.moved(1, (0,))]
    (10, [('negative', 0.2, 0.7)])
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamwatch.drift.embedding import DIMENSION
from streamwatch.drift.finding import Moved
from streamwatch.drift.state import BlockState, array, raw
from streamwatch.drift.watched import N_SCORES, NAMES

Singles = NDArray[np.float32]

N, EXPECTED, RESIDUAL, N_EMBEDDED, VECTOR = 0, N_SCORES, 2 * N_SCORES, 3 * N_SCORES, 3 * N_SCORES + 1
WIDTH = VECTOR + DIMENSION
BLOCK_DOCUMENTS, N_BLOCKS = 200, 3
"""Together what it takes to find a change that is worth it; a slower one is described by its latest documents."""
DIGITS = 4


class Since(NamedTuple):
    """The documents since an onset: how many, and their rows by topic."""

    n: int
    rows: Singles

    def moved(self, topic: int | None, scores: Iterable[int]) -> tuple[Moved, ...]:
        """What moved in a topic, or in all together, largest change first; nothing where nothing was tested."""
        row = self.rows.sum(0) if topic is None else self.rows[topic]
        made = [
            Moved(
                NAMES[score], _mean(row[EXPECTED + score], n), _mean(row[EXPECTED + score] + row[RESIDUAL + score], n)
            )
            for score in scores
            if (n := float(row[N + score]))
        ]
        return tuple(sorted(made, key=lambda moved: -abs(moved.after - moved.before)))


class Window:
    """The latest blocks; the last one is open."""

    def __init__(self, blocks: list[BlockState] | None = None) -> None:
        self._blocks = [(block.start_ms, block.n, array(block.rows, "<f4", -1, WIDTH)) for block in blocks or []]

    @property
    def blocks(self) -> list[BlockState]:
        """As they are remembered."""
        return [BlockState(start_ms, n, raw(rows)) for start_ms, n, rows in self._blocks]

    def add(self, start_ms: int, n: int, rows: Singles) -> None:
        """Add a step's rows by topic."""
        if not self._blocks or self._blocks[-1][1] >= BLOCK_DOCUMENTS:
            self._blocks = [*self._blocks[-N_BLOCKS + 1 :], (start_ms, n, rows)]
            return
        opened_ms, held_n, held = self._blocks[-1]
        self._blocks[-1] = (opened_ms, held_n + n, _added(held, rows))

    def since(self, onset_ms: int) -> Since:
        """The blocks that reach past `onset_ms`; at least the latest."""
        n, rows = 0, np.zeros((0, WIDTH), dtype=np.float32)
        following_ms: float = float("inf")
        for start_ms, block_n, block in reversed(self._blocks):
            if following_ms > onset_ms:
                n, rows = n + block_n, _added(rows, block)
            following_ms = start_ms
        return Since(n, rows)


def _added(a: Singles, b: Singles) -> Singles:
    """The sum of rows; topics that only one of them has are at the end."""
    rows = np.zeros((max(len(a), len(b)), WIDTH), dtype=np.float32)
    rows[: len(a)] += a
    rows[: len(b)] += b
    return rows


def _mean(total: float, n: float) -> float:
    return round(float(total) / n, DIGITS)
