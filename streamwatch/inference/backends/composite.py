"""One engine out of several: a model of ours, with single tasks answered by other models.

Examples:
    >>> from streamwatch.inference.engine import NullEngine, classify
    >>> from streamwatch.records import Label
    >>> class Always:
    ...     model = "always"
    ...     def prepare(self, texts): return NullEngine().prepare(texts)
    ...     def predict(self, batch): return [Label(label="ipo", p=1.0) for _ in batch]
    >>> engine = CompositeEngine(NullEngine(), {"topic": Always()})
    >>> [made] = classify(engine, ["$AAPL falls"])
    >>> made.topic.label, made.model
    ('ipo', 'sentiment=null;topic=always')
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import msgspec

from streamwatch.errors import RejectError
from streamwatch.inference.backends.protocol import TaskBackend
from streamwatch.inference.engine import TOPICS, Answer, Engine
from streamwatch.records import SENTIMENTS, Label, Prediction, SentimentLabel
from streamwatch.text.readable import LATIN

USUAL_LABELS = {"sentiment": SENTIMENTS, "topic": TOPICS}
"""Of parts that do not say what they tell apart."""
TASKS = tuple(USUAL_LABELS)


class CompositeRow(NamedTuple):
    """A text as each part has read it, in the order of the parts."""

    rows: tuple[Any, ...]

    @property
    def n_tokens(self) -> int:
        """The longest of them: parts run one after the other, and memory is needed for one at a time."""
        return max(row.n_tokens for row in self.rows)


class CompositeEngine:
    """Asks each part of itself about a text; what one of them cannot read or answer is rejected.

    Args:
        engine: answers all tasks that no backend answers, and any further heads; None where backends answer both.
        backends: by task, `sentiment` or `topic`.
        scripts: of the texts that are asked about (`streamwatch.inference.unread`): those that the sentiment's part reads.
    """

    def __init__(
        self, engine: Engine | None, backends: Mapping[str, TaskBackend], scripts: tuple[str, ...] = LATIN
    ) -> None:
        self.scripts = scripts
        self._engine = engine
        self._tasks = tuple(backends)
        self._parts: tuple[Any, ...] = (*backends.values(), *((engine,) if engine else ()))
        versions = {task: backend.model for task, backend in backends.items()}
        self.model = joined_name(versions, engine.model if engine else "")
        told = {task: backend.labels for task, backend in backends.items() if hasattr(backend, "labels")}
        self.labels: dict[str, tuple[str, ...]] = {**USUAL_LABELS, **getattr(engine, "labels", {}), **told}
        at_once = [part.n_at_once for part in self._parts if hasattr(part, "n_at_once")]
        if at_once:  # parts that compute on a GPU say how many batches it takes
            self.n_at_once: int = min(at_once)

    def prepare(self, texts: Sequence[str]) -> list[CompositeRow | RejectError]:
        """The rows of each text, one for each part."""
        columns = [part.prepare(texts) for part in self._parts]
        return [_first_error(rows) or CompositeRow(rows) for rows in zip(*columns, strict=True)]

    def predict(self, batch: Sequence[CompositeRow]) -> list[Answer]:
        """One result for each row: every part sees the whole batch."""
        columns = [part.predict([row.rows[i] for row in batch]) if batch else [] for i, part in enumerate(self._parts)]
        return [_first_error(answers) or self._joined(answers) for answers in zip(*columns, strict=True)]

    def _joined(self, answers: tuple[Any, ...]) -> Prediction:
        labels: dict[str, Label] = dict(zip(self._tasks, answers, strict=False))
        if self._engine is not None:
            return msgspec.structs.replace(cast(Prediction, answers[-1]), model=self.model, **labels)
        return Prediction(topic=labels["topic"], sentiment=cast(SentimentLabel, labels["sentiment"]), model=self.model)


def _first_error(answers: tuple[Any, ...]) -> RejectError | None:
    return next((answer for answer in answers if isinstance(answer, RejectError)), None)


def joined_name(backends: Mapping[str, str], engine: str = "") -> str:
    """The version that names all parts: the backends' by task, and that of the engine which answers the other tasks.

    >>> joined_name({"topic": "bart+1f0c7de2"}, "minilm-l6+0a1b2c3d"), joined_name({}, "minilm-l6+0a1b2c3d")
    ('sentiment=minilm-l6+0a1b2c3d;topic=bart+1f0c7de2', 'minilm-l6+0a1b2c3d')
    """
    if not backends:
        return engine
    return ";".join(f"{task}={backends.get(task, engine)}" for task in TASKS)
