"""Everything beside the agent, started and stopped with the worker; the first failure of any of them ends it."""

import asyncio
import gc
import os
import sys
from collections.abc import Awaitable, Coroutine, Iterable
from typing import Any

from aiokafka.errors import KafkaError
from faust import Service

from streamwatch.agents.alerts import AlertService
from streamwatch.agents.buffer import BufferWatch
from streamwatch.agents.classify import Committer, Runs
from streamwatch.agents.context import Context, log
from streamwatch.agents.offsets import GroupOffsets
from streamwatch.agents.preflight import check
from streamwatch.agents.sender import KafkaSender
from streamwatch.agents.serving import ServingNote
from streamwatch.agents.trends import TrendWriter
from streamwatch.agents.watchdog import Watchdog
from streamwatch.delivery.pipeline import Pipeline
from streamwatch.errors import StreamwatchError
from streamwatch.inference import open_engine
from streamwatch.inference.swap import model_watch

STOP_S = 2.0
"""How long one thing may take to stop: together they stay well below the ten seconds that Docker waits. Whatever was not
done then is done again by the next start."""
CANCELS = 4


class Services:
    """The worker's pipeline, trend writer, evaluator, committer and watchdog."""

    def __init__(self, context: Context, app: Any) -> None:
        self._context = context
        self._app = app
        self._ready = asyncio.Event()
        self.buffer = BufferWatch(app)
        self._tasks: list[asyncio.Task[None]] = []

    def as_faust_service(self) -> type[Service]:
        """A Faust service class that starts and stops these."""
        services = self

        class Streamwatch(Service):
            """What streamwatch runs beside the classify agent."""

            async def on_start(self) -> None:
                await services.start()

            async def on_stop(self) -> None:
                await services.stop()

        return Streamwatch

    async def before_start(self) -> None:
        """Check what must be there, before Faust connects: it says what is missing by a traceback."""
        try:
            await check(self._context)
        except StreamwatchError as error:
            _exit(error)

    async def start(self) -> None:
        """Load the model, connect, and start the tasks."""
        self._context.failure = asyncio.get_running_loop().create_future()
        watch = model_watch(self._context.settings)  # before the model is opened: the pointer may move meanwhile
        try:
            engine = await asyncio.to_thread(open_engine, self._context.settings)
        except StreamwatchError as error:
            _exit(error)
        self._sender = KafkaSender(self._context)
        self._offsets = GroupOffsets(self._context)
        await self._sender.start()
        await self._offsets.start()
        self._pipeline = Pipeline(engine, self._sender, self._context.settings, self._context.fail)
        self._pipeline.start()
        self._runs = Runs(self._context, self._pipeline, self._offsets, lambda: int(self._app.consumer_generation_id))
        self._committer = Committer(self._app, self._runs)
        self._spawn(self._committer.run())
        writer = TrendWriter(self._context, self._offsets)
        self._spawn(writer.run())
        self._spawn(AlertService(self._context, self._sender, self._offsets).run())
        self._spawn(Watchdog(self._context, self._app, self._runs, writer, self._offsets).run())
        self._spawn(self.buffer.run())
        self._spawn(ServingNote(self._context, self._pipeline.predictions, watch).run())
        if watch is not None:
            self._spawn(watch.run(self._pipeline.predictions.swap))
        self._spawn(self._watch_for_failure())
        _spare_the_collector()
        self._ready.set()
        log.info("streamwatch worker: model %s, %s", engine.model, self._context.settings.broker)

    async def stop(self) -> None:
        """Commit what is acknowledged, then stop everything."""
        if not self._ready.is_set():
            return
        await _patiently("commit", self._committer.commit())
        await self._cancel_tasks()
        await _patiently("pipeline", self._pipeline.stop())
        await _patiently("producer", self._sender.stop())
        await _patiently("offsets", self._offsets.stop())
        await self._context.redis.aclose()

    async def take(self, message: Any) -> None:
        """A message of the agent's stream. An error here would be swallowed and acked by Faust: it ends the worker."""
        await self._ready.wait()
        try:
            await self._runs.take(message)
        except Exception as error:
            self._context.fail(error)
            await asyncio.Event().wait()

    def assigned(self) -> None:
        """Partitions were given. Faust fixes its fetches' wait at 1.5 s, which the embedded broker makes documents feel."""
        fetcher = self._app.consumer._thread._ensure_consumer()._fetcher
        fetcher._fetch_max_wait_ms = self._context.settings.fetch_wait_ms

    def revoked(self, partitions: Iterable[Any]) -> None:
        """Partitions were taken away."""
        if self._ready.is_set():
            self._runs.end(partitions)

    async def _cancel_tasks(self) -> None:
        """Again and again: a `wait_for` that is cancelled just when it is done swallows it (Python 3.11)."""
        pending = set(self._tasks)
        for _ in range(CANCELS):
            for task in pending:
                task.cancel()
            if pending:
                _, pending = await asyncio.wait(pending, timeout=STOP_S / CANCELS)
        if pending:
            log.warning("%d tasks did not stop: the worker ends without them", len(pending))

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and task.exception() is not None:
            self._context.fail(task.exception())  # type: ignore[arg-type]

    async def _watch_for_failure(self) -> None:
        assert self._context.failure is not None
        _exit(await self._context.failure)


def _spare_the_collector() -> None:
    """What is loaded now stays, so the collector need not walk it again, nor run after every 700 new objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


async def _patiently(what: str, stopping: Awaitable[None]) -> None:
    """Wait for the end of something, and no longer than `STOP_S`."""
    try:
        await asyncio.wait_for(stopping, STOP_S)
    except TimeoutError:
        log.warning("%s did not stop in %g s", what, STOP_S)


def _exit(error: BaseException) -> None:
    """End the process at once, with one line and exit code 1.

    Not an orderly stop: Faust waits for streams and flushes there, and nothing in flight is worth it, since whatever was
    not committed is read again and whatever was not applied is applied again.
    """
    if isinstance(error, StreamwatchError):
        print(f"streamwatch: {error}", file=sys.stderr, flush=True)
    elif isinstance(error, KafkaError):
        print(f"streamwatch: Kafka: {error!r}; a restart goes on where this ended", file=sys.stderr, flush=True)
    else:
        log.error("streamwatch: the worker ends", exc_info=error)
    os._exit(getattr(error, "exit_code", 1))
