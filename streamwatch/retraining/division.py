"""Who learns from what: which texts train, which judge, and which are nobody's until the gate.

A text's place is a hash of its letters (`streamwatch.learning.split`), so it lies on the same side in every run, and the gate
finds what no model of this stream has ever learned from. Figures about the stream need documents that were drawn
uniformly, so of the answers only those are held out: half of them, and some to judge by while training. What was chosen
because the model was unsure teaches, all of it.

    of uniformly drawn answers   gate ▏▏▏▏▏▏▏▏▏▏ .5   dev ▏▏▏ .15   train ▏▏▏▏▏▏▏ .35
    of all other answers                                          train ▏▏▏▏▏▏▏ 1
    of the stream                gate ▏▏▏▏▏▏ 2/7     dev ▏ .05     train ▏▏▏▏▏▏▏▏▏▏▏▏▏ the rest

Examples:
    >>> from streamwatch.retraining.known import KnownText
    >>> side(KnownText(id="a", text="Delta is late", published_ms=0, origin="answers", topic="earnings"))
    'train'
"""

from collections.abc import Iterable, Sequence

from streamwatch.learning.near_copies import near_copies
from streamwatch.learning.split import Side, place
from streamwatch.retraining.known import KnownText

PLACES = 10_000

GATE_OF_ANSWERS = 0.5
"""The gate's bound on the gain over few hundred answers is some points wide: half of those that it may use are not too many."""

DEV_OF_ANSWERS = 0.15

GATE_OF_STREAM = 2 / 7
"""The gate wants 2,000 documents of the stream that were not learned from, training 5,000 others."""

DEV_OF_STREAM = 0.05


def side(text: KnownText) -> Side:
    """`train`, `dev`, or `report`: held out for the gate."""
    gate, dev = (GATE_OF_STREAM, DEV_OF_STREAM) if text.origin == "stream" else (GATE_OF_ANSWERS, DEV_OF_ANSWERS)
    if text.origin != "stream" and not text.uniform:
        return "train"
    at = place(text.read)
    if at < gate * PLACES:
        return "report"
    return "dev" if at < (gate + dev) * PLACES else "train"


def divided(texts: Iterable[KnownText]) -> dict[Side, list[KnownText]]:
    """The texts by side, each different text once: where a person spoke of it, theirs.

    A text that is learned and all but the same as a held-out one is left out: it would tell the answer.
    """
    made: dict[Side, list[KnownText]] = {"train": [], "dev": [], "report": [], "left out": []}
    for text in _once(texts):
        made[side(text)].append(text)
    _leave_out(made, "dev", made["report"])
    _leave_out(made, "train", [*made["report"], *made["dev"]])
    return made


def _once(texts: Iterable[KnownText]) -> list[KnownText]:
    order = {"answers": 0, "replay": 1, "stream": 2}
    found: dict[str, KnownText] = {}
    for text in sorted(texts, key=lambda one: order[one.origin]):  # stable: within an origin the order stays
        found.setdefault(text.read, text)
    return [text for read, text in found.items() if read]


def _leave_out(made: dict[Side, list[KnownText]], of: Side, others: Sequence[KnownText]) -> None:
    held = [text.read for text in others if text.is_labelled]
    copies = near_copies([text.read for text in made[of]], held)
    made["left out"] += [text for text, copied in zip(made[of], copies, strict=True) if copied]
    made[of] = [text for text, copied in zip(made[of], copies, strict=True) if not copied]
