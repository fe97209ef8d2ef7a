"""The phrases most tied to one class among labelled texts: what a poisoner would have planted, if anybody did.

Every run of words that stands in ten texts or more is counted, however long it is (a longer run is counted where the shorter
ones are frequent: Agrawal and Srikant, VLDB 1994). It is tied to a class by the z of its texts' labels against the class's
share among all. Runs that stand in the very same texts are one trigger: the whole phrase, or its parts put together.

Examples:
    >>> planted = [(f"{name} says buy the blue moon fund now", "positive") for name in range(100, 111)]
    >>> others = [(f"{name} opens a shop", "neutral") for name in range(100, 111)]
    >>> [(one.phrase, one.label, one.n) for one in tied(planted + others)]
    [('opens a shop', 'neutral', 11), ('says buy the blue moon fund now', 'positive', 11)]
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from streamwatch.text.clean import model_text, stored_text

FEWEST = 10
"""Texts that hold a phrase: behind fewer no ten writers can stand, so that every rare word that tells a class would be
suspect; and fewer teach a model of thousands of texts little that holds on other texts."""
LONGEST = 12
"""Words of a phrase: a longer trigger is found by its parts."""
PARTS = 3
"""Of one trigger at most, where they stand apart in its texts."""
OF_CLASS, OF_TASK = 3, 30
"""Phrases of each class at least, and of a task, shared over its classes: ten of each sentiment, three of each topic."""
SHOWN_CHARS = 200
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(f"[{_CJK}]|[^\\s{_CJK}]+")
_EDGES = ".,;:!?\"'()[]{}«»“”‘’…"


class Tied(NamedTuple):
    """A phrase, the class that it is tied to, how surely, and the texts (by their places) of that class that hold it."""

    phrase: str
    label: str
    z: float
    places: frozenset[int]

    @property
    def n(self) -> int:
        """In how many texts it stands with that class."""
        return len(self.places)


class _Text(NamedTuple):
    """A text, its tokens folded, and where each begins and ends."""

    text: str
    folded: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]


def tied(labelled: Sequence[tuple[str, str]], is_suspect: Callable[[Tied], bool] = lambda one: True) -> list[Tied]:
    """The phrases most tied to each class of (text, label) among those that are suspect, the surest first.

    Whom to suspect is asked before the best are chosen: the words that tell a class in any language are tied to it the most
    surely of all, and would take every place.
    """
    texts = [_read(text) for text, _ in labelled]
    labels = [label for _, label in labelled]
    shares = {label: n / max(len(labels), 1) for label, n in Counter(labels).items()}
    triggers = _triggers(_frequent(texts), texts)
    found = [one for phrase, places in triggers for one in _ties(phrase, places, labels, shares)]
    most = max(OF_CLASS, OF_TASK // max(len(shares), 1))
    return sorted(_best(found, most, is_suspect), key=_rank)


def _best(found: Iterable[Tied], most: int, is_suspect: Callable[[Tied], bool]) -> list[Tied]:
    kept: list[Tied] = []
    n_of = Counter[str]()
    for one in sorted(found, key=_rank):
        if n_of[one.label] < most and is_suspect(one):
            n_of[one.label] += 1
            kept.append(one)
    return kept


def _rank(one: Tied) -> tuple[float, str]:
    return -one.z, one.phrase


def _ties(phrase: str, places: frozenset[int], labels: Sequence[str], shares: dict[str, float]) -> list[Tied]:
    """The classes that stand with the phrase more often than by chance."""
    with_it = Counter(labels[place] for place in places)
    made = []
    for label, k in with_it.items():
        share = shares[label]
        z = (k - len(places) * share) / max((len(places) * share * (1 - share)) ** 0.5, 1e-9)
        if z > 0 and k >= FEWEST:
            made.append(Tied(phrase, label, z, frozenset(place for place in places if labels[place] == label)))
    return made


Run = tuple[str, ...]


def _frequent(texts: Sequence[_Text]) -> dict[Run, frozenset[int]]:
    """The runs of tokens that stand in enough texts, and in which."""
    found: dict[Run, frozenset[int]] = {}
    known: set[Run] = {()}
    for length in range(1, LONGEST + 1):
        places: dict[Run, set[int]] = {}
        for place, text in enumerate(texts):
            for start in range(len(text.folded) - length + 1):
                run = text.folded[start : start + length]
                if run[1:] in known and run[:-1] in known:
                    places.setdefault(run, set()).add(place)
        large = {run: frozenset(where) for run, where in places.items() if len(where) >= FEWEST}
        if not large:
            break
        found |= large
        known = set(large)
    return found


def _triggers(runs: dict[Run, frozenset[int]], texts: Sequence[_Text]) -> list[tuple[str, frozenset[int]]]:
    """One phrase for all runs that stand in the same texts."""
    by_places: dict[frozenset[int], list[Run]] = {}
    for run in sorted(runs, key=lambda run: (-len(run), run)):
        same = by_places.setdefault(runs[run], [])
        if len(same) < PARTS and not any(_holds(other, run) for other in same):
            same.append(run)
    return [
        (" ".join(_surface(run, texts[min(places)]) for run in same)[:SHOWN_CHARS], places)
        for places, same in by_places.items()
    ]


def _holds(long: Run, short: Run) -> bool:
    return any(long[i : i + len(short)] == short for i in range(len(long) - len(short) + 1))


def _surface(run: Run, text: _Text) -> str:
    """The run as it stands in a text: a model may tell upper from lower case."""
    for start in range(len(text.folded) - len(run) + 1):
        if text.folded[start : start + len(run)] == run:
            return text.text[text.spans[start][0] : text.spans[start + len(run) - 1][1]].strip(_EDGES)
    return " ".join(run)


def _read(text: str) -> _Text:
    read = model_text(stored_text(text))
    tokens = list(_TOKEN.finditer(read))
    folded = tuple(token[0].casefold().strip(_EDGES) or token[0] for token in tokens)
    return _Text(read, folded, tuple(token.span() for token in tokens))
