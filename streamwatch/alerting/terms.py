"""The words that mark an incident: those that its documents hold more often than the series' own past does.

Log-odds ratio with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008, "Fightin' Words", eq. 16 and 22),
over document frequencies. With y of n documents now and y' of n' of the past holding the term, and the prior
`α = PRIOR · (y + y') / (n + n')` of `α₀ = PRIOR` documents:

    δ = ln[(y + α) / (n + α₀ − y − α)] − ln[(y' + α) / (n' + α₀ − y' − α)]
    z = δ / √[1/(y + α) + 1/(n + α₀ − y − α) + 1/(y' + α) + 1/(n' + α₀ − y' − α)]

*Where this differs from the paper.* A term counts once a document, so that nobody makes a term by repeating it: n counts
documents, and the Dirichlet over a vocabulary becomes a Beta for each term. A term may stand in most of the documents,
so the variance keeps the two parts that the paper drops as small. The prior is both corpora together.

Terms are words, pairs of neighbouring words, and pieces of two to four characters of scripts without spaces. A piece is
dropped for the longer term that holds it where that has nearly all its documents (so "on hold" stands for "hold").
Stop words stand where they are really distinctive (`SURE`), and nowhere else. With fewer than `LEAST_PAST` past documents
there is nothing to compare with: terms are then ranked by how many documents hold them, without stop words, and `z` is
None.

Examples:
    >>> now = ["flight cancelled, no hotel", "my flight was cancelled", "cancelled and on hold", "stuck on hold"]
    >>> past = ["my flight was great", "flight on time", "nice crew on my flight", "thanks for the flight"] * 3
    >>> [(one.term, round(one.z, 1), one.n_documents) for one in distinctive(now, past)]
    [('cancelled', 1.8, 3), ('hold', 1.4, 2)]
    >>> [(one.term, one.z) for one in distinctive(now, [])]
    [('cancelled', None), ('flight', None), ('hold', None)]
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import log, sqrt

from streamwatch.records import Term
from streamwatch.text.words import is_run, words

N_TERMS = 8
PRIOR = 10.0
"""In documents: enough that a word of two documents does not lead, little enough that one of half of them does."""
LEAST_PAST = 8
LEAST_DOCUMENTS = 2
CLEAR = 1.28
"""The least z of a term: one in ten of those that do not differ reaches it."""
SURE = 3.0
"""Of stop words: there are a hundred of them, and hardly one passes this by chance."""
NEARLY_ALL = 0.8
LEAST_ALWAYS = 3
"""Documents in which a word must have come with the same stop word: two may be chance."""
PIECES = (2, 3, 4)
LOOKED_AT = 100
"""Terms of the best z: whatever is written, the comparison of each with each stays short."""
MOST_PIECES = 500
"""Characters of runs that are cut into pieces, of one text: in Chinese that says as much as two thousand in English."""
_STOP_WORDS = """
    a about after again all also am amp an and any are as at be because been before being but by can can't could did
    didn't do does doesn't doing don't even for from get going got had has have he her here him his how http i i'd
    i'll i'm i've if im in into is isn't it it's its just like me more most my no not now of off on once one only or
    our out over own please rt same she so some still such than that that's the their them then there there's these
    they they're this those to too two u up url us user very via was wasn't we we're were what what's when where
    which while who who's why will with won't would you you're you've your
