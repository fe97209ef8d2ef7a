"""Messages come to the agent without a task each, and what has to wait waits as Faust has it wait."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from types import SimpleNamespace
from typing import Any

import pytest
from mode.utils.queues import FlowControlEvent, ThrowableQueue

from streamwatch.agents.handing import LUMP, EagerConsumer, waiting


def in_a_loop(check: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """The test as a plain function."""

    @wraps(check)
    def run() -> None:
        asyncio.run(check())

    return run


async def _consumer() -> EagerConsumer:
    """One that was never connected: `wait_first` needs its two events only."""
    consumer = EagerConsumer.__new__(EagerConsumer)
    consumer._stopped, consumer._crashed, consumer.loop = asyncio.Event(), asyncio.Event(), asyncio.get_running_loop()  # type: ignore[assignment]
    return consumer


async def _at_once(value: int) -> int:
    return value


async def _after(event: asyncio.Event, said: list[str]) -> int:
    try:
        await asyncio.sleep(0)
        await event.wait()
        said.append("went on")
        return 42
    except asyncio.CancelledError:
        said.append("cancelled")
        raise


@in_a_loop
async def test_what_ends_at_once_is_given_without_a_task() -> None:
    consumer, before = await _consumer(), len(asyncio.all_tasks())
    found = await consumer.wait_first(_at_once(7), asyncio.Event().wait())
    assert (found.results, found.stopped, len(asyncio.all_tasks())) == ([7], False, before)


@in_a_loop
async def test_what_has_to_wait_is_waited_for() -> None:
    consumer, event, said = await _consumer(), asyncio.Event(), []  # type: ignore[var-annotated]
    asyncio.get_running_loop().call_later(0.01, event.set)
    found = await consumer.wait_first(_after(event, said), asyncio.Event().wait())
    assert found.results == [42]
    assert said == ["went on"]


@in_a_loop
async def test_a_rebalance_cuts_short_what_waits() -> None:
    consumer, suspended, said = await _consumer(), asyncio.Event(), []  # type: ignore[var-annotated]
    asyncio.get_running_loop().call_later(0.01, suspended.set)
    found = await consumer.wait_first(_after(asyncio.Event(), said), suspended.wait())
    await asyncio.sleep(0.01)
    assert found.results == [True]
    assert said == ["cancelled"]


@in_a_loop
async def test_an_error_is_raised_at_once_and_later() -> None:
    async def fails(wait: bool) -> None:
        if wait:
            await asyncio.sleep(0.001)
        raise ValueError

    consumer = await _consumer()
    for wait in (False, True):
        with pytest.raises(ValueError):
            await consumer.wait_first(fails(wait), asyncio.Event().wait())


@in_a_loop
async def test_a_consumer_that_stops_begins_nothing() -> None:
    consumer, said = await _consumer(), []  # type: ignore[var-annotated]
    consumer._stopped.set()
    found = await consumer.wait_first(_after(asyncio.Event(), said), asyncio.Event().wait())
    assert found.stopped


def _held(*generations: int) -> tuple[Any, ThrowableQueue]:
    flow = FlowControlEvent()
    flow.resume()
    queue: ThrowableQueue = ThrowableQueue(maxsize=8192, flow_control=flow)
    for offset, generation in enumerate(generations):
        queue.put_nowait(SimpleNamespace(message=SimpleNamespace(offset=offset, generation_id=generation)))
    return SimpleNamespace(flow_control=flow, consumer_generation_id=2), queue


def test_messages_of_an_earlier_generation_are_not_for_us() -> None:
    app, queue = _held(2, 1, 2)
    assert [message.offset for message in waiting(app, queue)] == [0, 2]
    assert queue.empty()


def test_nothing_is_taken_while_partitions_move() -> None:
    app, queue = _held(2, 2)
    app.flow_control.suspend()
    assert list(waiting(app, queue)) == []


def test_others_have_their_turn_after_a_lump() -> None:
    app, queue = _held(*[2] * (LUMP + 5))
    assert len(list(waiting(app, queue))) == LUMP
    assert queue.qsize() == 5
