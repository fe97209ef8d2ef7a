"""What the draw remembers of documents before: which texts are near copies of one, and who has written much this hour.

Both are asked of every document, drawn or not, so neither depends on the draw: a near copy is out of what is drawn
from, and a busy author's documents are drawn with a smaller probability that is known. So estimates stay unbiased for the
texts that are left, which a rule such as "none that resembles one already drawn" would spoil.

Examples:
    >>> recent = Signatures()
    >>> [recent.is_new(one) for one in (0x01020304, 0x01020305, 0x05060708, 0)]
    [True, False, True, True]
    >>> authors = Authors(per_hour=4)
    >>> [round(authors.thinning("ana", p=1.0), 2) for _ in range(6)]
    [1.0, 1.0, 0.44, 0.25, 0.16, 0.11]
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from itertools import combinations

from streamwatch.text.signature import N_HASHES

REMEMBERED = 2000
"""Signatures. Of so many unlike tweets some hundredths are like one by chance (`tests/unit/test_labelling_drawing.py`
measures it), and a wave of near copies is seldom farther apart. Exact copies are left out for a day before."""
AUTHORS = 500
"""Authors whose documents of the hour are known: those who had the most. Who has many is among them before it matters."""


class Signatures:
    """The signatures of the last texts that were no near copies (`text.signature`), asked in constant time.

    Two signatures are alike when three of four places are (all, where one has fewer): so each is kept under every three of
    its places.
    """

    def __init__(self, kept: Iterable[int] = ()) -> None:
        self._order: deque[int] = deque()
        self._marks: Counter[tuple[int, ...]] = Counter()
        for signature in kept:
            self._keep(signature)

    def __iter__(self) -> Iterator[int]:
        return iter(self._order)

    def is_new(self, signature: int) -> bool:
        """Whether it is like none of those remembered; then it is remembered. One of a text without words is like none."""
        if not signature:
            return True
        if any(self._marks[mark] for mark in _marks(signature)):
            return False
        self._keep(signature)
        return True

    def _keep(self, signature: int) -> None:
        self._order.append(signature)
        self._marks.update(_marks(signature))
        if len(self._order) > REMEMBERED:
            self._marks.subtract(gone := _marks(self._order.popleft()))
            for mark in gone:
                if not self._marks[mark]:
                    del self._marks[mark]


def _marks(signature: int) -> list[tuple[int, ...]]:
    places = sorted({byte for byte in (signature & 0xFFFFFFFF).to_bytes(N_HASHES, "big") if byte})
    return list(combinations(places, min(len(places), N_HASHES - 1)))


class Authors:
    """By author, the sum of the probabilities of their documents this hour, as if nobody were thinned.

    A document of an author with the sum M is thinned by (c ÷ M)², where M is above c, half of what is allowed. So the
    documents of one author that an hour is expected to draw stay below what is allowed however many there are, and each
    still has a chance.

    Args:
        per_hour: documents of one author that an hour may be expected to draw.
        sums: as kept.
    """

    def __init__(self, per_hour: float, sums: dict[str, float] | None = None) -> None:
        self._free = per_hour / 2
        self.sums = dict(sums or {})

    def thinning(self, author: str, p: float) -> float:
        """The factor of an author's next document, which would be drawn with `p`. Who is not known is nobody."""
        if not author:
            return 1.0
        total = self.sums[author] = self.sums.get(author, 0.0) + p
        if len(self.sums) > 2 * AUTHORS:
            most = sorted(self.sums.items(), key=lambda pair: (-pair[1], pair[0]))[:AUTHORS]
            self.sums = dict(most)
        return min(1.0, (self._free / total) ** 2) if total > self._free else 1.0
