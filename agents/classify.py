"""The classify agent: source records in, acknowledged records of `classified` out, offsets committed behind them."""

import asyncio
import re
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streamwatch.agents.context import Context, log
from streamwatch.agents.offsets import GroupOffsets, commit
from streamwatch.delivery.intake import SourceRecord
from streamwatch.delivery.pipeline import Pipeline, Run
from streamwatch.errors import FatalError

COMMIT_S = 1.0
"""How often offsets are committed: a crash repeats at most this much work."""
MARKER = re.compile(rb"(begin|end):[0-9a-f]{12}")
MAX_DIGITS = 15
"""Of a header with milliseconds: the year 33658. More digits are no time, and some thousand are an error of `int`."""


class Runs:
    """The runs of this worker's source partitions: begun by a partition's first record, ended when it is revoked."""

    def __init__(
        self, context: Context, pipeline: Pipeline, offsets: GroupOffsets, generation: Callable[[], int]
    ) -> None:
        self._generation = generation
        self._context = context
        self._pipeline = pipeline
        self._offsets = offsets
        self._runs: dict[TopicPartition, tuple[int, Run]] = {}

    async def take(self, message: Any) -> None:
        """Hand one Faust message to its run."""
        tp, offset = TopicPartition(message.topic, message.partition), message.offset
        generation, run = self._runs.get(tp, (None, None))
        if run is None or generation != message.generation_id:
            self.end([tp])
            run = await self._begin(tp, offset)
            self._runs[tp] = (message.generation_id, run)
        elif offset > run.ledger.newest + 1:
            run.n_lost += await self._gap(tp, run.ledger.newest + 1, offset)
        if message.generation_id != self._generation():
            self.end([tp])  # taken away while we looked at the log: it is somebody else's now, or comes again
            return
        now_ms = time.time_ns() // 1_000_000
        await self._pipeline.take(run, source_record(message, run.channel, now_ms))

    async def _begin(self, tp: TopicPartition, first: int) -> Run:
        """A run that begins with the record at `first`.

        Everything below the committed offset was acknowledged. A first record above it means that retention deleted
        unread documents, or that the offsets between hold no records, or that the stream skipped some: only the first
        two may go on.
        """
        start = await self._start(tp)
        n_lost = await self._gap(tp, start, first) if first > start else 0
        begin = min(first, start)
        log.info("%s/%d: run begins at offset %d", tp.topic, tp.partition, begin)
        return self._pipeline.begin(self._context.base_name(tp.topic), tp.partition, begin, n_lost)

    async def _start(self, tp: TopicPartition) -> int:
        """The committed offset, else where the log begins; waits while the broker is away."""
        while True:
            try:
                committed = await self._offsets.committed(tp)
                return committed if committed is not None else await self._offsets.log_start(tp)
            except KafkaError as error:
                log.warning("%s/%d: %r; trying again every %g s", tp.topic, tp.partition, error, COMMIT_S)
                await asyncio.sleep(COMMIT_S)

    async def _gap(self, tp: TopicPartition, expected: int, got: int) -> int:
        """How many documents between the offset we expected and the one we got retention deleted before they were read."""
        await self._check_gap(tp, expected, got)
        n_lost = max(0, min(got, await self._offsets.log_start(tp)) - expected)
        if n_lost:
            log.error("%s/%d: retention deleted %d documents before they were read", tp.topic, tp.partition, n_lost)
        return n_lost

    async def _check_gap(self, tp: TopicPartition, expected: int, got: int) -> None:
        """The stream jumped: read the log ourselves and see whether there is nothing in between."""
        try:
            there = await self._offsets.first_from(tp, expected)
        except (TimeoutError, KafkaError) as error:
            raise FatalError(
                f"{tp.topic}/{tp.partition}: cannot check offsets {expected} to {got}: {error!r}"
            ) from error
        if there < got:
            raise FatalError(
                f"{tp.topic}/{tp.partition}: the stream skipped offsets {there} to {got - 1}; a restart reads them again"
            )

    def end(self, revoked: Iterable[TopicPartition]) -> None:
        """Forget the runs of partitions that were taken away."""
        for tp in revoked:
            _, run = self._runs.pop(TopicPartition(tp.topic, tp.partition), (None, None))
            if run is not None:
                self._pipeline.end(run)

    def positions(self) -> dict[TopicPartition, int]:
        """The next offset that each run expects: what the watchdog compares with the log's end."""
        return {tp: run.ledger.newest + 1 for tp, (_, run) in self._runs.items()}

    def committable(self) -> dict[TopicPartition, int]:
        """The offset up to which each run's records are acknowledged."""
        return {tp: run.committable for tp, (_, run) in self._runs.items()}


class Committer:
    """Commits what has become committable."""

    def __init__(self, app: Any, runs: Runs) -> None:
        self._app = app
        self._runs = runs
        self._done: dict[TopicPartition, int] = {}

    async def commit(self) -> None:
        """Commit what moved since the last commit."""
        moved = {tp: offset for tp, offset in self._runs.committable().items() if self._done.get(tp) != offset}
        if moved:
            self._done.update(await commit(self._app, moved))

    async def run(self) -> None:
        """Commit every second."""
        while True:
            await asyncio.sleep(COMMIT_S)
            await self.commit()


class _Headers(NamedTuple):
    observed_ms: int | None
    marker: str | None
    backfill: bool


def source_record(message: Any, channel: str, now_ms: int) -> SourceRecord:
    """A Faust message as the pipeline knows it.

    Producers set header and timestamp, so neither is believed where it lies ahead of our clock: nothing arrives in the
    future, and one producer's clock that is minutes ahead would carry the watermark over everybody's documents. A
    record with neither has just arrived. A marker has no value: what has one is a document, whatever its headers say.
    """
    headers = _headers(message.headers)
    observed_ms = headers.observed_ms
    if observed_ms is None:
        observed_ms = round(message.timestamp * 1000) if message.timestamp and message.timestamp > 0 else now_ms
    observed_ms = min(observed_ms, now_ms)
    marker = headers.marker if not message.value else None
    return SourceRecord(
        channel, message.partition, message.offset, message.value, observed_ms, marker, headers.backfill
    )


def _headers(pairs: Any) -> _Headers:
    if not pairs:
        return _Headers(None, None, False)
    headers = dict(pairs.items() if isinstance(pairs, dict) else pairs)
    observed, marker = headers.get("observed_ms"), headers.get("marker")
    return _Headers(
        int(observed) if observed is not None and observed.isdigit() and len(observed) <= MAX_DIGITS else None,
        marker.decode() if marker and MARKER.fullmatch(marker) else None,
        headers.get("backfill") == b"1",
    )
