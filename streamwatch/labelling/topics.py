"""The topics that an answer may name: those of the model that the settings open, and those it has said in samples.

Examples:
    >>> from streamwatch.config import load
    >>> known_topics(load(model="null"), [])[:2]
    ('analyst update', 'central banks')
"""

from collections.abc import Iterable

from streamwatch.config import Settings
from streamwatch.errors import FatalError
from streamwatch.inference.engine import TOPICS, UNCLEAR
from streamwatch.inference.opening import adapter_folder
from streamwatch.models.manifest import read_manifest
from streamwatch.records import DriftSample


def known_topics(settings: Settings, samples: Iterable[DriftSample]) -> tuple[str, ...]:
    """All topics, in the head's order, then those of samples by name; `unclear` is none: an answer says "none of these".

    Nothing of the model is loaded, and where it is not on this machine the shipped topics stand for its own.
    """
    said = sorted({sample.prediction.topic.label for sample in samples})
    return tuple(name for name in dict.fromkeys((*_of_the_model(settings), *said)) if name != UNCLEAR)


def _of_the_model(settings: Settings) -> tuple[str, ...]:
    if settings.model == "null" or settings.topic_model:
        return TOPICS
    try:
        return tuple(read_manifest(adapter_folder(settings)).head("topic").labels)
    except FatalError:
        return TOPICS
