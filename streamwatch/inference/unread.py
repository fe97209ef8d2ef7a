"""What is said of a text that no model is asked about, because it could not read it.

Examples:
    >>> said = unread_prediction("minilm-l6+0a1b2c3d/fp32-cpu")
    >>> said.topic.label, said.sentiment, said.model
    ('unclear', None, 'minilm-l6+0a1b2c3d/fp32-cpu')
    >>> from streamwatch.inference.engine import NullEngine
    >>> scripts_of(NullEngine())
    ('Latin',)
"""

from functools import lru_cache

from streamwatch.inference.engine import UNCLEAR, Engine
from streamwatch.records import Label, Prediction
from streamwatch.text.readable import LATIN


def scripts_of(engine: Engine) -> tuple[str, ...]:
    """The scripts that an engine reads: its own `scripts`, else Latin ones."""
    scripts: tuple[str, ...] = getattr(engine, "scripts", LATIN)
    return scripts


@lru_cache(16)
def unread_prediction(model: str) -> Prediction:
    """No sentiment, and the topic `unclear` with certainty: a rule decided, and no head that could be unsure.

    `model` is the version that would have been asked: it is its scripts that decided.
    """
    return Prediction(topic=Label(label=UNCLEAR, p=1.0), sentiment=None, model=model)


class UnreadTexts:
    """Which unread texts were met before: a copy of one is a duplicate, as a copy of any other text.

    Args:
        n_remembered: texts that are kept; the ones not met for longest go first.

    Examples:
        >>> met = UnreadTexts(n_remembered=2)
        >>> [met.is_new(text_hash) for text_hash in ("a", "b", "a", "c", "b")]
        [True, True, False, True, True]
    """

    def __init__(self, n_remembered: int) -> None:
        self._n_remembered = n_remembered
        self._met: dict[str, None] = {}

    def is_new(self, text_hash: str) -> bool:
        """Whether the text is met for the first time; from now on it is known."""
        new = text_hash not in self._met
        self._met.pop(text_hash, None)
        self._met[text_hash] = None
        if len(self._met) > self._n_remembered:
            del self._met[next(iter(self._met))]
        return new
