"""What Faust holds for the agent is bounded in bytes: the consumer is paused above, and goes on below half."""

from types import SimpleNamespace
from typing import Any

from mode.utils.queues import FlowControlEvent, ThrowableQueue

from streamwatch.agents.buffer import BufferWatch


class Consumer:
    """Remembers which partitions are paused, as Faust's does."""

    def __init__(self) -> None:
        self.assigned = {("social", 0), ("social", 1)}
        self.paused: set[Any] = set()

    def assignment(self) -> set[Any]:
        return self.assigned

    def pause_partitions(self, partitions: set[Any]) -> None:
        self.paused |= partitions

    def resume_partitions(self, partitions: set[Any]) -> None:
        self.paused -= partitions


def watch_over(*sizes: int) -> tuple[BufferWatch, Consumer, ThrowableQueue]:
    consumer = Consumer()
    watch = BufferWatch(SimpleNamespace(consumer=consumer), max_bytes=1000)
    watch.queue = ThrowableQueue(maxsize=8192, flow_control=FlowControlEvent())
    for size in sizes:
        watch.queue.put_nowait(SimpleNamespace(message=SimpleNamespace(value=b"x" * size)))
    return watch, consumer, watch.queue


def test_small_documents_never_pause_the_consumer() -> None:
    watch, consumer, _ = watch_over(*[1] * 900)
    watch.look()
    assert consumer.paused == set()


def test_large_documents_pause_it_until_half_of_the_bound_is_taken() -> None:
    watch, consumer, queue = watch_over(400, 400, 400)
    watch.look()
    assert consumer.paused == consumer.assigned
    queue.get_nowait()
    watch.look()
    assert consumer.paused == consumer.assigned
    queue.get_nowait()
    watch.look()
    assert consumer.paused == set()


def test_partitions_that_a_rebalance_gives_meanwhile_are_paused_too() -> None:
    watch, consumer, _ = watch_over(2000)
    watch.look()
    consumer.assigned = {("social", 2)}
    watch.look()
    assert ("social", 2) in consumer.paused


def test_a_message_without_a_value_and_a_stream_that_has_not_begun_weigh_nothing() -> None:
    watch, _, queue = watch_over()
    queue.put_nowait(SimpleNamespace(message=SimpleNamespace(value=None)))
    assert watch.n_bytes == 0
    watch.queue = None
    watch.look()
