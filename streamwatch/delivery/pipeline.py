"""One worker's way from source records to acknowledged records of `classified`, in source order.

`take` hands a record in; classification finishes in any order; each partition's emitter sends the finished prefix and
only then may its offsets be committed. What leaves a document leaves before its offset does: its dead letter is
acknowledged first. Nothing here knows Faust: it is driven by an agent, and by tests.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from streamwatch.codec import encode
from streamwatch.config import Settings
from streamwatch.delivery.intake import (
    SourceRecord,
    Work,
    classified,
    dead_letter,
    following,
    prepare,
    without_document,
)
from streamwatch.delivery.ledger import PartitionLedger, Released
from streamwatch.errors import BrokerUnavailable, FatalError, RejectError
from streamwatch.inference.confidence import marked
from streamwatch.inference.engine import Answer, Engine
from streamwatch.inference.shared import SharedPredictions
from streamwatch.inference.sizes import sizes_of
from streamwatch.inference.unread import UnreadTexts, scripts_of, unread_prediction
from streamwatch.records import Classified, DeadLetter
from streamwatch.text.readable import unread_reason

R = TypeVar("R")
log = logging.getLogger(__name__)

EMIT_RECORDS = 1000
"""Records of one emission: a produce request of half a megabyte, acknowledged in some milliseconds."""
GATHER_S = 0.003
"""Pause before what is finished is sent, when nothing was sent for a wave: what a batch of the engine answers leaves together."""
WAVE_S = 0.03
"""Under traffic all partitions send at the same moments, so far apart: a wave costs one produce request, what the broker and
the trend writer do for it, and some 0.5 ms for each partition in it, as much as five to ten documents, however few they are."""
IN_FLIGHT_BYTES = 64 * 1024 * 1024
"""Of the records in flight: sixteen kilobytes for each of the usual 4096, so that only news in full or worse reaches it."""
RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Waits before a produce is tried again; the last one repeats until the broker is back or the run ends."""


class Sender(Protocol):
    """Sends to the channels; each call returns when the broker has acknowledged, or raises `BrokerUnavailable`."""

    async def classified(self, partition: int, records: Sequence[tuple[bytes, bytes]]) -> int:
        """Send a prefix of `records` (key, value), in order; how many were acknowledged, at least one."""
        ...

    async def dead_letter(self, record: DeadLetter) -> None:
        """Send one dead letter."""
        ...


class Run:
    """One source partition from its assignment until it is taken away."""

    def __init__(self, channel: str, partition: int, committed: int, n_lost: int = 0) -> None:
        self.channel = channel
        self.partition = partition
        self.ledger: PartitionLedger[Classified] = PartitionLedger(committed)
        self.committable = committed
        self.n_in_flight = 0
        self.sizes: deque[int] = deque()
        self.n_lost = n_lost
        self.ended = False
        self.wake = asyncio.Event()
        self.emitter: asyncio.Task[None] | None = None

    def finish(self, offset: int, finished: Classified) -> None:
        """Complete an offset and wake the emitter."""
        self.ledger.complete(offset, finished)
        self.wake.set()


def pause_s(now_s: float, sent_s: float) -> float:
    """How long a finished prefix waits for more, when some partition last sent at `sent_s`.

    >>> pause_s(now_s=70.0, sent_s=60.0)
    0.003
    >>> round(pause_s(now_s=70.01, sent_s=70.0), 6)          # 70.02 is a multiple of a wave
    0.01
    """
    return GATHER_S if now_s - sent_s > WAVE_S else WAVE_S - now_s % WAVE_S


