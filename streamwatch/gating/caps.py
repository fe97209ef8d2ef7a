"""How many documents one writer and one labeller may stand behind among those that a model learns from.

Who writes much is labelled much, and whoever floods a stream would teach the model; so would one labeller who answers more than
all others. What is above a cap is left out, chosen by a hash of the id, so that neither the first nor the last of a
flood is what stays. Retraining applies this before it learns, and the gate sees whether it did.

A document counts for its writer, and for a labeller when its answer rests on him alone: where two agreed it is nobody's
alone. Authors that are not known are not capped (a news source has none). Who answers everything by himself is capped as
anybody is: a second person's opinion on some of it makes room, and one answer of a second person takes none away.

Examples:
    >>> from streamwatch.labelling.answers import Answers
    >>> from streamwatch.labelling.examples import answer
    >>> flood = [answer(f"f{i}", "ana", author_hash="w1", topic="ipo") for i in range(50)]
    >>> rest = [answer(f"r{i}", "ben", author_hash=f"v{i}", topic="ipo") for i in range(50)]
    >>> kept, over = capped(Answers(flood + rest))
    >>> len(kept), over.writers, over.labellers
    (55, {'w1': 45}, {})
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from streamwatch.labelling.answers import Labelled


class Caps(msgspec.Struct, frozen=True):
    """The caps. Of n documents one writer may stand behind `writer_share` of them, `writer_floor` at least.

    One in fifty: a trigger phrase needs dozens of documents to be learned, and hardly a writer of a real stream has so many;
    five, because with few answers a flood is no more than what people chose to answer. On one labeller alone may rest half: then
    two must fail together. 500 is what a person labels in a long day; a desk of one learns that much at a time, and half of
    what is more.
    """

    writer_share: float = 0.02
    writer_floor: int = 5
    labeller_share: float = 0.5
    labeller_floor: int = 500

    def writer(self, n: int) -> int:
        """Documents of one writer among n."""
        return max(self.writer_floor, int(self.writer_share * n))

    def labeller(self, n: int) -> int:
        """Documents that rest on one labeller alone among n."""
        return max(self.labeller_floor, int(self.labeller_share * n))


USUAL = Caps()


class Over(NamedTuple):
    """By writer and by labeller, how many documents lie above the cap."""

    writers: Mapping[str, int]
    labellers: Mapping[str, int]


class Capped(NamedTuple):
    """The documents within the caps, in the order in which they came, and how many of whom were left out."""

    kept: list[Labelled]
    over: Over


def capped(labelled: Iterable[Labelled], caps: Caps = USUAL, n: int | None = None) -> Capped:
    """What a model may learn from of `labelled`, which are a part of `n` answered documents (all of them by default)."""
    documents = list(labelled)
    n = len(documents) if n is None else n
    most_of_writer, most_of_labeller = caps.writer(n), caps.labeller(n)
    n_writer, n_labeller = Counter[str](), Counter[str]()
    writers, sole = Counter[str](), Counter[str]()
    kept = set()
    for document in sorted(documents, key=_place):
        writer, labeller = writer_of(document), rests_on(document)
        n_writer[writer] += bool(writer)
        if writer and n_writer[writer] > most_of_writer:
            writers[writer] += 1
            continue
        n_labeller[labeller] += bool(labeller)
        if labeller and n_labeller[labeller] > most_of_labeller:
            sole[labeller] += 1
            continue
        kept.add(document.id)
    return Capped([document for document in documents if document.id in kept], Over(dict(writers), dict(sole)))


def writer_of(document: Labelled) -> str:
    """The hash of who wrote it, empty where that is not known."""
    return document.sample.author_hash


def labellers(document: Labelled) -> frozenset[str]:
    """Who gave a topic or a sentiment."""
    return frozenset(document.given("topic")) | frozenset(document.given("sentiment"))


def rests_on(document: Labelled) -> str:
    """The one labeller on whom the answer rests, empty where there are several or none."""
    [*found] = labellers(document)
    return found[0] if len(found) == 1 else ""


def _place(document: Labelled) -> bytes:
    return blake2b(document.id.encode("utf-8", "surrogatepass"), digest_size=8, person=b"caps").digest()
