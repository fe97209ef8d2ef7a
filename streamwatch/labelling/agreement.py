"""How far people agree who label the same documents: Cohen's kappa (1960), over all, for each class and for each labeller.

Kappa is the agreement beyond what the two would have by chance, 1 for full agreement and 0 for none beyond it. Pairs of
answers to the same document are pooled over all pairs of labellers. For a class it is the agreement on "this class or not".

Examples:
    >>> from streamwatch.labelling.answers import Answers
    >>> from streamwatch.labelling.examples import answer
    >>> said = [("d1", "negative", "negative"), ("d2", "neutral", "neutral"), ("d3", "negative", "neutral")]
    >>> answers = Answers(
    ...     answer(one, who, sentiment=says) for one, a, b in said for who, says in (("ana", a), ("ben", b))
    ... )
    >>> found = agreement(answers, "sentiment")
    >>> found.n_pairs, round(found.agreed, 3), round(found.kappa, 3)
    (3, 0.667, 0.4)
    >>> sorted(found.by_class), sorted(found.by_labeller)
    (['negative', 'neutral'], ['ana', 'ben'])
"""

from collections.abc import Iterable, Iterator
from itertools import combinations
from math import isnan
from typing import NamedTuple

from streamwatch.labelling.answers import Labelled

Pair = tuple[tuple[str, str], tuple[str, str]]
"""Two labellers, by name, each with what they gave."""


class Agreement(NamedTuple):
    """Of one part of the answers. Kappa is None where nothing can be told: no pairs, or everybody always said the same."""

    part: str
    n_pairs: int
    agreed: float | None
    kappa: float | None
    by_class: dict[str, float | None]
    by_labeller: dict[str, float | None]


def agreement(labelled: Iterable[Labelled], part: str) -> Agreement:
    """The agreement on `topic`, `sentiment` or `reading`, where two or more gave it."""
    pairs = [pair for said in labelled for pair in _pairs(said, part)]
    classes = sorted({given for pair in pairs for _, given in pair})
    labellers = sorted({who for pair in pairs for who, _ in pair})
    same = sum(a == b for (_, a), (_, b) in pairs)
    return Agreement(
        part,
        len(pairs),
        same / len(pairs) if pairs else None,
        kappa([(a, b) for (_, a), (_, b) in pairs]),
        {name: kappa([(str(a == name), str(b == name)) for (_, a), (_, b) in pairs]) for name in classes},
        {name: kappa([(a, b) for (x, a), (y, b) in pairs if name in (x, y)]) for name in labellers},
    )


def _pairs(said: Labelled, part: str) -> Iterator[Pair]:
    yield from combinations(sorted(said.given(part).items()), 2)


def kappa(pairs: list[tuple[str, str]]) -> float | None:
    """Cohen's kappa of pairs of classes; None where it is not defined.

    >>> kappa([("a", "a"), ("b", "b")]), kappa([("a", "a")]) is None
    (1.0, True)
    """
    if len({name for pair in pairs for name in pair}) < 2:
        return None
    from sklearn.metrics import cohen_kappa_score

    value = float(cohen_kappa_score([a for a, _ in pairs], [b for _, b in pairs]))
    return None if isnan(value) else value
