"""Which documents of the stream two models are compared on: drawn in one pass over the channel, in memory of some thousands.

    classified ─┬─ not learned from ─ uniformly, of all there is ──── unseen: what changes where the incumbent was sure?
                └─ newest hours ───── uniformly, of these ─────────── newest: by how much does a promotion move each series?

**Unseen.** What the candidate learned from is left out before the draw and not after it: a retraining may have learned half
of what a young channel holds, and of 5,000 drawn from the whole too few would be left.

**Newest.** A promotion moves the series by what the models say of what is written *now*. A mean over the five weeks of the
channel would be another number whenever the stream has shifted, which is when models are retrained. So the documents
are those of the newest hours that hold enough of them together; whole hours, since a busy minute is no fair picture of a day.
Hours are those of arrival.

Examples:
    >>> from streamwatch.testing.records import classified
    >>> hours = [classified(f"d{i}", observed_ms=i * HOUR_MS // 10) for i in range(100)]
    >>> made = drawn(hours, lambda text: text == "the text of d99", n=25)
    >>> len(made.unseen), len(made.newest), min(record.observed_ms for record in made.newest) // HOUR_MS
    (25, 25, 7)
    >>> made == drawn(reversed(hours), lambda text: text == "the text of d99", n=25)
    True
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from streamwatch.gating.paired import UniformDraw
from streamwatch.records import Classified
from streamwatch.timeline import HOUR_MS


class Recent(NamedTuple):
    """The documents: `unseen` by the candidate, and the `newest`."""

    unseen: tuple[Classified, ...] = ()
    newest: tuple[Classified, ...] = ()


def drawn(records: Iterable[Classified], is_seen: Callable[[str], bool], n: int) -> Recent:
    """`n` documents for each purpose, or all there are; each text once, whatever the order of `records`."""
    unseen, newest = UniformDraw[Classified](n), Newest(n)
    for record in records:
        if not is_readable(record):
            continue
        name = _name(record)
        if unseen.takes(name) and not is_seen(record.text):
            unseen.offer(name, record)
        if not record.backfill:
            newest.offer(record)
    return Recent(tuple(unseen.drawn()), tuple(newest.drawn()))


def is_readable(record: Classified) -> bool:
    """Whether the model said something of the document."""
    return record.outcome == "classified" and not record.unread and bool(record.text)


class Newest:
    """A uniform draw of `n` documents out of the newest hours that hold `n` together.

    Each hour keeps its `n` smallest hashes, so that the smallest of several hours are among them. An hour goes when those
    after it are enough: some `2 n` documents are held, unless the channel comes backwards.
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self._hours: dict[int, UniformDraw[Classified]] = {}
        self._from = 0

    def offer(self, record: Classified) -> None:
        """Take part in the draw."""
        hour = record.observed_ms // HOUR_MS
        if hour < self._from:
            return
        of_hour = self._hours.get(hour)
        if of_hour is None:
            of_hour = self._hours[hour] = UniformDraw(self._n)
        if of_hour.offer(_name(record), record):
            self._forget()

    def drawn(self) -> list[Classified]:
        """What was drawn, in the order of the hashes."""
        draw = UniformDraw[Classified](self._n)
        for hour in sorted(self._hours):
            for record in self._hours[hour].drawn():
                draw.offer(_name(record), record)
        return draw.drawn()

    def _forget(self) -> None:
        """Drop the hours that are not needed any more."""
        n = 0
        for hour in sorted(self._hours, reverse=True):
            if n >= self._n:
                del self._hours[hour]
            else:
                n += len(self._hours[hour])
                self._from = hour if n >= self._n else self._from


def _name(record: Classified) -> str:
    return record.text_hash or record.id
