"""One prediction for each distinct text: a cache before the batcher, and copies that share an answer.

A text that is asked for again, while it is computed or later, costs nothing, as long as the same model answers. A near
copy (another number, a "not", another ticker) is another text, with another hash: it is classified anew.

Examples:
    >>> import asyncio
    >>> from streamwatch.inference.engine import NullEngine
    >>> async def ask_twice():
    ...     answers = []
    ...     predictions = SharedPredictions(NullEngine(), n_remembered=10)
    ...     running = asyncio.create_task(predictions.run())
    ...     await asyncio.sleep(0)
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
from collections.abc import Callable, Sequence

import msgspec

from streamwatch.errors import FatalError
from streamwatch.inference.batcher import USUAL, Batcher, Sizes
from streamwatch.inference.engine import Answer, Engine
from streamwatch.inference.tally import BatcherFigures
from streamwatch.records import Prediction

Done = Callable[[Answer | FatalError, bool], None]
"""Called with the answer, and whether this asker was the first with its text. A `FatalError` is no answer: the engine has
failed, and the document stays unacknowledged."""

GATHER_S = 0.005
"""Texts are handed over at most this often: waking a thread costs as much as preparing ten documents, and documents come
in bursts of a fetch. The first one after a pause goes at once."""

_packed = msgspec.msgpack.Encoder().encode
_unpacked = msgspec.msgpack.Decoder(Prediction).decode
"""What is remembered is packed: 200,000 predictions take 123 MB so and 184 MB as objects, each of which the garbage collector
would look at besides. A copy pays half a microsecond for it."""


class _Asked:
    """A text on its way, and who waits for it."""

    __slots__ = ("done", "name")

    def __init__(self, name: tuple[str, str], done: Done) -> None:
        self.name = name
        self.done = [done]


class SharedPredictions:
    """Asks an engine once for each text. All calls are made in the event loop's thread.

    Args:
        n_remembered: texts whose prediction is kept; the ones not asked for longest go first.
        sizes: of the batcher. Askers wait for `room` where its `max_waiting` may be reached: `ask` itself does not wait.
    """

    def __init__(self, engine: Engine, n_remembered: int, sizes: Sizes = USUAL) -> None:
        self._n_remembered = n_remembered
        self._known: dict[tuple[str, str], bytes] = {}
        self._waiting: dict[tuple[str, str], _Asked] = {}
        self._new: list[tuple[_Asked, str]] = []
        self._handed_over_s = 0.0
        self._max_waiting = sizes.max_waiting
        self._room = asyncio.Event()
        self._room.set()
        self._model = engine.model
        self._batcher = Batcher(engine, self._deliver, self._failed, sizes)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failure: asyncio.Future[BaseException] | None = None

    def ask(self, text_hash: str, text: str, done: Done) -> None:
        """Answer `done` now where the text is known, else when its batch is through."""
        name = (self._model, text_hash)
        known = self._known.pop(name, None)
        if known is not None:
            self._known[name] = known
            done(_unpacked(known), False)
        elif name in self._waiting:
            self._waiting[name].done.append(done)
        else:
            asked = self._waiting[name] = _Asked(name, done)
            self._new.append((asked, text))
            if len(self._waiting) >= self._max_waiting:
                self._room.clear()
            if len(self._new) == 1 and self._loop is not None:
                self._loop.call_at(max(self._loop.time(), self._handed_over_s + GATHER_S), self._hand_over)

    async def room(self) -> None:
        """Wait while `max_waiting` distinct texts are on their way."""
        await self._room.wait()

    def swap(self, engine: Engine) -> None:
        """Let another engine answer from now on. What the old one has said is not served any more."""
        self._model = engine.model
        self._batcher.swap(engine)

    @property
    def engine(self) -> Engine:
        """The engine that answers now."""
        return self._batcher.engine

    def figures(self) -> BatcherFigures:
        """What the batcher has done, and what waits in it."""
        return self._batcher.figures()

    async def run(self) -> None:
        """Answer until cancelled. An error of the engine as a whole ends this with that error, after all were told."""
        self._loop = asyncio.get_running_loop()
        self._failure = self._loop.create_future()
        self._batcher.start()
        try:
            if self._new:
                self._hand_over()
            error = await self._failure
            self._tell_all(error)
            raise error
        finally:
            self._batcher.close()

    async def stopped(self) -> None:
        """Wait for the threads, after `run` has ended: they finish the batch that they are at."""
        await asyncio.to_thread(self._batcher.join)

    def _hand_over(self) -> None:
        assert self._loop is not None
        self._handed_over_s = self._loop.time()
        new, self._new = self._new, []
        try:
            self._batcher.submit(new)
        except BaseException as error:
            self._note(error)

    # -- called in the batcher's threads

    def _deliver(self, pairs: Sequence[tuple[_Asked, Answer]]) -> None:
        self._in_loop(self._answer, pairs)

    def _failed(self, error: BaseException) -> None:
        self._in_loop(self._note, error)

    def _in_loop(self, call: Callable[..., None], argument: object) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(call, argument)
        except RuntimeError:  # the loop is closed: nobody is left to be told
            return

    # -- called in the loop's thread

    def _answer(self, pairs: Sequence[tuple[_Asked, Answer]]) -> None:
        for asked, answer in pairs:
            if isinstance(answer, Prediction):
                self._remember((answer.model, asked.name[1]), answer)
            del self._waiting[asked.name]
            for i, done in enumerate(asked.done):
                done(answer, i == 0)
        if len(self._waiting) < self._max_waiting:
            self._room.set()

    def _remember(self, name: tuple[str, str], prediction: Prediction) -> None:
        self._known[name] = _packed(prediction)
        if len(self._known) > self._n_remembered:
            del self._known[next(iter(self._known))]

    def _note(self, error: BaseException) -> None:
        if self._failure is not None and not self._failure.done():
            self._failure.set_result(error)

    def _tell_all(self, error: BaseException) -> None:
        told = error if isinstance(error, FatalError) else FatalError(f"the engine has failed: {error!r}")
        waiting, self._waiting = self._waiting, {}
        for asked in waiting.values():
            for done in asked.done:
                done(told, False)
