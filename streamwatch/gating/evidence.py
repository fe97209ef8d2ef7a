"""What a candidate is judged by: fresh answers, the labelled past, the unlabelled stream, and what it learned from.

    answers ─┬─ held out, drawn uniformly, not trained on ─┬─ since the incumbent serves ── fresh: is it better?
             │                                             └─ before ────────────────────┐
             └─ learned from ─────────────────────────────── taught: caps, poison probe  │
    labelled texts of the past, not trained on ─────────────────────────────────────────┴─ past: is it not worse?
    documents of the stream, not trained on ──────────────── recent: what changes where the incumbent was sure?

Examples:
    >>> from streamwatch.labelling.answers import Answers
    >>> from streamwatch.labelling.examples import answer
    >>> answers = Answers(answer(f"d{i}", "ana", text=text, topic="ipo") for i, text in enumerate(["Gold rises", "Sales fell"]))
    >>> made = gathered(answers)
    >>> [document.text for document in made.fresh], [document.sample.text for document in made.taught]
    (['Gold rises'], ['Sales fell'])
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from streamwatch.gating.caps import labellers, writer_of
from streamwatch.gating.holdout import held_out_of_stream, is_held_out
from streamwatch.gating.trained_on import TrainedOn
from streamwatch.inference.engine import UNCLEAR
from streamwatch.labelling.answers import Answers, Labelled
from streamwatch.learning.near_copies import near_copies

TASKS = ("sentiment", "topic")


class Known(NamedTuple):
    """A document whose labels are known.

    Args:
        labels: by task; a task that nobody labelled is not there.
        slices: names of what it is a part of: `source newswire`.
        n_people: who answered.
        weight: how many documents of the stream it stands for, up to a factor.
    """

    text: str
    labels: dict[str, str]
    slices: tuple[str, ...] = ()
    n_people: int = 1
    weight: float = 1.0


class Evidence(NamedTuple):
    """All that a candidate is judged by.

    `taught` are the answers that it learned from (as it says, or all that it could have: `says_what`), out of `n_answered`;
    `n_conflicts` held-out answers are left out of a task in which people disagree; `n_unknown` texts whose labels the candidate
    learned are among no answers. `asked_before` counts the earlier gates that saw the fresh answers (`streamwatch.gating.looks`).
    """

    fresh: tuple[Known, ...] = ()
    past: tuple[Known, ...] = ()
    recent: tuple[str, ...] = ()
    taught: tuple[Labelled, ...] = ()
    says_what: bool = False
    n_answered: int = 0
    n_conflicts: int = 0
    n_unknown: int = 0
    asked_before: float = 0.0

    @property
    def counts(self) -> dict[str, int]:
        """How much there is of each."""
        return {
            "fresh": len(self.fresh),
            "fresh_two_people": sum(document.n_people > 1 for document in self.fresh),
            "past": len(self.past),
            "recent": len(self.recent),
            "taught": len(self.taught),
            "answered": self.n_answered,
            "conflicts": self.n_conflicts,
            "unknown": self.n_unknown,
            "asked_before": round(self.asked_before),
        }


def gathered(
    answers: Answers,
    past: Iterable[Known] = (),
    recent: Iterable[str] = (),
    trained_on: TrainedOn | None = None,
    since: datetime | None = None,
) -> Evidence:
    """The evidence in `answers` and beside them. What the candidate says it was trained on is left out everywhere.

    Args:
        trained_on: what it says; without it, of the stream only what retraining holds out is taken.
        since: when the incumbent began to serve: what was answered before is of the past.
    """
    usable = [document for document in answers if not document.withdrawn]
    taught = [document for document in usable if _taught(document, trained_on)]
    held = [document for document in usable if is_held_out(document) and not _seen(document.sample.text, trained_on)]
    held = _unlike(held, taught) if trained_on is not None else held
    old = [document for document in held if since and document.sample.answered_at < since]
    known = [*filter(None, map(known_document, old)), *past]
    return Evidence(
        tuple(filter(None, (known_document(document) for document in held if document not in old))),
        tuple(document for document in known if not _seen(document.text, trained_on)),
        tuple(text for text in recent if not may_have_learned(text, trained_on)),
        tuple(taught),
        trained_on is not None,
        len(usable),
        sum(bool(document.conflicts) for document in held),
        _n_unknown(taught, trained_on),
    )


def asked(evidence: Evidence) -> tuple[str, ...]:
    """Which fresh answers a gate asks: hashes of their texts, sorted."""
    return tuple(sorted(TrainedOn.hash(document.text) for document in evidence.fresh))


def _unlike(held: Sequence[Labelled], taught: Sequence[Labelled]) -> list[Labelled]:
    """What is no near copy of a text whose label the candidate learned. Retraining knew of those that were answered by then."""
    texts, learned = ([document.sample.text for document in of] for of in (held, taught))
    return [document for document, copied in zip(held, near_copies(texts, learned), strict=True) if not copied]


def _n_unknown(taught: Sequence[Labelled], trained_on: TrainedOn | None) -> int:
    """Of how many texts the candidate learned a label that nobody gives any more."""
    if trained_on is None:
        return 0
    return len(trained_on.labelled - {TrainedOn.hash(document.sample.text) for document in taught})


def known_document(document: Labelled) -> Known | None:
    """An answered document, None where people agree on nothing of it.

    It stands for 1 / π documents of its hour, π being that of the uniform draw.
    """
    topic = UNCLEAR if document.none_of_these else document.topic
    found = {"sentiment": document.sentiment, "topic": topic}
    labels = {task: label for task, label in found.items() if label}
    source = document.sample.source
    slices = (*(f"{task} {label}" for task, label in labels.items()), *([f"source {source}"] if source else []))
    weight = 1.0 / max(document.sample.p_uniform, 1e-9)
    return Known(document.sample.text, labels, slices, len(labellers(document)), weight) if labels else None


def _seen(text: str, trained_on: TrainedOn | None) -> bool:
    return trained_on is not None and text in trained_on


def may_have_learned(text: str, trained_on: TrainedOn | None) -> bool:
    """Whether the candidate learned from a document of the stream: as it says, or as it could have."""
    return not held_out_of_stream(text) if trained_on is None else text in trained_on


def _taught(document: Labelled, trained_on: TrainedOn | None) -> bool:
    """Whether the candidate learned its label: as it says, or as it could have."""
    if not (document.given("sentiment") or document.given("topic")):
        return False
    return not is_held_out(document) if trained_on is None else trained_on.labels(document.sample.text)


class Support(NamedTuple):
    """Who stands behind some answers."""

    labellers: frozenset[str]
    writers: frozenset[str]


def support(documents: Sequence[Labelled]) -> Support:
    """The people behind `documents`. Writers who are not known are one for each source."""
    writers = frozenset(writer_of(document) or f"source {document.sample.source}" for document in documents)
    return Support(frozenset().union(*(labellers(document) for document in documents)), writers)
