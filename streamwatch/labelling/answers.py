"""What people have said of documents: the records of the channel `labels`, folded in their order.

A pure view, as `decisions.view` is: it can be thrown away and folded again. Of each document and labeller the newest record
counts, and one that is `undone` takes the answer back.

A part of an answer (topic, sentiment, reading) is agreed on when more than half of those who gave it gave the same: one
alone is enough, two who differ are a conflict, a third decides. Who was unsure, or cannot tell for whom, has given nothing;
"none of these topics" is a topic as any other when it comes to agreeing, and leaves the document without one. What anybody
calls personal data is withdrawn: its labels are nobody's to learn from.

Examples:
    >>> from streamwatch.labelling.examples import answer
    >>> answers = Answers([answer("d1", "ana", topic="earnings"), answer("d1", "ben", topic="markets")])
    >>> answers["d1"].topic is None, answers["d1"].conflicts
    (True, ('topic',))
    >>> answers.apply(answer("d1", "ben", verdict="undone"))
    >>> answers["d1"].topic, [one.labeller for one in answers["d1"].answers]
    ('earnings', ['ana'])
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from streamwatch.codec import decode
from streamwatch.config import Settings
from streamwatch.errors import ConfigError, RejectError
from streamwatch.records import SENTIMENTS, Answer, Reading, Sentiment

log = logging.getLogger(__name__)

SEPARATOR = "\x1f"
"""Between id and labeller: the unit separator of ASCII, which no name holds."""
NONE_OF_THESE = "none_of_these"
CANNOT_TELL = "cannot_tell"
PARTS = ("topic", "sentiment", "reading")
REPEATED = (
    "id", "text", "published_at", "source", "author_hash", "prediction", "drawn_as", "inclusion_probability", "p_uniform",
)  # fmt: skip
"""The fields of a sample that an answer repeats."""


def key_of(answer: Answer) -> str:
    """The key of a record on `labels`.

    >>> from streamwatch.labelling.examples import answer
    >>> key_of(answer("d1", "ana"))
    'd1\\x1fana'
    """
    return f"{answer.id}{SEPARATOR}{answer.labeller}"


class Labelled(msgspec.Struct, frozen=True):
    """All that is said of one document now: the newest answer of each labeller, by name, none of them undone."""

    id: str
    answers: tuple[Answer, ...]

    @property
    def sample(self) -> Answer:
        """One of the answers, for what all of them repeat: text, date, source, prediction, π and how it was drawn."""
        return self.answers[0]

    @property
    def withdrawn(self) -> bool:
        """Whether somebody saw personal data in it: nothing is learned from it, and nobody is shown it again."""
        return any(one.verdict == "personal_data" for one in self.answers)

    @property
    def topic(self) -> str | None:
        """The topic agreed on; None where there is none, where people differ, and where none of the topics fits."""
        agreed = self._agreed("topic")
        return None if agreed == NONE_OF_THESE else agreed

    @property
    def none_of_these(self) -> bool:
        """Whether it is agreed that none of the model's topics fits."""
        return self._agreed("topic") == NONE_OF_THESE

    @property
    def sentiment(self) -> Sentiment | None:
        """The sentiment agreed on."""
        agreed = self._agreed("sentiment")
        return next((one for one in SENTIMENTS if one == agreed), None)

    @property
    def reading(self) -> Reading:
        """For whom the sentiment holds, as agreed on; `cannot_tell` where people differ."""
        agreed = self._agreed("reading")
        return "market" if agreed == "market" else "customer" if agreed == "customer" else "cannot_tell"

    @property
    def conflicts(self) -> tuple[str, ...]:
        """The parts that were given and not agreed on."""
        return tuple(part for part in PARTS if self.given(part) and _majority(self.given(part)) is None)

    def given(self, part: str) -> dict[str, str]:
        """By labeller, what was given of a part (`topic`, `sentiment`, `reading`)."""
        said = {one.labeller: part_of(one, part) for one in self.answers}
        return {labeller: value for labeller, value in said.items() if value is not None}

    def _agreed(self, part: str) -> str | None:
        return None if self.withdrawn else _majority(self.given(part))


def part_of(answer: Answer, part: str) -> str | None:
    """What an answer gives of a part; None where it gives nothing."""
    if answer.verdict not in ("answered", NONE_OF_THESE):
        return None
    if part == "topic":
        return NONE_OF_THESE if answer.verdict == NONE_OF_THESE else answer.topic
    if part == "sentiment":
        return answer.sentiment
    return answer.reading if answer.sentiment is not None and answer.reading != CANNOT_TELL else None


def _majority(given: dict[str, str]) -> str | None:
    ((value, n),) = Counter(given.values()).most_common(1) or [("", 0)]
    return value if 2 * n > len(given) else None


class Answers:
    """By document id, what people say of it: a mapping, in the order in which the documents were first answered."""

    def __init__(self, answers: Iterable[Answer] = ()) -> None:
        self._newest: dict[str, dict[str, Answer]] = {}
        for one in answers:
            self.apply(one)

    def apply(self, answer: Answer) -> None:
        """Count one record."""
        self._newest.setdefault(answer.id, {})[answer.labeller] = answer

    def forget(self, key: str) -> None:
        """Forget all that a labeller said of a document, by the key of their records."""
        document_id, _, labeller = key.partition(SEPARATOR)
        self._newest.get(document_id, {}).pop(labeller, None)

    def copied(self) -> "Answers":
        """All of it as it is now, for who reads while another goes on folding."""
        copy = Answers()
        copy._newest = {document_id: dict(said) for document_id, said in self._newest.items()}
        return copy

    def newest(self, document_id: str, labeller: str) -> Answer | None:
        """The newest record of a document and a labeller, an undone one too."""
        return self._newest.get(document_id, {}).get(labeller)

    def records(self) -> Iterator[Answer]:
        """The newest record of each document and labeller, undone ones too: these repeat the text as well."""
        return (one for of_document in self._newest.values() for one in of_document.values())

    def get(self, document_id: str) -> Labelled | None:
        """What is said of a document, None where nothing is, or everything was undone."""
        kept = [one for one in self._newest.get(document_id, {}).values() if one.verdict != "undone"]
        return Labelled(document_id, tuple(sorted(kept, key=lambda one: one.labeller))) if kept else None

    def __getitem__(self, document_id: str) -> Labelled:
        found = self.get(document_id)
        if found is None:
            raise KeyError(document_id)
        return found

    def __contains__(self, document_id: str) -> bool:
        return self.get(document_id) is not None

    def __iter__(self) -> Iterator[Labelled]:
        """The labelled documents, by when they were first answered."""
        return (found for document_id in self._newest if (found := self.get(document_id)) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def read_labels(settings: Settings) -> Answers:
    """All that the channel `labels` holds now. A record that is none of ours is said and left out; one
    without a value forgets its key.

    Raises `ConfigError` where there is no channel, `BrokerUnavailable`.
    """
    from streamwatch.following.channel_log import fold

    answers = Answers()
    fold(settings, "labels", Answer, answers.apply, answers.forget)
    return answers


def read_file(path: Path) -> Answers:
    """The answers of a file: one record of the channel a line, as JSON. Raises `ConfigError` with the line's number."""
    answers = Answers()
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            answers.apply(_answer(line, f"{path}, line {number}"))
    return answers


def _answer(line: bytes, place: str) -> Answer:
    try:
        return decode(line, Answer)
    except RejectError as error:
        raise ConfigError(f"{place}: no answer (schema label.v1): {error.detail}") from error