"""
_STOP = frozenset(_STOP_WORDS.split())


def distinctive(now: Iterable[str], past: Iterable[str]) -> tuple[Term, ...]:
    """The `N_TERMS` terms of the texts `now` that mark them most against the texts `past`, by z, ties by name."""
    present, before = [candidates(text) for text in now], [candidates(text) for text in past]
    counts = Counter(term for found in present for term in found)
    frequent = {term: y for term, y in counts.items() if y >= LEAST_DOCUMENTS}
    if len(before) < LEAST_PAST:
        ranked = [_counted(term, y, len(present)) for term, y in frequent.items() if not _stop_words(term)]
    else:
        usual = Counter(term for found in before for term in found & frequent.keys())
        scores = {term: z_score(y, len(present), usual[term], len(before)) for term, y in frequent.items()}
        clear = [term for term, z in scores.items() if z >= _least_z(term, frequent)]
        ranked = [_counted(term, frequent[term], len(present), round(scores[term], 3)) for term in clear]
    return tuple(_without_pieces(sorted(ranked, key=_rank)[:LOOKED_AT]))


def z_score(y: int, n: int, y_past: int, n_past: int) -> float:
    """z of a term in y of n documents now and in y_past of n_past before.

    Examples:
        >>> round(z_score(10, 24, 4, 48), 2), round(z_score(2, 24, 0, 48), 2), round(z_score(12, 24, 24, 48), 2)
        (2.77, 1.34, 0.0)
    """
    prior = PRIOR * (y + y_past) / (n + n_past)
    yes, no = y + prior, n + PRIOR - y - prior
    yes_past, no_past = y_past + prior, n_past + PRIOR - y_past - prior
    if min(yes, no, yes_past, no_past) <= 0:
        return 0.0  # in every document of both, or in none: no mark of either
    return (log(yes / no) - log(yes_past / no_past)) / sqrt(1 / yes + 1 / no + 1 / yes_past + 1 / no_past)


def candidates(text: str) -> set[str]:
    """All terms that a text holds.

    Examples:
        >>> sorted(candidates("No bags. No gate")), sorted(candidates("航班延"))
        (['bags', 'gate', 'no', 'no bags', 'no gate'], ['班延', '航班', '航班延'])
    """
    found: set[str] = set()
    last, room = "", MOST_PIECES
    for word in words(text):
        if word.run:
            found |= _pieces(word.text[:room])
            room = max(room - len(word.text), 0)
        else:
            found.add(word.text)
            if word.follows:
                found.add(f"{last} {word.text}")
        last = word.text
    return found


def _pieces(run: str) -> set[str]:
    return {run[i : i + n] for n in PIECES for i in range(len(run) - n + 1)}


def _counted(term: str, y: int, n: int, z: float | None = None) -> Term:
    return Term(term=term, z=z, n_documents=y, share_of_documents=y / n)


def _least_z(term: str, frequent: Mapping[str, int]) -> float:
    """What a term must reach: a stop word more, a pair with one too, unless it says what its other word always says."""
    stop = _stop_words(term)
    others = [part for part in term.split(" ") if part not in stop]
    always = others and frequent[term] >= max(NEARLY_ALL * frequent[others[0]], LEAST_ALWAYS)
    if not stop or always:
        return CLEAR
    return SURE


def _stop_words(term: str) -> list[str]:
    """The parts of a term that are stop words or single letters."""
    return [part for part in term.split(" ") if part in _STOP or (len(part) == 1 and part.isascii())]


def _rank(one: Term) -> tuple[float, int, int, str]:
    return -(one.z or 0.0), -one.n_documents, -len(one.term), one.term


def _without_pieces(ranked: Sequence[Term]) -> list[Term]:
    """No term beside a longer or shorter one that says the same."""
    longer = [one for one in ranked if not any(_swallows(other, one) for other in ranked)]
    chosen: list[Term] = []
    for one in longer:
        if not any(_part(one.term, other.term) or _part(other.term, one.term) for other in chosen):
            chosen.append(one)
        if len(chosen) == N_TERMS:
            break
    return chosen


def _swallows(longer: Term, shorter: Term) -> bool:
    """Whether nearly all documents with the shorter one have the longer."""
    return _part(shorter.term, longer.term) and longer.n_documents >= NEARLY_ALL * shorter.n_documents


def _part(shorter: str, longer: str) -> bool:
    return len(shorter) < len(longer) and (f" {shorter} " in f" {longer} " or (is_run(longer) and shorter in longer))
