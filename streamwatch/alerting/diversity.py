"""Which documents an alert shows: different texts of different people, from all of its window, the worst first.

Near copies (`NEAR_COPY` of their words are the same; a chain of them counts as one) are folded into one document that
counts their copies. Of what remains, at most `SHOWN` are chosen one by one by maximal marginal relevance (Carbonell and
Goldstein 1998): how negative the model finds it, how far in time from those chosen, and how different from them. Authors
who are not shown yet come before all others; an unknown author is one not shown yet. Where that leaves fewer than
`LEAST`, near copies are unfolded again, so that five different texts are shown whenever five exist.

All of it is a function of the set of documents: ties end with the date and the text.

Examples:
    >>> says = [("ann", "no bags no gate"), ("bob", "no bags, no gate!"), ("bob", "stuck on hold"), ("cid", "cancelled")]
    >>> told = [Candidate(text, text, author, i, 1, 0.9) for i, (author, text) in enumerate(says)]
    >>> groups = near_copies(told)
    >>> [(one.text, one.copies) for one in map(folded, groups)]
    [('no bags no gate', 2), ('stuck on hold', 1), ('cancelled', 1)]
    >>> [one.text for one in diverse(groups, least=3)]
    ['cancelled', 'no bags no gate', 'stuck on hold']
    >>> [one.text for one in diverse(groups, least=4)]
    ['cancelled', 'no bags no gate', 'stuck on hold', 'no bags, no gate!']
"""

from collections.abc import Hashable, Iterable, Sequence
from itertools import combinations

import msgspec

from streamwatch.text.words import word_set

SHOWN = 8
"""Documents of an alert at most: more than a screen is not read."""
LEAST = 5
"""What an alert shows where so many different texts exist."""
NEAR_COPY = 0.7
"""Two texts that share this part of their words (Jaccard) say the same thing."""
NEGATIVE, SPREAD, DIFFERENT = 0.4, 0.3, 0.3
"""Weights of how negative a document is, how far in time from those chosen, and how different from them."""
UNKNOWN = 0.5
"""How negative a document is taken for that no model has read."""


class Candidate(msgspec.Struct, frozen=True):
    """A document that may be shown. `key` names it to the caller; an unknown author is an empty one."""

    key: Hashable
    text: str
    author: str
    at_ms: int
    copies: int
    p_negative: float | None

    @property
    def order(self) -> tuple[int, str, str, str]:
        """Where it stands, whatever the order of arrival."""
        return self.at_ms, self.text, self.author, str(self.key)


def diverse(groups: Iterable[Sequence[Candidate]], shown: int = SHOWN, least: int = LEAST) -> list[Candidate]:
    """The documents to show of the groups of near copies, best first, with their copies counted."""
    return _chosen([folded(group) for group in _unfolded(groups, least)], shown)


def folded(group: Sequence[Candidate]) -> Candidate:
    """The text with most copies, the first of those, counts the copies of all."""
    best = min(group, key=lambda one: (-one.copies, one.order))
    return msgspec.structs.replace(best, copies=sum(one.copies for one in group))


def near_copies(candidates: Iterable[Candidate]) -> list[list[Candidate]]:
    """The candidates in groups of near copies, each by date, and the groups by their first."""
    told = sorted(candidates, key=lambda one: one.order)
    sets = [word_set(one.text) for one in told]
    group = list(range(len(told)))
    for i, j in combinations(range(len(told)), 2):
        if group[i] != group[j] and alike(told[i].text, sets[i], told[j].text, sets[j]):
            group = [group[i] if g == group[j] else g for g in group]
    together: dict[int, list[Candidate]] = {}
    for g, one in zip(group, told, strict=True):
        together.setdefault(g, []).append(one)
    return list(together.values())


def alike(a: str, words_a: frozenset[str], b: str, words_b: frozenset[str]) -> bool:
    """Whether two texts are near copies; texts without a word (dots, numbers) only where they are equal."""
    if not (words_a and words_b):
        return a == b
    return similarity(words_a, words_b) >= NEAR_COPY


def similarity(a: frozenset[str], b: frozenset[str]) -> float:
    """Jaccard similarity, 0 to 1."""
    both = len(a & b)
    return both / (len(a) + len(b) - both) if both else 0.0


def _unfolded(together: Iterable[Sequence[Candidate]], least: int) -> list[list[Candidate]]:
    """Take different texts out of the largest groups until there are `least` groups, or no more different texts."""
    groups = [list(group) for group in together]
    while len(groups) < least:
        group = max(groups, key=lambda g: len({one.text for one in g}), default=[])
        texts = {one.text for one in group}
        if len(texts) < 2:
            break
        last = max(group, key=lambda one: one.order).text
        groups.append([one for one in group if one.text == last])
        group[:] = [one for one in group if one.text != last]
    return groups


def _chosen(told: list[Candidate], shown: int) -> list[Candidate]:
    sets = {one.key: word_set(one.text) for one in told}
    span_ms = max((one.at_ms for one in told), default=0) - min((one.at_ms for one in told), default=0)
    chosen: list[Candidate] = []
    rest = sorted(told, key=lambda one: one.order, reverse=True)
    while rest and len(chosen) < shown:
        authors = {one.author for one in chosen if one.author}
        best = max(rest, key=lambda one: (one.author not in authors, _worth(one, chosen, sets, span_ms)))
        chosen.append(best)
        rest.remove(best)
    return chosen


def _worth(one: Candidate, chosen: Sequence[Candidate], sets: dict[Hashable, frozenset[str]], span_ms: int) -> float:
    """The marginal relevance of showing `one` beside `chosen`; of equals, the later comes first."""
    p = UNKNOWN if one.p_negative is None else one.p_negative
    if not chosen:
        return NEGATIVE * p
    gap = min(abs(one.at_ms - other.at_ms) for other in chosen) / max(span_ms, 1)
    closest = max(similarity(sets[one.key], sets[other.key]) for other in chosen)
    return NEGATIVE * p + SPREAD * gap + DIFFERENT * (1 - closest)
