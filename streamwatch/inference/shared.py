"""One prediction for each distinct text: a cache before the engine, and a thread that keeps the engine busy.

Whoever asks while the engine is busy waits for the next batch, so batches grow with the load and a lone document waits
for nobody. A text that is asked for again, while it is computed or later, costs nothing.

Examples:
    >>> import asyncio
    >>> from streamwatch.inference.engine import NullEngine
    >>> async def ask_twice():
    ...     answers = []
    ...     predictions = SharedPredictions(NullEngine(), n_remembered=10)
    ...     running = asyncio.create_task(predictions.run())
    ...     for _ in range(2):
    ...         predictions.ask("h1", "$AAPL falls", lambda p, first: answers.append((p.model, first)))
    ...     while len(answers) < 2:
    ...         await asyncio.sleep(0.001)
    ...     running.cancel()
    ...     return answers
    >>> asyncio.run(ask_twice())
    [('null', True), ('null', False)]
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from streamwatch.inference.engine import Answer, Engine, classify
from streamwatch.records import Prediction

Done = Callable[[Answer, bool], None]
"""Called with the answer, and whether this asker was the first with its text."""

GATHER_S = 0.005
"""Pause before a batch is taken: a hop to the engine's thread costs as much as preparing ten documents, and documents
come in bursts of a fetch."""
BATCH_TEXTS = 512
"""Texts handed to the engine at once: enough for it to sort by length, few enough that none waits long."""


class SharedPredictions:
    """Asks an engine once for each text.

    Args:
        engine: called from one thread of its own.
        n_remembered: texts whose prediction is kept; the ones not asked for longest go first.
    """

    def __init__(self, engine: Engine, n_remembered: int) -> None:
        self._engine = engine
        self._n_remembered = n_remembered
        self._known: dict[str, Prediction] = {}
        self._waiting: dict[str, list[Done]] = {}
        self._queue: deque[tuple[str, str]] = deque()
        self._wake = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")

    def ask(self, key: str, text: str, done: Done) -> None:
        """Answer `done` now where the text is known, else when its batch is through. `key` is the text's hash."""
        known = self._known.pop(key, None)
        if known is not None:
            self._known[key] = known
            done(known, False)
        elif key in self._waiting:
            self._waiting[key].append(done)
        else:
            self._waiting[key] = [done]
            self._queue.append((key, text))
            self._wake.set()

    async def run(self) -> None:
        """Feed the engine until cancelled. An error of the engine as a whole ends this with that error."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._wake.wait()
                await asyncio.sleep(GATHER_S)
                batch = [self._queue.popleft() for _ in range(min(BATCH_TEXTS, len(self._queue)))]
                if not self._queue:
                    self._wake.clear()
                answers = await loop.run_in_executor(self._thread, classify, self._engine, [text for _, text in batch])
                for (key, _), answer in zip(batch, answers, strict=True):
                    self._answer(key, answer)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _answer(self, key: str, answer: Answer) -> None:
        if isinstance(answer, Prediction):
            self._remember(key, answer)
        for i, done in enumerate(self._waiting.pop(key)):
            done(answer, i == 0)

    def _remember(self, key: str, prediction: Prediction) -> None:
        self._known[key] = prediction
        if len(self._known) > self._n_remembered:
            del self._known[next(iter(self._known))]
