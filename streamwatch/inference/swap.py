"""Exchange the model while documents come: the registry's pointer is looked at, the new model is opened beside the old one.

The old model answers until the new one is open and warm; a model that cannot be opened leaves it serving, is logged once
and is counted, and is not tried again until the pointer moves.

Examples:
    >>> import asyncio
    >>> from streamwatch.inference.engine import NullEngine
    >>> pointers = iter(["a", "a", "a", "b"])
    >>> swapped = []
    >>> watch = ModelWatch(lambda: next(pointers), NullEngine)
    >>> async def look_three_times():
    ...     for _ in range(3):
    ...         await watch.look(swapped.append)
    >>> asyncio.run(look_three_times())
    >>> len(swapped), watch.figures.n_swapped, watch.figures.refusal
    (1, 1, '')
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from streamwatch.config import Settings
from streamwatch.errors import ModelError, RejectError
from streamwatch.inference.engine import Engine
from streamwatch.inference.opening import open_engine
from streamwatch.inference.threads import breathe, give_way, one_core
from streamwatch.models.registry import read_pointer

T = TypeVar("T")
log = logging.getLogger(__name__)

POLL_S = 2.0
"""How often the pointer is looked at: one small file."""
WARM_WORDS = (4, 12, 28, 60, 120)
"""Lengths of the texts that warm a model, near those of posts and news: kernels are chosen at the first batch of a shape."""
WARM_ROWS = 8


class SwapFigures(msgspec.Struct, frozen=True):
    """What became of the pointer's changes since the start.

    Attributes:
        refusal: why the model that is pointed at does not serve, in one line; empty when it does.
        opening_s: how long the last model took to open and warm.
    """

    n_swapped: int = 0
    n_refused: int = 0
    refusal: str = ""
    opening_s: float = 0.0


class ModelWatch:
    """Follows a pointer.

    Args:
        pointer: what is pointed at now, anything that can be compared; raises `ModelError` when it cannot be read.
        open_engine: opens what is pointed at; called in a thread of its own.

    What is pointed at when the watch is made counts as serving: make it before the first model is opened.
    """

    def __init__(self, pointer: Callable[[], object], open_engine: Callable[[], Engine]) -> None:
        self._pointer, self._open_engine = pointer, open_engine
        self.figures = SwapFigures()
        self._seen = self._look()

    async def run(self, swap: Callable[[Engine], None]) -> None:
        """Look every `POLL_S` until cancelled; `swap` takes each new engine, in the event loop's thread."""
        while True:
            await asyncio.sleep(POLL_S)
            await self.look(swap)

    async def look(self, swap: Callable[[Engine], None]) -> None:
        """Look at the pointer, and follow it where it has moved."""
        now = self._look()
        if now == self._seen:
            return
        self._seen = now
        if isinstance(now, _Unreadable):
            self._refuse(now.reason)
            return
        started = time.monotonic()
        try:
            engine = await _in_a_thread(lambda: warmed(self._open_engine()))
        except Exception as error:
            self._refuse(str(error) if isinstance(error, ModelError) else repr(error))
            return
        swap(engine)
        self._note(engine, time.monotonic() - started)

    def _look(self) -> object:
        try:
            return self._pointer()
        except ModelError as error:
            return _Unreadable(str(error))

    def _refuse(self, reason: str) -> None:
        self.figures = msgspec.structs.replace(self.figures, n_refused=self.figures.n_refused + 1, refusal=reason)
        log.error("the model that the registry points at does not serve, the one before it goes on: %s", reason)

    def _note(self, engine: Engine, seconds: float) -> None:
        self.figures = SwapFigures(self.figures.n_swapped + 1, self.figures.n_refused, "", seconds)
        log.warning("model %s answers from now on, opened in %.1f s", engine.model, seconds)


def model_watch(settings: Settings) -> ModelWatch | None:
    """The watch over the registry that the settings name, None where they name none or another model."""
    if not settings.registry or settings.model != "default":
        return None
    return ModelWatch(lambda: read_pointer(Path(settings.registry)), lambda: open_engine(settings))


class _Unreadable(msgspec.Struct, frozen=True):
    """A pointer that cannot be read."""

    reason: str


def warmed(engine: Engine) -> Engine:
    """The engine after batches of the usual shapes. Raises `ModelError` when it fails on them: it would on documents."""
    for n_words in WARM_WORDS:
        rows = engine.prepare(["rates " * n_words] * WARM_ROWS)
        if any(isinstance(row, RejectError) for row in rows):
            raise ModelError(f"model {engine.model} cannot read a plain text")
        engine.predict(rows)
        breathe()
    return engine


async def _in_a_thread(call: Callable[[], T]) -> T:
    """The call's result, made in a thread of its own, which is left alone when we are cancelled.

    It has one torch thread and rests between its steps, of .2 s at most, so that of one busy core it takes a
    third, and not the half. It holds the interpreter's lock for 20 ms at most (measured: the tokenizer's file).
    """
    loop = asyncio.get_running_loop()
    made: asyncio.Future[T] = loop.create_future()

    def work() -> None:
        one_core()
        give_way()
        try:
            result = call()
        except BaseException as error:
            _tell(loop, made, lambda error=error: made.set_exception(error))  # type: ignore[misc]
        else:
            _tell(loop, made, lambda: made.set_result(result))

    threading.Thread(target=work, name="open-model", daemon=True).start()
    return await made


def _tell(loop: asyncio.AbstractEventLoop, made: "asyncio.Future[T]", tell: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody waits
        loop.call_soon_threadsafe(lambda: None if made.done() else tell())
