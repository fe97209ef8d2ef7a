"""The latest negative voices of a series: where evidence is read, and whether it is more than one mouth speaking.

A ring of `KEPT` voices, so that an alert needs no look back at past entries. One author counts at most `AN_HOUR`
times in an hour: who writes fifty angry posts is one angry person. Near copies (by their signatures, whoever wrote them)
are one group: a campaign that varies one sentence is one text. They are remembered all the same, so that an alert shows
them, but the tests count only `AN_HOUR` of a group too: otherwise the evidence of a campaign would stand until enough other
voices have come to fire on it. Nothing fires on fewer groups than a rule wants, nor where one author, or one group, has more
of the voices than the rule allows.

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
from collections.abc import Sequence
from itertools import chain

import msgspec

from streamwatch.alerting.transition import Reference
from streamwatch.alerting.voices import Voice
from streamwatch.text.signature import alike, n_alike
from streamwatch.timeline import HOUR_MS

KEPT = 24
LEAST_TEXTS = 5
"""An alert shows five different documents: with fewer there is nothing to fire on."""
MOST_OF_AUTHOR = 0.5
MOST_OF_TEXT = 0.5
AN_HOUR = 2


class Witness(msgspec.Struct, array_like=True):
    """A negative voice and when it was counted; `copies` grows with later copies. A signature of 0 is not known."""

    text_hash: str
    author_hash: str
    partition: int
    offset: int
    copies: int
    at_ms: int
    signature: int = 0


class Concentration(msgspec.Struct, frozen=True):
    """How many speak, and how much of it the loudest author and the most varied text are.

    `largest_author_share` is None where no author is known, `largest_text_share` where there are no voices. Near copies
    are `n_near_copies` texts beyond the first of each group. `n_copies` are further copies of the same texts.
    """

    n_distinct_texts: int
    n_distinct_authors: int
    largest_author_share: float | None
    n_copies: int
    largest_text_share: float | None = None
    n_near_copies: int = 0

    @property
    def n_groups(self) -> int:
        """Texts that are no near copies of each other."""
        return self.n_distinct_texts - self.n_near_copies


class Witnesses(msgspec.Struct, array_like=True):
    """The ring, oldest first."""

    ring: list[Witness] = []

    def add(self, voice: Voice, at_ms: int) -> bool:
        """Remember a negative voice; False, and nothing done, when its author was heard enough in this hour."""
        if voice.author_hash and self._heard(voice.author_hash, at_ms - HOUR_MS) >= AN_HOUR:
            return False
        one = Witness(
            voice.text_hash, voice.author_hash, voice.partition, voice.offset, voice.copies, at_ms, voice.signature
        )
        self.ring = [*self.ring, one][-KEPT:]
        return True

    def repeats(self, voice: Voice, at_ms: int) -> bool:
        """Whether near copies of a voice that is not remembered yet were heard enough in this hour."""
        if not voice.signature:
            return False
        since_ms = at_ms - HOUR_MS
        return n_alike(voice.signature, [one.signature for one in self.ring if one.at_ms > since_ms]) >= AN_HOUR

    def amplify(self, text_hash: str, copies: int) -> bool:
        """Count later copies of a remembered text; False when it is not remembered."""
        for witness in self.ring:
            if witness.text_hash == text_hash:
                witness.copies += copies
                return True
        return False

    def convincing(
        self,
        since_ms: int,
        min_texts: int = LEAST_TEXTS,
        max_author_share: float = MOST_OF_AUTHOR,
        max_text_share: float = MOST_OF_TEXT,
    ) -> bool:
        """Whether enough different texts speak, and not one author, nor variations of one text, above all.

        Args:
            since_ms: the start of the window.
            min_texts: texts that are no near copies of each other.
            max_author_share: of the voices whose author is known; 1 allows a single author.
            max_text_share: of all voices, for one text with its near copies; 1 allows that.
        """
        seen = self.summary(since_ms)
        return (
            seen.n_groups >= min_texts
            and (seen.largest_author_share or 0.0) <= max_author_share
            and (seen.largest_text_share or 0.0) <= max_text_share
        )

    def summary(self, since_ms: int) -> Concentration:
        """Concentration of the voices since `since_ms`, as far as the ring reaches."""
        voices = self._since(since_ms)
        authors = Counter(witness.author_hash for witness in voices if witness.author_hash)
        groups = _group_sizes([witness.signature for witness in voices])
        return Concentration(
            n_distinct_texts=len(voices),
            n_distinct_authors=len(authors),
            largest_author_share=max(authors.values()) / authors.total() if authors else None,
            n_copies=sum(witness.copies - 1 for witness in voices),
            largest_text_share=max(groups) / len(voices) if groups else None,
            n_near_copies=len(voices) - len(groups),
        )

    def references(self, since_ms: int, at_most: int = KEPT) -> tuple[Reference, ...]:
        """The voices since `since_ms`, the newest of each author first."""
        firsts: list[Witness] = []
        others: list[Witness] = []
        authors: set[str] = set()
        for witness in reversed(self._since(since_ms)):
            known = witness.author_hash in authors
            (others if known else firsts).append(witness)
            if witness.author_hash:
                authors.add(witness.author_hash)
        return tuple(_reference(witness) for witness in (firsts + others)[:at_most])

    def _heard(self, author_hash: str, since_ms: int) -> int:
        return sum(one.author_hash == author_hash and one.at_ms > since_ms for one in self.ring)

    def _since(self, since_ms: int) -> list[Witness]:
        return [witness for witness in self.ring if witness.at_ms >= since_ms]


def _group_sizes(signatures: Sequence[int]) -> list[int]:
    """Sizes of the groups of near copies: chains of signatures that are alike."""
    groups: list[list[int]] = []
    for signature in signatures:
        near: list[list[int]] = []
        rest: list[list[int]] = []
        for group in groups:
            (near if any(alike(signature, other) for other in group) else rest).append(group)
        groups = [*rest, [signature, *chain.from_iterable(near)]]
    return [len(group) for group in groups]


def _reference(witness: Witness) -> Reference:
    return Reference(witness.partition, witness.offset, witness.text_hash, witness.copies)
