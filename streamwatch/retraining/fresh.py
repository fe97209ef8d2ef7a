"""What people answered, as texts to learn from; and what cannot be learned, with the reason.

Nothing disappears: every document that was answered is learned or listed. One on which people differ is left out of the task
on which they do, one whose label the model does not have too, and so is what lies above the caps on one writer and one
labeller (`streamwatch.gating.caps`).

Examples:
    >>> from streamwatch.labelling.examples import answer
    >>> from streamwatch.labelling.answers import Answers
    >>> heads = {"topic": ("earnings", "unclear"), "sentiment": ("negative", "neutral", "positive")}
    >>> said = [answer("a", "ann", sentiment="negative"), answer("a", "bob", sentiment="positive")]
    >>> found = fresh(Answers(said), heads)
    >>> found.texts, [(one.id, one.why) for one in found.left_out]
    ([], [('a', 'sentiment: ann says negative, bob says positive')])
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
import pandas as pd

from streamwatch.gating.caps import capped
from streamwatch.inference.engine import UNCLEAR
from streamwatch.labelling.answers import Answers, Labelled
from streamwatch.retraining.known import KnownText, id_hash
from streamwatch.timeline import to_ms

TASKS = ("topic", "sentiment")
CANNOT_TELL = "cannot_tell"
ALONE = 1
"""A class with so many examples can be learned and not measured: that is said."""


class LeftOut(msgspec.Struct, frozen=True):
    """A document that is not learned from, or not for one task, and why. The text is not repeated."""

    id: str
    why: str


class Fresh(msgspec.Struct, frozen=True):
    """What can be learned, in an order that does not depend on the order of the answers, and what was left out."""

    texts: list[KnownText] = []
    left_out: list[LeftOut] = []
    answered_until: datetime | None = None


def fresh(answers: Iterable[Labelled], labels: Mapping[str, Sequence[str]], since: datetime | None = None) -> Fresh:
    """The texts to learn from in `answers`.

    Args:
        labels: of the model's heads, by task; an answer with another label is listed.
        since: a document whose newest answer is not later is not fresh.
    """
    documents = {one.id: one for one in answers}
    frame = answers_frame(documents.values(), since)
    if frame.empty:
        return Fresh()
    left_out: list[LeftOut] = []
    asked = [documents[name] for name in frame["id"]]
    texts = [text for one in asked if (text := _text(one, labels, left_out)) is not None]
    kept = _capped(texts, documents, left_out)
    kept.sort(key=lambda text: id_hash(text.id))
    left_out.sort(key=lambda one: (one.id, one.why))
    return Fresh(kept, left_out, frame["answered_at"].max().to_pydatetime())


def taken_back(answers: Answers) -> set[str]:
    """The documents of which an answer was taken back, that are withdrawn, or on whose labels people differ by now.

    What was learned of them no longer holds.

    >>> from streamwatch.labelling.examples import answer
    >>> from streamwatch.labelling.answers import Answers
    >>> verdicts = {"a": "answered", "b": "undone", "c": "personal_data"}
    >>> sorted(taken_back(Answers(answer(name, "ann", verdict=said) for name, said in verdicts.items())))
    ['b', 'c']
    """
    disputed = {one.id for one in answers if any(task in one.conflicts for task in TASKS)}
    return disputed | {one.id for one in answers.records() if one.verdict in ("undone", "personal_data")}


def answers_frame(answers: Iterable[Labelled], since: datetime | None = None) -> pd.DataFrame:
    """A row for each answered document, by id: when it was last answered, by how many, how it was drawn.

    >>> from streamwatch.labelling.examples import answer
    >>> from streamwatch.labelling.answers import Answers
    >>> answers_frame(Answers([answer("a", "ann"), answer("a", "bob"), answer("b", "ann")]))["n_labellers"].tolist()
    [2, 1]
    """
    rows = [(one.id, max(a.answered_at for a in one.answers), len(one.answers), one.sample.drawn_as) for one in answers]
    frame = pd.DataFrame(rows, columns=["id", "answered_at", "n_labellers", "drawn_as"]).sort_values("id")
    frame["answered_at"] = pd.to_datetime(frame["answered_at"], utc=True)
    return frame if since is None else frame[frame["answered_at"] > pd.Timestamp(since)]


def _text(document: Labelled, labels: Mapping[str, Sequence[str]], left_out: list[LeftOut]) -> KnownText | None:
    """One document with what its labellers agree on; None, and listed, where nothing of it can be learned."""
    why = _whole_fault(document)
    if why:
        left_out.append(LeftOut(document.id, why))
        return None
    faults = {task: _fault(document, task, labels.get(task, ())) for task in TASKS}
    left_out += [LeftOut(document.id, f"{task}: {fault}") for task, fault in faults.items() if fault]
    said = {task: "" if faults[task] else _said(document, task) for task in TASKS}
    if not any(said.values()):
        if not any(faults.values()):
            left_out.append(
                LeftOut(document.id, f"no label: {', '.join(sorted({a.verdict for a in document.answers}))}")
            )
        return None
    sample = document.sample
    return KnownText(
        id=document.id,
        text=sample.text,
        published_ms=to_ms(sample.published_at),
        origin="answers",
        source=sample.source,
        author_hash=sample.author_hash,
        reading="" if document.reading == CANNOT_TELL else document.reading,
        uniform=sample.drawn_as == "uniform",
        topic=said["topic"],
        sentiment=said["sentiment"],
    )


def _whole_fault(document: Labelled) -> str:
    """Why nothing of a document can be learned; empty where something may be."""
    if document.withdrawn:
        return "somebody saw personal data in it"
    if not document.sample.text.strip():
        return "its text is not known: was the file edited by hand?"
    return ""


def _said(document: Labelled, task: str) -> str:
    if task == "topic":
        return UNCLEAR if document.none_of_these else document.topic or ""
    return document.sentiment or ""


def _fault(document: Labelled, task: str, known: Sequence[str]) -> str:
    """Why a document teaches nothing of a task although it was answered; empty where it does, or nobody gave a label."""
    if task in document.conflicts:
        return ", ".join(f"{who} says {label}" for who, label in sorted(document.given(task).items()))
    label = _said(document, task)
    return f"the model has no label {label!r}" if label and label not in known else ""


def _capped(texts: list[KnownText], documents: Mapping[str, Labelled], left_out: list[LeftOut]) -> list[KnownText]:
    """`texts` without those above the caps on one writer and one labeller."""
    kept = {one.id for one in capped([documents[text.id] for text in texts]).kept}
    left_out += [
        LeftOut(text.id, "above the cap on its writer or its labeller") for text in texts if text.id not in kept
    ]
    return [text for text in texts if text.id in kept]


def class_counts(texts: Iterable[KnownText]) -> dict[str, int]:
    """How many examples each class has, `task/label`, the rarest first.

    >>> class_counts([KnownText(id="a", text="a", published_ms=0, origin="answers", topic="ipo", sentiment="neutral")])
    {'sentiment/neutral': 1, 'topic/ipo': 1}
    """
    said = [f"{task}/{text.said(task)}" for text in texts for task in TASKS if text.said(task)]
    counts = pd.Series(said, dtype="object").value_counts()
    return {str(name): int(n) for name, n in sorted(counts.items(), key=lambda pair: (pair[1], pair[0]))}
