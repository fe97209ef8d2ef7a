"""Records for doctests and tests, of which only what matters is said; answers are in `streamwatch.labelling.examples`.

Examples:
    >>> classified("a", sentiment="negative").prediction.sentiment.label
    'negative'
"""

from typing import Any

from streamwatch.records import Classified, Label, Prediction, SentimentLabel
from streamwatch.text.clean import model_text, text_hash

JANUARY_MS = 1_767_225_600_000
"""2026-01-01."""


def prediction(sentiment: str = "neutral", topic: str = "earnings") -> Prediction:
    """What a model that knows little says."""
    thirds = dict.fromkeys(("negative", "neutral", "positive"), 0.3) | {sentiment: 0.4}
    return Prediction(
        topic=Label(label=topic, p=0.5),
        sentiment=SentimentLabel(label=sentiment, p=0.4, probabilities=thirds),
        model="example",
    )


def classified(document: str, text: str = "", sentiment: str = "neutral", **said: Any) -> Classified:
    """What became of a document, its text being different from all others where none is given."""
    read = text or f"the text of {document}"
    told: dict[str, Any] = {
        "outcome": "classified", "source_channel": "news", "source_partition": 0, "source_offset": 0, "follows": -1,
        "observed_ms": JANUARY_MS, "id": document, "published_ms": JANUARY_MS, "text": read,
        "text_hash": text_hash(model_text(read)), "prediction": prediction(sentiment),
    }  # fmt: skip
    return Classified(**told | said)
