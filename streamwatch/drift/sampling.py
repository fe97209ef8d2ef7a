"""Which documents people should see: many of those the model is unsure of, a few of all others.

The draw is a hash of the id, so that it is the same in every run and worker, and each sample carries the probability
with which it was drawn: estimates from the queue can be weighted back to the stream (Horvitz and Thompson, 1952).

Examples:
    >>> draw("d-1", p_least=0.4, uncertain_below=0.5, p_uncertain=1.0, p_random=0.0)
    ('margin', 1.0)
    >>> draw("d-1", p_least=0.9, uncertain_below=0.5, p_uncertain=1.0, p_random=0.0) is None
    True
"""

from hashlib import blake2b
from typing import Literal

from streamwatch.config import Settings
from streamwatch.delivery.intake import Work
from streamwatch.records import DriftSample, Prediction
from streamwatch.timeline import from_ms

Drawn = tuple[Literal["margin", "uniform"], float]


def draw(
    document_id: str, *, p_least: float, uncertain_below: float, p_uncertain: float, p_random: float
) -> Drawn | None:
    """How a document is drawn and with what probability, or None.

    Args:
        p_least: the smaller of the model's two probabilities for its own labels.
    """
    drawn: Drawn = ("margin", p_uncertain) if p_least < uncertain_below else ("uniform", p_random)
    return drawn if _uniform(document_id) < drawn[1] else None


def _uniform(document_id: str) -> float:
    """A number in [0, 1) that is a function of the id, unrelated to its partition."""
    return int.from_bytes(blake2b(document_id.encode(), digest_size=7, person=b"drift").digest(), "big") / 2**56


def sample(work: Work, prediction: Prediction, settings: Settings) -> DriftSample | None:
    """The sample for the drift channel, if this document is drawn. There is nothing to label in an unread one."""
    if prediction.sentiment is None:
        return None
    drawn = draw(
        work.document.id,
        p_least=min(prediction.topic.p, prediction.sentiment.p),
        uncertain_below=settings.drift_uncertain_below,
        p_uncertain=settings.drift_uncertain_rate,
        p_random=settings.drift_random_rate,
    )
    if drawn is None:
        return None
    return DriftSample(
        id=work.document.id,
        text=work.document.text,
        published_at=from_ms(work.document.published_ms),
        source_channel=work.source.channel,
        source_partition=work.source.partition,
        source_offset=work.source.offset,
        source=work.document.source,
        author_hash=work.document.author_hash,
        prediction=prediction,
        drawn_as=drawn[0],
        inclusion_probability=drawn[1],
        p_uniform=settings.drift_random_rate,
    )
