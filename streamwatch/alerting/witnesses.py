"""The latest negative voices of a series: where evidence is read, and whether it is more than one person speaking.

A ring of `KEPT` voices, so that an alert needs no look back at past entries. One author counts at most `AN_HOUR`
times in an hour: who writes fifty angry posts is one angry person. And when more than `ONE_AUTHOR` of the voices
whose author is known have the same author all the same, nothing fires on that.

Examples:
    >>> ring = Witnesses()
    >>> [ring.add(Voice(f"t{i}", "negative", ("all",), "ann", 0, i, 1), 1000 * i) for i in range(4)]
    [True, True, False, False]
    >>> ring.summary(0).largest_author_share, ring.convincing(0)
    (1.0, False)
    >>> ring.amplify("t1", 3)
    True
    >>> ring.summary(0).n_copies, [ref.offset for ref in ring.references(0)]
    (3, [1, 0])
"""

from collections import Counter

import msgspec

from streamwatch.alerting.transition import Reference
from streamwatch.alerting.voices import Voice
from streamwatch.timeline import HOUR_MS

KEPT = 24
SHOWN = 12
LEAST_TEXTS = 5
"""An alert shows five different documents: with fewer there is nothing to fire on."""
ONE_AUTHOR = 0.5
AN_HOUR = 2


class Witness(msgspec.Struct, array_like=True):
    """A negative voice and when it was counted; `copies` grows with later copies."""

    text_hash: str
    author_hash: str
    partition: int
    offset: int
    copies: int
    at_ms: int


class Concentration(msgspec.Struct, frozen=True):
    """How many speak. `largest_author_share` is None where no author is known."""

    n_distinct_texts: int
    n_distinct_authors: int
    largest_author_share: float | None
    n_copies: int


class Witnesses(msgspec.Struct, array_like=True):
    """The ring, oldest first."""

    ring: list[Witness] = []

    def add(self, voice: Voice, at_ms: int) -> bool:
        """Remember a negative voice; False, and nothing done, when its author was heard enough in this hour."""
        if voice.author_hash and self._heard(voice.author_hash, at_ms - HOUR_MS) >= AN_HOUR:
            return False
        one = Witness(voice.text_hash, voice.author_hash, voice.partition, voice.offset, voice.copies, at_ms)
        self.ring = [*self.ring, one][-KEPT:]
        return True

    def amplify(self, text_hash: str, copies: int) -> bool:
        """Count later copies of a remembered text; False when it is not remembered."""
        for witness in self.ring:
            if witness.text_hash == text_hash:
                witness.copies += copies
                return True
        return False

    def convincing(self, since_ms: int) -> bool:
        """Whether enough different texts speak, and not one author above all."""
        seen = self.summary(since_ms)
        one_author = seen.largest_author_share is not None and seen.largest_author_share > ONE_AUTHOR
        return seen.n_distinct_texts >= LEAST_TEXTS and not one_author

    def summary(self, since_ms: int) -> Concentration:
        """Concentration of the voices since `since_ms`, as far as the ring reaches."""
        voices = self._since(since_ms)
        authors = Counter(witness.author_hash for witness in voices if witness.author_hash)
        largest = max(authors.values()) / authors.total() if authors else None
        return Concentration(len(voices), len(authors), largest, sum(witness.copies - 1 for witness in voices))

    def references(self, since_ms: int) -> tuple[Reference, ...]:
        """Up to `SHOWN` voices, the newest of each author first."""
        firsts: list[Witness] = []
        others: list[Witness] = []
        authors: set[str] = set()
        for witness in reversed(self._since(since_ms)):
            known = witness.author_hash in authors
            (others if known else firsts).append(witness)
            if witness.author_hash:
                authors.add(witness.author_hash)
        return tuple(_reference(witness) for witness in (firsts + others)[:SHOWN])

    def _heard(self, author_hash: str, since_ms: int) -> int:
        return sum(one.author_hash == author_hash and one.at_ms > since_ms for one in self.ring)

    def _since(self, since_ms: int) -> list[Witness]:
        return [witness for witness in self.ring if witness.at_ms >= since_ms]


def _reference(witness: Witness) -> Reference:
    return Reference(witness.partition, witness.offset, witness.text_hash, witness.copies)
