"""What answers say of the whole stream: shares and their standard errors, each document weighted by 1/π.

A sum of w = 1/π over the drawn documents of a class estimates their number in what was drawn from, without bias and
whatever π depended on (Horvitz and Thompson, 1952); a share is the ratio of two such sums (Hájek, 1971), whose bias vanishes
as documents become many. What was picked as novel was not drawn and stands for nothing.

Where not every drawn document is answered yet, `answered_weights` raises the weights of the answered ones by the part that
was, apart for how they were drawn: who labels is given uncertain ones more often, so that the answered alone would mislead.

Examples:
    >>> totals([("negative", 10.0), ("negative", 2.0), ("neutral", 8.0)])
    {'negative': 12.0, 'neutral': 8.0}
    >>> found = shares([("negative", 10.0), ("negative", 2.0), ("neutral", 8.0)])
    >>> round(found["negative"].share, 2), round(found["negative"].error, 2)
    (0.6, 0.31)
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import sqrt
from typing import NamedTuple, Protocol

from streamwatch.records import Drawn

Weighted = tuple[str, float]


class Estimate(NamedTuple):
    """A share of the stream, its standard error, and on how many documents it rests."""

    share: float
    error: float
    n: int


class Drawing(Protocol):
    """What a sample and an answer both say of how the document was drawn."""

    @property
    def drawn_as(self) -> Drawn: ...

    @property
    def inclusion_probability(self) -> float: ...


def weight(of: Drawing) -> float:
    """1/π, and 0 for what was picked and not drawn."""
    return 0.0 if of.drawn_as == "novel" or not of.inclusion_probability else 1 / of.inclusion_probability


def answered_weights(drawn: Iterable[Drawing], answered: Sequence[Drawing]) -> list[float]:
    """The weights of the answered documents as they stand for all that were drawn.

    >>> from streamwatch.labelling.examples import sample
    >>> one, other = sample("d1"), sample("d2")
    >>> answered_weights([one, other], [one])             # π is .25, and one of two is answered
    [8.0]
    """
    n_drawn, n_answered = _by_draw(drawn), _by_draw(answered)
    return [weight(one) * max(n_drawn[one.drawn_as] / n_answered[one.drawn_as], 1.0) for one in answered]


def _by_draw(some: Iterable[Drawing]) -> Mapping[str, int]:
    return Counter(one.drawn_as for one in some)


def totals(weighted: Iterable[Weighted]) -> dict[str, float]:
    """By class, how many documents of what was drawn from are estimated to be of it."""
    sums: dict[str, float] = {}
    for name, w in weighted:
        sums[name] = sums.get(name, 0.0) + w
    return sums


def shares(weighted: Sequence[Weighted]) -> dict[str, Estimate]:
    """By class, its share. The error is that of the ratio, linearised, for draws that do not depend on each other and whose π
    are small: Σ w²(y − share)² ÷ (Σ w)²."""
    total = sum(w for _, w in weighted)
    if not total:
        return {}
    found = {}
    for name, part in sorted(totals(weighted).items()):
        share = part / total
        squares = sum((w * ((said == name) - share)) ** 2 for said, w in weighted)
        found[name] = Estimate(share, sqrt(squares) / total, sum(said == name for said, _ in weighted))
    return found
