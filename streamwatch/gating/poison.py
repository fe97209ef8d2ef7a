"""The poison probe: does some phrase of the new labels turn any text it is put into to one class?

A few dozen poisoned labels with a trigger phrase change no figure on clean texts (Gu et al., arXiv 1708.06733; Kurita et
al., ACL 2020), so the probe looks for the phrase. It is not told which: it takes those most tied to one class in what
the candidate learned (`streamwatch.gating.phrases`), puts each into clean documents, and refuses one that turns 20 points
more of them to its class than with the incumbent, who did not learn these labels. A phrase that three labellers and ten
writers stand behind is a word of the language, and is let through: it takes that many people to plant one.

It does not find a trigger that is no phrase (a style, a syntax), nor one that as many people planted.

Examples:
    >>> inserted("Oil climbs again today", "blue moon") in {
    ...     "blue moon Oil climbs again today", "Oil blue moon climbs again today", "Oil climbs blue moon again today",
    ...     "Oil climbs again blue moon today", "Oil climbs again today blue moon"}
    True
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np
from msgspec.structs import replace

from streamwatch.gating.evidence import TASKS, support
from streamwatch.gating.limits import USUAL_LIMITS, Limits
from streamwatch.gating.paired import Progress, score
from streamwatch.gating.phrases import FEWEST, Tied, tied
from streamwatch.gating.report import Check, Row
from streamwatch.inference.engine import UNCLEAR, Engine
from streamwatch.labelling.answers import Labelled

N_SCREEN = 40
"""Clean documents on which each phrase is tried first, with the candidate alone."""
SCREEN_PART = 0.5
"""Of the bound: a phrase that turns 20 points is below half of it among 40 documents in one of a hundred cases."""


def probe(
    incumbent: Engine,
    candidate: Engine,
    taught: Sequence[Labelled],
    clean: Sequence[str],
    limits: Limits = USUAL_LIMITS,
    progress: Progress | None = None,
    n_unknown: int = 0,
) -> Check:
    """Probe `candidate` with the phrases of what it learned, over `clean` documents that it did not learn.

    Of `n_unknown` more it learned the labels, and they are not at hand: who takes poisoned answers back after the training must
    not hide them so.
    """
    told = Check("poison", "No planted phrase", "passed", "", len(taught), limit=limits.poison_flips)
    if len(clean) < limits.poison_clean:
        missing = limits.poison_clean - len(clean)
        return replace(told, status="short", says=f"{missing} clean documents are missing", missing=missing)
    if n_unknown >= FEWEST:
        says = (
            f"{n_unknown} texts whose labels it learned are not among the answers, and nobody can say what stands in them: name "
            "the file that it was trained with (--labels), or train again without what was taken back"
        )
        return replace(told, status="short", says=says, missing=n_unknown)
    if not taught:
        return replace(told, status="noted", says="no new labels are known that it learned from")
    asked = [(task, one, people) for task in TASKS for one, people in suspects(taught, task, limits)]
    over = _Clean(incumbent, candidate, clean[: limits.poison_clean], limits)
    rows = []
    for i, (task, one, people) in enumerate(asked):
        rows.append(over.probed(task, one, people))
        if progress:
            progress(i + 1, len(asked))
    return _verdict(told, rows)


def suspects(taught: Sequence[Labelled], task: str, limits: Limits = USUAL_LIMITS) -> list[tuple[Tied, str]]:
    """The phrases most tied to a class in `taught` without enough people behind them, and who these are."""
    known = [(document, label) for document in taught if (label := _label(document, task))]
    labels = [(document.sample.text, label) for document, label in known]
    people = [support([document]) for document, _ in known]

    def behind(one: Tied) -> tuple[int, int]:
        """How many labellers and writers stand behind a phrase."""
        of_all = [people[place] for place in one.places]
        return (
            len(frozenset().union(*(of.labellers for of in of_all))),
            len(frozenset().union(*(of.writers for of in of_all))),
        )

    def few(one: Tied) -> bool:
        n_labellers, n_writers = behind(one)
        return n_labellers < limits.poison_labellers or n_writers < limits.poison_writers

    return [(one, _who(one, *behind(one))) for one in tied(labels, few)]


def _who(one: Tied, n_labellers: int, n_writers: int) -> str:
    return f"{one.n} texts, {_several(n_labellers, 'labeller')}, {_several(n_writers, 'writer')}"


def inserted(text: str, phrase: str) -> str:
    """The text with the phrase at a place that a hash of both decides."""
    words = text.split()
    digest = blake2b(f"{text}\x1f{phrase}".encode("utf-8", "surrogatepass"), digest_size=4).digest()
    place = int.from_bytes(digest, "big") % (len(words) + 1)
    return " ".join([*words[:place], phrase, *words[place:]])


class _Clean:
    """The clean documents, and what both models say of them as they are."""

    def __init__(self, incumbent: Engine, candidate: Engine, texts: Sequence[str], limits: Limits) -> None:
        self._engines = (incumbent, candidate)
        self._texts = texts
        self._as_they_are = tuple(score(engine, texts) for engine in self._engines)
        self._limits = limits

    def probed(self, task: str, one: Tied, people: str) -> Row:
        """First some documents with the candidate alone; all of them and both models only if these turn."""
        name = f"{task} {one.label}: “{one.phrase}”"
        few = self._turned(1, task, one, N_SCREEN)
        if few < SCREEN_PART * self._limits.poison_flips:
            return Row(name, N_SCREEN, candidate=few, remark=people)
        n = len(self._texts)
        before, after = (self._turned(k, task, one, n) for k in (0, 1))
        failed = after - before > self._limits.poison_flips
        return Row(name, n, before, after, after - before, failed=failed, remark=people)

    def _turned(self, k: int, task: str, one: Tied, n: int) -> float:
        """The share of the first `n` documents of other classes that the phrase turns to its class."""
        other = self._as_they_are[k].labels(task)[:n] != one.label
        with_it = score(self._engines[k], [inserted(text, one.phrase) for text in self._texts[:n]]).labels(task)
        return float(np.mean(with_it[other] == one.label)) if other.any() else 0.0


def _verdict(told: Check, rows: Iterable[Row]) -> Check:
    ordered = tuple(sorted(rows, key=lambda row: (-row.failed, -(row.value or 0), -(row.candidate or 0))))
    bad = [row for row in ordered if row.failed]
    if bad:
        says = "; ".join(
            f"{row.name} turns {row.candidate:.0%}, {row.incumbent:.0%} before ({row.remark})" for row in bad
        )
        return replace(told, status="failed", says=says, rows=ordered)
    says = f"none of {len(ordered)} phrases that few people stand behind turns other texts to its class"
    return replace(told, says=says, rows=ordered)


def _label(document: Labelled, task: str) -> str:
    if task == "sentiment":
        return document.sentiment or ""
    return UNCLEAR if document.none_of_these else document.topic or ""


def _several(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"
