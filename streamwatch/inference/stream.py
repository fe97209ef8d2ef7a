"""Any number of texts to answers, in order, on all cores and in little memory: what `classify` and `backtest` use.

Examples:
    >>> from streamwatch.errors import RejectError
    >>> from streamwatch.inference.engine import NullEngine
    >>> asked = [("1", "Oil climbs"), ("2", RejectError("empty_text")), ("3", "Oil climbs")]
    >>> found = list(answered(NullEngine(), asked))
    >>> [(name, type(answer).__name__) for name, answer in found], found[0][1] is found[2][1]
    ([('1', 'Prediction'), ('2', 'RejectError'), ('3', 'Prediction')], True)
"""

import queue
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from streamwatch.inference.batcher import USUAL, Batcher, Sizes
from streamwatch.inference.engine import Answer, Engine

T = TypeVar("T")


class _Place:
    """A distinct text of the window, and its answer when it is there."""

    __slots__ = ("answer",)

    def __init__(self, answer: Answer | None = None) -> None:
        self.answer = answer


def answered(
    engine: Engine, asked: Iterable[tuple[T, str | Answer]], sizes: Sizes = USUAL
) -> Iterator[tuple[T, Answer]]:
    """The answer to each (name, text), in order. What is an answer already is passed on.

    A window of `sizes.max_waiting` is held at once, in which equal texts are classified once. Raises what the engine
    raises as a whole. Whoever stops half-way closes the iterator, which ends the threads.
    """
    stream: _Stream[T] = _Stream(engine, sizes)
    with stream.batcher:
        yield from stream.run(asked, sizes.max_waiting)


Delivery = Sequence[tuple[_Place, Answer]] | BaseException


class _Stream(Generic[T]):
    def __init__(self, engine: Engine, sizes: Sizes) -> None:
        self._delivered: queue.SimpleQueue[Delivery] = queue.SimpleQueue()
        self._window: deque[tuple[T, str, _Place]] = deque()
        self._open: dict[str, tuple[_Place, int]] = {}
        self.batcher = Batcher(engine, self._delivered.put, self._delivered.put, sizes)  # type: ignore[arg-type]

    def run(self, asked: Iterable[tuple[T, str | Answer]], n_window: int) -> Iterator[tuple[T, Answer]]:
        for name, text in asked:
            if len(self._window) >= n_window:
                yield self._first()
            self._enter(name, text)
        while self._window:
            yield self._first()

    def _enter(self, name: T, text: str | Answer) -> None:
        if not isinstance(text, str):
            self._window.append((name, "", _Place(text)))
            return
        place, n = self._open.get(text, (None, 0))
        if place is None:
            place = _Place()
            self.batcher.submit([(place, text)])
        self._open[text] = (place, n + 1)
        self._window.append((name, text, place))

    def _first(self) -> tuple[T, Answer]:
        name, text, place = self._window.popleft()
        while place.answer is None:
            self._take(self._delivered.get())
        self._leave(text)
        return name, place.answer

    def _take(self, delivery: Delivery) -> None:
        if isinstance(delivery, BaseException):
            raise delivery
        for place, answer in delivery:
            place.answer = answer

    def _leave(self, text: str) -> None:
        place, n = self._open.pop(text, (None, 0))
        if place is not None and n > 1:
            self._open[text] = (place, n - 1)
