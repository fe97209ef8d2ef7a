"""One sample and one answer to speak of: in docstrings, and wherever tests need some that are valid.

Examples:
    >>> sample("d1").prediction.topic.label, answer("d1", "ana").verdict
    ('earnings', 'answered')
"""

from typing import Any

import msgspec

from streamwatch.labelling.answers import REPEATED
from streamwatch.records import Answer, DriftSample, Label, Prediction, SentimentLabel
from streamwatch.timeline import from_ms

PREDICTION = Prediction(
    topic=Label(label="earnings", p=0.7),
    sentiment=SentimentLabel(
        label="negative", p=0.5, probabilities={"negative": 0.5, "neutral": 0.375, "positive": 0.125}
    ),
    model="example",
)


def sample(document_id: str, **fields: Any) -> DriftSample:
    """A sample of a document that was drawn with π = .25, of which .125 uniformly."""
    made = DriftSample(
        id=document_id,
        text="Sales fell",
        published_at=from_ms(0),
        source_channel="news",
        source_partition=0,
        source_offset=0,
        source="newswire",
        prediction=PREDICTION,
        drawn_as="uniform",
        inclusion_probability=0.25,
        p_uniform=0.125,
    )
    return msgspec.structs.replace(made, **fields)


def answer(document_id: str, labeller: str, **fields: Any) -> Answer:
    """An answer to the sample of that id, of which `fields` says what matters."""
    of = sample(document_id)
    repeated = {name: getattr(of, name) for name in REPEATED}
    made = Answer(labeller=labeller, answered_at=from_ms(0), verdict="answered", **repeated)
    return msgspec.structs.replace(made, **fields)
