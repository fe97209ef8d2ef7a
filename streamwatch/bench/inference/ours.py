"""Our own variants, run as a worker runs them: a tokeniser's thread, batches by length, a thread for each core."""

import asyncio
import queue
from collections.abc import Sequence
from typing import Any

from streamwatch.bench.inference.variant import Said
from streamwatch.inference.batcher import Batcher, Sizes
from streamwatch.inference.cascade.engine import KEPT
from streamwatch.inference.engine import Answer, Engine
from streamwatch.inference.shared import SharedPredictions
from streamwatch.inference.tally import BatcherFigures
from streamwatch.records import Prediction
from streamwatch.text.clean import text_hash

N_REMEMBERED = 200_000
"""The setting's default: texts whose prediction a worker keeps."""
NOTHING = "none"
"""Stands for the label of a text that got an error and not a prediction."""


class AtFullRate:
    """An engine behind the worker's batcher, given texts as fast as it takes them; equal texts are computed each."""

    def __init__(self, engine: Engine, sizes: Sizes) -> None:
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._batcher = Batcher(engine, self._answers.put, self._answers.put, sizes)
        self._batcher.start()

    def classify(self, texts: Sequence[str]) -> Said:
        """Both tasks of all texts."""
        self._batcher.submit(enumerate(texts))
        found: dict[int, Answer] = {}
        while len(found) < len(texts):
            answers = self._answers.get()
            if isinstance(answers, BaseException):
                raise answers
            found.update(answers)
        return said([found[i] for i in range(len(texts))])

    def figures(self) -> BatcherFigures:
        """What the batcher has done."""
        return self._batcher.figures()


class Remembering:
    """The same with the worker's cache before it: a text that was answered costs nothing when it comes again."""

    def __init__(self, engine: Engine, sizes: Sizes) -> None:
        self._runner = asyncio.Runner()
        self._shared = SharedPredictions(engine, N_REMEMBERED, sizes)
        self._running: asyncio.Task[None] | None = None

    def classify(self, texts: Sequence[str]) -> Said:
        """Both tasks of all texts."""
        return said(self._runner.run(self._ask(texts)))

    async def _ask(self, texts: Sequence[str]) -> list[Any]:
        if self._running is None:
            self._running = asyncio.create_task(self._shared.run())
            await asyncio.sleep(0)
        waiting = [self._one(text) for text in texts]
        return await asyncio.gather(*waiting)

    def _one(self, text: str) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._shared.ask(text_hash(text), text, lambda answer, _: future.set_result(answer))
        return future

    def figures(self) -> BatcherFigures:
        """What the batcher has done."""
        return self._shared.figures()


class PreTokenised:
    """An engine whose rows were made beforehand: what is left of a run when tokenising costs nothing."""

    def __init__(self, engine: Engine, texts: Sequence[str]) -> None:
        self._engine = engine
        self.model = engine.model
        for name in KEPT:
            if hasattr(engine, name):
                setattr(self, name, getattr(engine, name))
        self._rows = dict(zip(texts, engine.prepare(texts), strict=True))

    def prepare(self, texts: Sequence[str]) -> list[Any]:
        """The rows that are there already."""
        return [self._rows[text] for text in texts]

    def predict(self, batch: Sequence[Any]) -> list[Answer]:
        """As the engine."""
        return self._engine.predict(batch)


def said(answers: Sequence[Any]) -> Said:
    """The labels of the answers.

    >>> from streamwatch.errors import RejectError
    >>> said([RejectError("classification_failed")])
    {'sentiment': ['none'], 'topic': ['none']}
    """
    return {
        "sentiment": [a.sentiment.label if _has_sentiment(a) else NOTHING for a in answers],
        "topic": [a.topic.label if isinstance(a, Prediction) else NOTHING for a in answers],
    }


def _has_sentiment(answer: Any) -> bool:
    return isinstance(answer, Prediction) and answer.sentiment is not None
