"""An engine with a first stage before it: sure answers cost no batch, and everything else goes the usual way.

Examples:
    >>> from streamwatch.inference.engine import NullEngine
    >>> class Never:
    ...     version = "0a1b2c3d"
    ...     def answers(self, texts, model):
    ...         return [None for _ in texts]
    >>> engine = CascadeEngine(Never(), NullEngine())
    >>> [said] = engine.classify(["$AAPL falls"])
    >>> said.model, said.topic == NullEngine().classify(["$AAPL falls"])[0].topic
    ('null/cascade-0a1b2c3d', True)
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from streamwatch.errors import RejectError
from streamwatch.inference.engine import Answer, Engine, classify
from streamwatch.records import Prediction


class Answers(Protocol):
    """A first stage."""

    version: str

    def answers(self, texts: Sequence[str], model: str) -> Sequence[Prediction | None]:
        """A prediction for each text that it is sure of."""
        ...


class Answered(NamedTuple):
    """A text whose answer is known when it is read: it takes no room in a batch."""

    prediction: Prediction

    @property
    def n_tokens(self) -> int:
        """None to compute."""
        return 0


class CascadeEngine:
    """Asks the first stage, then the engine. Everything else that the engine has (scripts, device) is its own."""

    def __init__(self, first: Answers, engine: Engine) -> None:
        self._first = first
        self._engine = engine
        self.model = f"{engine.model}/cascade-{first.version}"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # before `__init__` there is no engine to ask
            raise AttributeError(name)
        return getattr(self._engine, name)

    def prepare(self, texts: Sequence[str]) -> list[Any]:
        """The row of each text: an answer, or the engine's own row for those that the first stage is not sure of."""
        rows: list[Any] = [said and Answered(said) for said in self._answers(texts)]
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

    def _renamed(self, answer: Answer) -> Answer:
        return answer if isinstance(answer, RejectError) else msgspec.structs.replace(answer, model=self.model)

    def classify(self, texts: Sequence[str]) -> list[Answer]:
        """One result for each of `texts`, in their order."""
        return classify(self, texts)
