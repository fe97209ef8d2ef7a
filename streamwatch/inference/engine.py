"""The interface of whatever classifies texts, and the null model.

Examples:
    >>> engine = NullEngine()
    >>> [first], [again] = engine.classify(["$AAPL falls"]), engine.classify(["$AAPL falls"])
    >>> first == again, first.model
    (True, 'null')
"""

from collections.abc import Sequence
from typing import Protocol

from streamwatch.errors import RejectError
from streamwatch.records import SENTIMENTS, Label, Prediction, SentimentLabel
from streamwatch.text.clean import text_hash

TOPICS = (
    "analyst update", "central banks", "company and product news", "currencies", "dividend", "earnings",
    "energy and oil", "financials", "general news and opinion", "gold, metals and materials", "ipo",
    "legal and regulation", "macro", "markets", "mergers and investments", "personnel change", "politics",
    "stock commentary", "stock movement", "treasuries and corporate debt",
)  # fmt: skip
"""The 20 finance topics that the shipped model tells apart."""


class Engine(Protocol):
    """Classifies model texts. A bad text fails alone: its place in the result holds a `RejectError`."""

    model: str

    def classify(self, texts: Sequence[str]) -> list[Prediction | RejectError]:
        """One result for each of `texts`, in their order. Called from one thread."""
        ...


class NullEngine:
    """Labels by a hash of the text: always the same, at no cost.

    For tests of exact counts, and to measure what everything else costs.
    """

    model = "null"

    def classify(self, texts: Sequence[str]) -> list[Prediction | RejectError]:
        """A prediction for each text, a function of the text alone."""
        return [_labelled(int(text_hash(text), 16)) for text in texts]


def _labelled(number: int) -> Prediction:
    sentiment = SENTIMENTS[number % 3]
    p = 0.4 + 0.6 * (number // 60 % 1000) / 1000
    rest = (1 - p) / 2
    return Prediction(
        topic=Label(label=TOPICS[number // 3 % len(TOPICS)], p=p),
        sentiment=SentimentLabel(
            label=sentiment, p=p, probabilities={s: p if s == sentiment else rest for s in SENTIMENTS}
        ),
        model=NullEngine.model,
    )
