"""What the draw remembers of documents before: near copies just now, and who has written much this hour.

Both thin: a document that resembles others, or is one of many by its author, is drawn with a smaller probability, which
is known. They are asked of every document, drawn or not, and nothing is left out. So estimates stay unbiased for the whole
stream, which a rule such as "none that resembles one already drawn" would spoil: and four bytes take a tenth of unlike tweets
for near copies of one of the last two hundred (docs/labelling.md), so that leaving these out would lose them.

The factor is (c ÷ M)² where M, the sum of the probabilities of all that are alike, is above c. Then c(2 − c ÷ M) of them
are expected to be drawn, below 2c however many there are, and each has a chance.

Examples:
    >>> copies = Copies()
    >>> [round(copies.thinning(one, p=1.0), 2) for one in (0x01020304, 0x01020305, 0x05060708, 0x01020306)]
    [1.0, 0.25, 1.0, 0.11]
    >>> authors = Authors(per_hour=4)
    >>> [round(authors.thinning("ana", p=1.0), 2) for _ in range(6)]
    [1.0, 1.0, 0.44, 0.25, 0.16, 0.11]
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from itertools import combinations

from streamwatch.text.signature import N_HASHES

REMEMBERED = 200
"""Signatures: a wave of near copies is one where they are a good part of what comes. Exact copies count once a day anyway."""
AUTHORS = 500
"""Authors whose documents of the hour are known: those who had the most. Who has many is among them before it matters."""
UNIT = 1_000_000
"""Probabilities of copies are summed in whole millionths: sums that come and go must come out the same after a crash."""


def factor(total: float, free: float) -> float:
    """How much a document is thinned when all that are alike, itself included, have the sum `total`."""
    return (free / total) ** 2 if total > free else 1.0


class Copies:
    """The last signatures (`text.signature`) with the probabilities that their documents would have had, not thinned.

    Two signatures are alike when three of four places are (all, where one has fewer), so each counts under every three of
    its places: the asking takes constant time.

    Args:
        kept: signatures and probabilities (millionths), the oldest first.
    """

    def __init__(self, kept: Iterable[tuple[int, int]] = ()) -> None:
        self._order: deque[tuple[int, int]] = deque()
        self._sums: Counter[tuple[int, ...]] = Counter()
        for signature, units in kept:
            self._keep(signature, units)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self._order)

    def thinning(self, signature: int, p: float) -> float:
        """The factor of a document that would be drawn with `p`. A text without words is like none."""
        if not signature:
            return 1.0
        self._keep(signature, round(p * UNIT))
        return factor(max(self._sums[mark] for mark in _marks(signature)) / UNIT, free=1.0)

    def _keep(self, signature: int, units: int) -> None:
        self._order.append((signature, units))
        for mark in _marks(signature):
            self._sums[mark] += units
        if len(self._order) > REMEMBERED:
            gone, units = self._order.popleft()
            for mark in _marks(gone):
                self._sums[mark] -= units
                if self._sums[mark] <= 0:
                    del self._sums[mark]


def _marks(signature: int) -> list[tuple[int, ...]]:
    places = sorted({byte for byte in (signature & 0xFFFFFFFF).to_bytes(N_HASHES, "big") if byte})
    return list(combinations(places, min(len(places), N_HASHES - 1)))


class Authors:
    """By author, the sum of the probabilities of their documents this hour, not thinned.

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
        return factor(total, self._free)
