"""From a fetch to the agent without a turn of the event loop for each message.

Faust's consumer makes four tasks for each message that it hands over and waits for the first of them to end, and its
stream goes once around the loop before each event. Nearly always nothing is to be waited for: the message goes into a
queue that has room. So the consumer of the worker tries that first, and the agent takes what has come meanwhile.

Examples:
    >>> async def answer():
    ...     return 42
    >>> begun(answer())
    (True, 42)
"""

import asyncio
import types
from collections.abc import Coroutine, Generator, Iterable, Iterator
from typing import Any

from faust.transport.drivers.aiokafka import Consumer
from mode.services import WaitResults

LUMP = 128
"""Messages that the agent takes before others have their turn: as many as Faust's fetcher hands over at once (100), and
some more, so that the agent is the faster one; some milliseconds."""


def begun(coroutine: Coroutine[Any, Any, Any]) -> tuple[bool, Any]:
    """Run a coroutine up to where it waits: whether it has ended, and what it returned, else what it waits for."""
    try:
        return False, coroutine.send(None)
    except StopIteration as end:
        return True, end.value


@types.coroutine
def _resumed(coroutine: Coroutine[Any, Any, Any], waits_for: Any) -> Generator[Any, Any, Any]:
    """The rest of a coroutine that was begun, for whoever awaits this."""
    while True:
        try:
            try:
                sent = yield waits_for
            except BaseException as error:
                waits_for = coroutine.throw(error)
            else:
                waits_for = coroutine.send(sent)
        except StopIteration as end:
            return end.value


async def rest(coroutine: Coroutine[Any, Any, Any], waits_for: Any) -> Any:
    """The rest of a coroutine that was begun and waits for something."""
    return await _resumed(coroutine, waits_for)


class EagerConsumer(Consumer):
    """Faust's consumer, but what ends at once is not made a task."""

    async def wait_first(self, *coros: Any, timeout: Any = None) -> WaitResults:  # noqa: ASYNC109 (Faust's own)
        """The first of `coros` that ends; the others are cancelled. The first one is tried before any task is made."""
        first, *others = coros
        if asyncio.iscoroutine(first) and not self._stopped.is_set() and not self._crashed.is_set():
            ended = True
            try:
                ended, found = begun(first)
            finally:
                if ended:
                    _drop(others)
            if ended:
                return WaitResults([first], [found], False)
            coros = (rest(first, found), *others)
        return await super().wait_first(*coros, timeout=timeout)


def _drop(others: Iterable[Any]) -> None:
    for other in filter(asyncio.iscoroutine, others):
        other.close()


def waiting(app: Any, queue: Any) -> Iterator[Any]:
    """Messages that Faust holds for the agent already, a lump of them at most; those of an earlier generation are dropped,
    as its stream does: whoever has the partition now reads them."""
    for _ in range(LUMP):
        if queue.empty():
            return
        message = queue.get_nowait().message
        if app.flow_control.is_active() and message.generation_id == app.consumer_generation_id:
            yield message
