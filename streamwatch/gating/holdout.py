"""Which documents are never learned from, so that the gate has some to measure on.

Half of the uniformly drawn answers, and two in seven of the stream's other documents: by the place of the text
(`streamwatch.learning.split.place`), so that every retraining and every gate finds the same ones, today's and next
year's, without a list. What was drawn for its uncertainty all goes into training, where it helps most and where it would bias a
measurement. `streamwatch.retraining.division` is the other side of the same line.

Examples:
    >>> from streamwatch.labelling.answers import Answers
    >>> from streamwatch.labelling.examples import answer
    >>> drawn = Answers([answer("a", "ana", text="Gold rises"), answer("b", "ana", text="Gold rises", drawn_as="margin")])
    >>> [is_held_out(drawn[name]) for name in "ab"], held_out_of_stream("Gold rises")
    ([True, False], True)
"""

from streamwatch.labelling.answers import Labelled
from streamwatch.learning.split import place
from streamwatch.retraining.division import GATE_OF_ANSWERS, GATE_OF_STREAM, PLACES
from streamwatch.text.clean import model_text, stored_text


def is_held_out(document: Labelled) -> bool:
    """Whether an answered document belongs to the gate: drawn uniformly, its text on the gate's side."""
    return document.sample.drawn_as == "uniform" and _place(document.sample.text) < GATE_OF_ANSWERS * PLACES


def held_out_of_stream(text: str) -> bool:
    """Whether a document that nobody labelled belongs to the gate."""
    return _place(text) < GATE_OF_STREAM * PLACES


def _place(text: str) -> int:
    return place(model_text(stored_text(text)))
