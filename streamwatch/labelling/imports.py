"""What an import would write, before anything is written: new answers, and what is wrong with the rows.

Importing a file twice writes nothing the second time. A row that says something else than the labeller said before is a newer
answer if it was given later, and left out if not: an old export never takes back what was said since.

Examples:
    >>> from streamwatch.labelling.examples import answer, sample
    >>> from streamwatch.labelling.samples import Samples
    >>> samples = Samples()
    >>> samples.apply(sample("d1"))
    >>> rows = [Filled("row 2", "d1", topic="earnings"), Filled("row 3", "x9", topic="earnings"), Filled("row 4", "d1")]
    >>> found = plan(rows, samples, Answers(), ("earnings",), "ana", now_ms=0)
    >>> len(found.new), found.faults, found.n_empty
    (1, ['row 3: no document x9 in the queue'], 1)
    >>> again = plan(rows, samples, Answers(found.new), ("earnings",), "ana", now_ms=60_000)
    >>> len(again.new), again.n_unchanged
    (0, 1)
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from streamwatch.errors import ConfigError
from streamwatch.labelling.answers import Answers
from streamwatch.labelling.filled import Filled, to_answer
from streamwatch.labelling.samples import Samples
from streamwatch.records import Answer, DriftSample
from streamwatch.text.clean import normalise

SAID = ("verdict", "topic", "sentiment", "reading")


@dataclass
class Plan:
    """What an import does.

    Attributes:
        new: answers to write, those that change an earlier one too.
        changed: what is said now and was said before, by document and labeller.
        older: rows that were left out, since the labeller has said something else later.
        conflicts: documents on which people differ once all is written, with what each said.
        faults: rows that are no answer, each with its place.
    """

    new: list[Answer] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    older: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    n_unchanged: int = 0
    n_empty: int = 0


def plan(
    rows: Iterable[Filled], samples: Samples, answers: Answers, topics: tuple[str, ...], labeller: str, *, now_ms: int
) -> Plan:
    """Judge the rows against what was drawn and what was said. `labeller` is who filled in what names nobody."""
    found = Plan()
    places: dict[tuple[str, str], tuple[str, Answer]] = {}
    for row in rows:
        if row.is_empty:
            found.n_empty += 1
            continue
        try:
            said = to_answer(row, _document(row, samples, answers), labeller, topics, now_ms=now_ms)
            first = _check_once(row, said, places)
        except ConfigError as error:
            found.faults.append(str(error))
        else:
            if first:
                _judge(found, row, said, answers.newest(said.id, said.labeller))
            else:
                found.n_unchanged += 1
    found.conflicts = _conflicts(answers, found.new)
    return found


def _document(row: Filled, samples: Samples, answers: Answers) -> DriftSample | Answer:
    """What a row is about: a sample, or after its retention what an earlier answer repeats of it."""
    known = samples.get(row.id)
    if known is not None:
        return known
    said = answers.get(row.id)
    if said is None:
        raise ConfigError(f"{row.place}: no document {normalise(row.id)[:64]} in the queue")
    return said.sample


def _check_once(row: Filled, said: Answer, places: dict[tuple[str, str], tuple[str, Answer]]) -> bool:
    """Whether it is the first of this document and labeller: they may stand twice with the same answer, and not with two."""
    place, first = places.setdefault((said.id, said.labeller), (row.place, said))
    if first is not said and not _same(first, said):
        raise ConfigError(f"{row.place}: {said.labeller} says something else of {said.id} than in {place}")
    return first is said


def _judge(found: Plan, row: Filled, said: Answer, before: Answer | None) -> None:
    if before is None:
        found.new.append(said)
    elif _same(before, said):
        found.n_unchanged += 1
    elif row.answered_ms is not None and said.answered_at <= before.answered_at:
        found.older.append(f"{row.place}: {said.labeller} has since said {_words(before)} of {said.id}")
    else:
        found.new.append(said)
        found.changed.append(f"{said.id}, {said.labeller}: {_words(before)} → {_words(said)}")


def _same(a: Answer, b: Answer) -> bool:
    return all(getattr(a, name) == getattr(b, name) for name in SAID)


def _words(answer: Answer) -> str:
    said = [part for part in (answer.topic, answer.sentiment) if part]
    return " and ".join(said) if answer.verdict == "answered" else " with ".join([answer.verdict, *said])


def _conflicts(answers: Answers, new: Iterable[Answer]) -> list[str]:
    """The documents of the new answers on which people differ."""
    after = Answers(one for said in answers for one in said.answers)
    for answer in new:
        after.apply(answer)
    told = []
    for document_id in dict.fromkeys(answer.id for answer in new):
        said = after.get(document_id)
        for part in said.conflicts if said else ():
            given = ", ".join(f"{who} {what}" for who, what in sorted(said.given(part).items())) if said else ""
            told.append(f"{document_id}: {part}: {given}")
    return told
