"""An engine with a first stage before it: sure answers cost no batch, and everything else goes the usual way.

A fiftieth of all texts goes the usual way whatever the first stage thinks of them: the drift monitors need a fair sample of
what the encoder sees (`streamwatch.drift.always_encoded`).

Examples:
    >>> from streamwatch.inference.engine import NullEngine
    >>> class Never:
    ...     version = "0a1b2c3d"
    ...     def answers(self, texts, model):
    ...         return [None for _ in texts]
    ...     def of_heads(self, texts):
    ...         return {}
    >>> engine = CascadeEngine(Never(), NullEngine())
    >>> [said] = engine.classify(["$AAPL falls"])
    >>> said.model, said.topic == NullEngine().classify(["$AAPL falls"])[0].topic
    ('null/cascade-0a1b2c3d', True)
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from streamwatch.drift.always_encoded import chosen
from streamwatch.errors import RejectError
from streamwatch.inference.cascade.mark import with_first_stage
from streamwatch.inference.engine import Answer, Engine, classify
from streamwatch.records import Prediction
from streamwatch.text.clean import text_hash


class Answers(Protocol):
    """A first stage."""

    version: str

    def answers(self, texts: Sequence[str], model: str) -> Sequence[Prediction | None]:
        """A prediction for each text that it is sure of."""
        ...

    def of_heads(self, texts: Sequence[str]) -> Mapping[str, NDArray[Any]]:
        """All its probabilities, `(n, k)` of each head."""
        ...


class Answered(NamedTuple):
    """A text whose answer is known when it is read: it takes no room in a batch."""

    prediction: Prediction
    text: str

    @property
    def n_tokens(self) -> int:
        """None to compute."""
        return 0


KEPT = ("scripts", "labels", "n_at_once", "n_padding")
"""What an engine may have besides, of its own: a first stage changes none of it."""


class CascadeEngine:
    """Asks the first stage, then the engine."""

    def __init__(self, first: Answers, engine: Engine) -> None:
        self._first = first
        self._engine: Any = engine
        self.model = with_first_stage(engine.model, first.version)
        for name in KEPT:
            if hasattr(engine, name):
                setattr(self, name, getattr(engine, name))

    def prepare(self, texts: Sequence[str]) -> list[Any]:
        """The row of each text: an answer, or the engine's own row for those that the first stage is not sure of."""
        said = zip(self._answers(texts), texts, strict=True)
        rows: list[Any] = [
            Answered(prediction, text) if prediction and not chosen(text_hash(text)) else None
            for prediction, text in said
        ]
        unsure = [i for i, row in enumerate(rows) if row is None]
        for i, row in zip(unsure, self._engine.prepare([texts[i] for i in unsure]), strict=True):
            rows[i] = row
        return rows

    def _answers(self, texts: Sequence[str]) -> Sequence[Prediction | None]:
        try:
            return self._first.answers(texts, self.model)
        except (ValueError, MemoryError):  # it is a short cut: where it fails, the usual way is still there
            return [None] * len(texts)

    def predict(self, batch: Sequence[Any]) -> list[Answer]:
        """One result for each row, all under this engine's version."""
        rows = [row for row in batch if not isinstance(row, Answered)]
        computed = iter(self._engine.predict(rows) if rows else [])
        return [row.prediction if isinstance(row, Answered) else self._renamed(next(computed)) for row in batch]

    def probabilities(self, batch: Sequence[Any]) -> dict[str, NDArray[Any]]:
        """All probabilities of each row, `(n, k)` of each head: for who measures, if the engine gives them."""
        sure = [i for i, row in enumerate(batch) if isinstance(row, Answered)]
        rest = [i for i in range(len(batch)) if i not in set(sure)]
        parts = [self._first.of_heads([batch[i].text for i in sure])] if sure else []
        parts += [self._engine.probabilities([batch[i] for i in rest])] if rest else []
        back = np.argsort([*sure, *rest])
        return {name: np.concatenate([part[name] for part in parts])[back] for name in parts[0]} if parts else {}

    def _renamed(self, answer: Answer) -> Answer:
        return answer if isinstance(answer, RejectError) else msgspec.structs.replace(answer, model=self.model)

    def classify(self, texts: Sequence[str]) -> list[Answer]:
        """One result for each of `texts`, in their order."""
        return classify(self, texts)
