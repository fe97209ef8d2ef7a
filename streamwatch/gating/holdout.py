"""Which answers are never learned from, so that the gate has some to measure a gain on.

Half of the uniformly drawn part of the queue, by a hash of the text: every retraining and every gate finds the same
half, today's and next year's, without a list. What was drawn for its uncertainty all goes into training, where it
helps most and where it would bias a measurement.

A text that is a copy or a near copy of a held-out one is not learned from either: it would tell the answer.

Examples:
    >>> from streamwatch.labelling.answers import Answers
    >>> from streamwatch.labelling.examples import answer
    >>> texts = ["Sales fell", "Oil climbs again", "Gold rises", "Delta cancels flights"]
    >>> answers = Answers(answer(f"d{i}", "ana", text=text, topic="ipo") for i, text in enumerate(texts))
    >>> parts = split(answers)
    >>> len(parts.learn) + len(parts.held), parts.n_copies
    (4, 0)
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

from streamwatch.labelling.answers import Labelled
from streamwatch.learning.near_copies import near_copies
from streamwatch.text.clean import model_text, text_hash

HELD_SHARE = 0.5
"""A gain of 4 points at 15 % of answers that differ needs 600 documents for a power of 80 %: a third would leave too few."""
PERSON = b"holdout"


class Split(NamedTuple):
    """What may be learned from, what is held out for the gate, and how many near copies of the latter were left out."""

    learn: list[Labelled]
    held: list[Labelled]
    n_copies: int


def split(labelled: Iterable[Labelled]) -> Split:
    """The two parts of the answers, each in the order in which it came. What holds personal data is in neither."""
    documents = [document for document in labelled if not document.withdrawn]
    held = [document for document in documents if is_held_out(document)]
    rest = [document for document in documents if not is_held_out(document)]
    copies = near_copies([d.sample.text for d in rest], [d.sample.text for d in held])
    known = {document_hash(document) for document in held}
    learn = [d for d, copy in zip(rest, copies, strict=True) if not copy and document_hash(d) not in known]
    return Split(learn, held, len(rest) - len(learn))


def is_held_out(document: Labelled) -> bool:
    """Whether the document belongs to the gate: drawn uniformly, its text on the held-out side."""
    return document.sample.drawn_as == "uniform" and _side(document.sample.text) < HELD_SHARE


def document_hash(document: Labelled) -> str:
    """The hash of the text as the model reads it: copies share it, and it says nothing of who wrote it."""
    return text_hash(model_text(document.sample.text))


def _side(text: str) -> float:
    digest = blake2b(model_text(text).encode("utf-8", "surrogatepass"), digest_size=7, person=PERSON).digest()
    return int.from_bytes(digest, "big") / 2**56