class Pipeline:
    """The classify agent's engine room.

    Args:
        engine: what classifies.
        sender: where results go.
        on_failure: told of an error that only a restart can mend.
    """

    def __init__(
        self, engine: Engine, sender: Sender, settings: Settings, on_failure: Callable[[BaseException], None]
    ) -> None:
        self._unread = UnreadTexts(settings.prediction_cache)
        self.predictions = SharedPredictions(engine, settings.prediction_cache, sizes_of(settings, engine))
        self._sender = sender
        self._settings = settings
        self._on_failure = on_failure
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()
        self._room.set()
        self._sent_s = -WAVE_S
        self.n_in_flight = 0
        self.n_bytes = 0

    def start(self) -> None:
        """Start the engine's task."""
        self._spawn(self.predictions.run())

    async def stop(self) -> None:
        """Cancel everything; what was not acknowledged is read again by the next run."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.predictions.stopped()

    def begin(self, channel: str, partition: int, committed: int, n_lost: int = 0) -> Run:
        """A run of one source partition from its committed offset on."""
        run = Run(channel, partition, committed, n_lost)
        run.emitter = self._spawn(self._emit_for_ever(run))
        return run

    def end(self, run: Run) -> None:
        """The partition was taken away: what is in flight of it is somebody else's now."""
        run.ended = True
        if run.emitter is not None:
            run.emitter.cancel()
        self._leave(run, run.n_in_flight)

    async def take(self, run: Run, source: SourceRecord) -> None:
        """Take one record in; waits while too much is in flight, of ended runs too as long as the engine is at it."""
        await self._room.wait()
        await self.predictions.room()
        if run.ended:  # while it waited: it would take room that nobody gives back
            return
        run.ledger.open(source.offset)
        self._enter(run, len(source.value or b""))
        if source.marker is not None:
            run.finish(source.offset, without_document(source, "marker"))
            return
        try:
            work = prepare(source, self._settings)
        except RejectError as error:
            self._reject(run, source, error)
            return
        self._classify(run, work)

    def _classify(self, run: Run, work: Work) -> None:
        """Ask the engine, unless it could not read the text: then the answer is there at once."""
        engine = self.predictions.engine
        unread = unread_reason(work.text, scripts_of(engine))
        if not unread:
            self.predictions.ask(
                work.document.text_hash, work.text, lambda answer, first: self._done(run, work, answer, first)
            )
            return
        first = self._unread.is_new(work.document.text_hash)
        self._done(run, work._replace(unread=unread), unread_prediction(engine.model), first)

    def _done(self, run: Run, work: Work, answer: Answer | FatalError, first: bool) -> None:
        if isinstance(answer, FatalError):  # the worker ends; the next one reads the document again
            return
        if isinstance(answer, RejectError):
            self._reject(run, work.source, answer)
            return
        answer = marked(answer, self._settings.low_confidence_below)
        run.finish(work.source.offset, classified(work, answer, "classified" if first else "duplicate", follows=-1))

    def _reject(self, run: Run, source: SourceRecord, error: RejectError) -> None:
        self._spawn(self._send_dead_letter(run, source, error))

    async def _send_dead_letter(self, run: Run, source: SourceRecord, error: RejectError) -> None:
        letter = dead_letter(source, error)
        await self._insist(lambda: self._sender.dead_letter(letter))
        run.finish(source.offset, without_document(source, "dead_lettered", error.reason))

    async def _emit_for_ever(self, run: Run) -> None:
        while True:
            await run.wake.wait()
            await asyncio.sleep(pause_s(time.monotonic(), self._sent_s))
            run.wake.clear()
            released = run.ledger.release()
            if released:
                self._sent_s = time.monotonic()
            for start in range(0, len(released), EMIT_RECORDS):
                await self._emit(run, released[start : start + EMIT_RECORDS])

    async def _emit(self, run: Run, released: Sequence[Released[Classified]]) -> None:
        """Send the records in order from the first that is not acknowledged on."""
        records = [self._encoded(run, item) for item in released]
        n_sent = 0
        while n_sent < len(records):
            rest = records[n_sent:]
            n_sent += await self._insist(lambda rest=rest: self._sender.classified(run.partition, rest))  # type: ignore[misc]
        run.committable = released[-1].offset + 1
        self._leave(run, len(released))

    def _encoded(self, run: Run, item: Released[Classified]) -> tuple[bytes, bytes]:
        record = following(item.result, item.follows, run.n_lost)
        run.n_lost = 0
        return record.id.encode(), encode(record)

    async def _insist(self, send: Callable[[], Awaitable[R]]) -> R:
        """Call `send` until the broker takes it."""
        for attempt in range(1_000_000):
            try:
                return await send()
            except BrokerUnavailable as error:
                wait_s = RETRY_S[min(attempt, len(RETRY_S) - 1)]
                if attempt in (0, 5) or attempt % 30 == 29:
                    log.warning("%s; trying again every %g s", error, wait_s)
                await asyncio.sleep(wait_s)
        raise AssertionError("unreachable")

    def _enter(self, run: Run, n_bytes: int) -> None:
        run.n_in_flight += 1
        run.sizes.append(n_bytes)
        self.n_in_flight += 1
        self.n_bytes += n_bytes
        self._open_or_close()

    def _leave(self, run: Run, n: int) -> None:
        """The oldest `n` are acknowledged, or are somebody else's now."""
        run.n_in_flight -= n
        self.n_in_flight -= n
        self.n_bytes -= sum(run.sizes.popleft() for _ in range(n))
        self._open_or_close()

    def _open_or_close(self) -> None:
        if self.n_in_flight < self._settings.max_in_flight and self.n_bytes < IN_FLIGHT_BYTES:
            self._room.set()
        else:
            self._room.clear()

    def _spawn(self, coroutine: Awaitable[None]) -> "asyncio.Task[None]":
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task  # type: ignore[return-value]

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._on_failure(task.exception())  # type: ignore[arg-type]
