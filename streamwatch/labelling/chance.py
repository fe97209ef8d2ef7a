"""What the draw knows of a document before it: a number of its own, and how unsure the model is of it.

The number is a keyed hash of the document's id, so that it is the same in every run and worker, unrelated to the partition,
and nobody outside can write ids that are surely drawn once the deployment has a salt of its own.

Doubt is 0 where both labels are certain and 255 where one of them could be any: the larger of what the topic and the sentiment
lack of certainty, each as a share of the most that it could lack. A model that abstains is never less in doubt for it.

Examples:
    >>> from streamwatch.labelling.examples import PREDICTION
    >>> chance(draw_number("d1", "salt")) == chance(draw_number("d1", "salt")) != chance(draw_number("d1", "pepper"))
    True
    >>> doubt(PREDICTION)                        # the sentiment lacks .5, of 2/3 at most
    191
"""

from hashlib import blake2b
from math import isfinite

from streamwatch.inference.engine import UNCLEAR
from streamwatch.records import SENTIMENTS, Prediction

DRAW_BYTES = 4
"""Of a draw number: a document is drawn with a probability that is right to 2e-10, and Redis keeps it for each one."""
CERTAIN, LOST = 0, 255
ABSTAINED = 128
"""The least doubt of what the model would not say: half of all. How sure it is of abstaining says little of whether a
person would."""
_MOST_LACK = 1 - 1 / len(SENTIMENTS)


def draw_number(document_id: str, salt: str) -> int:
    """A whole number below 2^32 that is a function of the id and the salt (of which 64 bytes count)."""
    key = salt.encode()[:64]
    hashed = blake2b(document_id.encode("utf-8", "surrogatepass"), digest_size=DRAW_BYTES, key=key, person=b"labelling")
    return int.from_bytes(hashed.digest(), "big")


def chance(draw: int) -> float:
    """A draw number as a number between 0 and 1, neither of them reached: a document is drawn when it lies below its π.

    >>> chance(0) > 0, chance(2**32 - 1) < 1
    (True, True)
    """
    return (draw + 0.5) / 2 ** (8 * DRAW_BYTES)


def doubt(prediction: Prediction | None) -> int:
    """How unsure the model is, from 0 to 255; of what it has not read it is sure of nothing that a person could correct."""
    if prediction is None or prediction.sentiment is None:
        return CERTAIN
    p = prediction.topic.p, prediction.sentiment.p
    if not all(map(isfinite, p)):  # somebody else's record: it is counted by its label, and a person may look at it
        return LOST
    lacks = max(1 - p[0], (1 - p[1]) / _MOST_LACK)
    found = min(max(round(lacks * LOST), CERTAIN), LOST)
    return max(found, ABSTAINED) if prediction.topic.label == UNCLEAR else found
