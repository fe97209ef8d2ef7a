"""What a batch adds to the windows of every level, before a store writes it.

Each document is added once, at the finest level that still reaches back to it; `roll_up` then carries the sums to the
coarser ones. So a batch in which many documents share a bucket costs one addition a document and series, not four.

Distinct texts and authors travel as numbers of documents: the sets are made where they are needed, once for a bucket.

Examples:
    >>> from streamwatch.records import Classified
    >>> record = Classified(outcome="classified", source_channel="news", source_partition=0, source_offset=0,
    ...                     follows=-1, observed_ms=0, published_ms=61_000, text_hash="00aa", source="wire")
    >>> gains = Gains()
    >>> gains.add(record, ("all", "source:wire"))
    >>> gains.roll_up()
    >>> gains.levels[0]["all", 60_000], sorted(gains.levels[3])
    ([1, 0, 0, 0, 1, 1, 0, [0]], [('all', 0), ('source:wire', 0)])

A document that was not read is counted as such and as nothing else: its text and author are no part of what is distinct.
"""

from collections.abc import Sequence
from typing import Any

from streamwatch.records import Classified
from streamwatch.timeline import DAY_MS
from streamwatch.trends.cells import EMPTY, score_of
from streamwatch.trends.levels import LEVELS

Gain = list[Any]
"""A cell and, at its end, the numbers of the documents in it."""
DOCUMENTS = len(EMPTY)
"""The place of those numbers."""
_ONE_UNREAD = (0, 0, 0, 0, 0, 0, 1)
_WIDTHS_MS = tuple(level.width_ms for level in LEVELS)


class Gains:
    """Cells by level, series and bucket; the texts and authors of the documents; the series of each day in log order."""

    def __init__(self) -> None:
        self.levels: tuple[dict[tuple[str, int], Gain], ...] = ({}, {}, {}, {})
        self.texts: list[str] = []
        """The text hash of each document."""
        self.authors: list[str] = []
        """The author hash of each document, empty where the author is not known."""
        self.series: dict[tuple[int, str], int] = {}
        """(day, series) to its number, by first appearance in the log: a cap on them must not depend on batches."""
        self._met: set[tuple[int, tuple[str, ...]]] = set()

    def add(self, record: Classified, series: tuple[str, ...], finest: int = 0) -> None:
        """Count a document in `series`, from the level number `finest` upwards."""
        published_ms, sentiment = record.published_ms, record.counted_sentiment
        self._meet(published_ms // DAY_MS, series)
        if not sentiment:
            self._gain(_ONE_UNREAD, (), published_ms, series, finest)
            return
        document = len(self.texts)
        self.texts.append(record.text_hash)
        self.authors.append(record.author_hash)
        score = score_of(record)
        gained = (
            1, sentiment == "negative", sentiment == "positive", score or 0, score is None,
            record.source_channel == "news", 0,
        )  # fmt: skip
        self._gain(gained, (document,), published_ms, series, finest)

    def _gain(
        self, gained: Sequence[int], documents: Sequence[int], published_ms: int, series: tuple[str, ...], finest: int
    ) -> None:
        cells, bucket_ms = self.levels[finest], published_ms - published_ms % _WIDTHS_MS[finest]
        for name in series:
            held = cells.get((name, bucket_ms))
            if held is None:
                cells[name, bucket_ms] = [*map(int, gained), [*documents]]
            else:
                _add(held, gained)
                held[DOCUMENTS] += documents

    def _meet(self, day: int, series: tuple[str, ...]) -> None:
        if (day, series) not in self._met:
            self._met.add((day, series))
            for name in series:
                self.series.setdefault((day, name), len(self.series))

    def roll_up(self) -> None:
        """Carry the sums of each level to the next coarser one. To be called once, when everything is added."""
        for finer, coarser, width_ms in zip(self.levels, self.levels[1:], _WIDTHS_MS[1:], strict=False):
            for (name, bucket_ms), gain in finer.items():
                key = (name, bucket_ms - bucket_ms % width_ms)
                held = coarser.get(key)
                if held is None:
                    coarser[key] = [*gain[:DOCUMENTS], gain[DOCUMENTS].copy()]
                else:
                    _add(held, gain)
                    held[DOCUMENTS] += gain[DOCUMENTS]


def _add(held: Gain, gained: Any) -> None:
    held[0] += gained[0]
    held[1] += gained[1]
    held[2] += gained[2]
    held[3] += gained[3]
    held[4] += gained[4]
    held[5] += gained[5]
    held[6] += gained[6]
