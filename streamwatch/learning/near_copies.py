"""Which texts are near copies of others: the exact join of two sets of texts by their words.

Two texts are near copies when seven of ten different words are shared (Jaccard similarity .7). Links, mentions, cashtags
and numbers are no words, so a headline with another price is a near copy. Found without comparing all pairs by
the prefix filter (Bayardo, Ma and Srikant, WWW 2007): with the words of each text sorted, the rare ones first, two texts so alike
share one of the first few, whatever these are.

Examples:
    >>> near_copies(["Apple beats estimates by 3 cents", "Delta cancels"], ["apple beats estimates, by 5 cents!"])
    [True, False]
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import ceil, floor

from streamwatch.text.words import word_set

ALIKE = 0.7
"""The similarity from which the project calls texts near copies (see `streamwatch.text.signature`)."""

Words = list[str]


def near_copies(texts: Sequence[str], others: Sequence[str], alike: float = ALIKE) -> list[bool]:
    """For each of `texts` whether one of `others` is a near copy of it. A text without words is like none."""
    sets, other_sets = [word_set(text) for text in texts], [word_set(text) for text in others]
    counts = Counter(word for words in (*sets, *other_sets) for word in words)
    index: dict[str, list[int]] = {}
    for i, words in enumerate(other_sets):
        for word in _prefix(words, counts, alike):
            index.setdefault(word, []).append(i)
    return [_has_copy(words, _prefix(words, counts, alike), index, other_sets, alike) for words in sets]


def _prefix(words: frozenset[str], counts: Counter[str], alike: float) -> Words:
    """The rarest words of a text, so many that a text as alike as `alike` shares one of its own such words."""
    rare_first = sorted(words, key=lambda word: (counts[word], word))
    return rare_first[: len(words) - ceil(alike * len(words)) + 1]


def _has_copy(
    words: frozenset[str], prefix: Words, index: dict[str, list[int]], others: list[frozenset[str]], alike: float
) -> bool:
    shortest, longest = ceil(alike * len(words)), floor(len(words) / alike)
    return any(
        shortest <= len(others[i]) <= longest and jaccard(words, others[i]) >= alike for i in _candidates(prefix, index)
    )


def _candidates(prefix: Words, index: dict[str, list[int]]) -> Iterable[int]:
    for word in prefix:
        yield from index.get(word, ())


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """The share of all words of both that they have in common; 0 where there are none."""
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared) if shared else 0.0
