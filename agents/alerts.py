"""The evaluator's service: close buckets behind the watermark, raise alerts, send them.

It reads what the trend writers of all workers left in Redis, so one evaluator serves the whole group: the lease says
which. A zombie can only repeat what was done, since every step is committed by compare-and-set.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streamwatch.agents.context import Context, log
from streamwatch.agents.kafka import client_options
from streamwatch.agents.offsets import GroupOffsets
from streamwatch.agents.progress import SourceProgress
from streamwatch.agents.sender import KafkaSender
from streamwatch.alerting.evaluator import Evaluator
from streamwatch.alerting.evidence import complete
from streamwatch.alerting.store import AlertStore
from streamwatch.alerting.transition import Reference, Transition
from streamwatch.channels import channel
from streamwatch.codec import decode
from streamwatch.config import BUCKET_MS
from streamwatch.errors import BrokerUnavailable, RejectError, RetryError, StaleState
from streamwatch.records import Alert, Classified
from streamwatch.timeline import bucket_start

LOOK_S = 0.2
PAUSE_S = 0.1
"""How often the watermark is looked at: when a writer of this worker says that something moved, but not more often than
the pause allows, and without being told (the writer may be another worker's) after the longer time."""
LEASE_MS = 5000
STANDBY_S = 1.0
STEP_BUCKETS = 360
STEP_ENTRIES = 50_000
"""Of one commit: an hour, and no more documents than fit into some tens of megabytes, so that catching up keeps its
progress and its memory."""
FORGET_S = 30.0
EVIDENCE_S = 10.0
EVIDENCE_BYTES = 128 * 1024
"""One read of evidence: some two hundred records, an hour of a busy series."""


class AlertService:
    """Evaluates while it holds the lease."""

    def __init__(self, context: Context, sender: KafkaSender, offsets: GroupOffsets) -> None:
        self._context = context
        self._offsets = offsets
        self._settings = context.settings
        self._sender = sender
        self._token = uuid4().hex
        self._consumer = AIOKafkaConsumer(
            auto_offset_reset="earliest", max_partition_fetch_bytes=EVIDENCE_BYTES, **client_options(context.settings)
        )
        self._evaluator: Evaluator | None = None
        self._progress = SourceProgress(context, offsets, self._consumer)
        self._published: dict[str, int] = {}
        self._last_forget = time.monotonic()

    async def run(self) -> None:
        """Look, evaluate and send until cancelled."""
        await self._consumer.start()
        try:
            await self._progress.start()
            self._store = AlertStore(self._context.redis, self._settings.prefix, self._progress.n_partitions)
            while True:
                await self._turn()
        finally:
            await self._consumer.stop()

    async def _turn(self) -> None:
        try:
            if await self._store.lease(self._token, LEASE_MS):
                await self._advance()
                await self._send()
                await self._tidy()
                await self._wait(LOOK_S)
            else:
                self._evaluator = None
                await asyncio.sleep(STANDBY_S)
        except StaleState as error:
            log.info("%s: reading the state again", error)
            self._evaluator = None
        except (RetryError, KafkaError) as error:
            log.warning("alerts: %s; trying again every %g s", error, STANDBY_S)
            self._evaluator = None
            await asyncio.sleep(STANDBY_S)

    async def _wait(self, seconds: float) -> None:
        await asyncio.sleep(PAUSE_S)
        try:
            await asyncio.wait_for(self._context.applied.wait(), seconds)
        except TimeoutError:
            return
        self._context.applied.clear()

    # -- how far

    async def _advance(self) -> None:
        evaluator = await self._loaded()
        mark = await self._progress.watermark()
        if mark is None:
            return
        until = bucket_start(mark, BUCKET_MS)
        while evaluator.closed_until_ms < until and await self._store.lease(self._token, LEASE_MS):
            await self._step(evaluator, until)

    async def _loaded(self) -> Evaluator:
        """The evaluator, read anew where Redis does not stand where we do."""
        if self._evaluator is not None and await self._store.in_place(self._evaluator.closed_until_ms):
            return self._evaluator
        self._evaluator = Evaluator(self._settings, await self._store.load())
        self._published = await self._read_published()
        return self._evaluator

    # -- one step

    async def _step(self, evaluator: Evaluator, until_ms: int) -> None:
        """Evaluate some closed buckets and commit; with nothing committed, the evaluator is read again."""
        before = evaluator.closed_until_ms
        buckets = await self._store.open_buckets(max(before, 0), until_ms)
        few = await self._store.at_most(buckets[:STEP_BUCKETS], STEP_ENTRIES)
        if len(few) < len(buckets):
            buckets, until_ms = few, few[-1] + BUCKET_MS
        entries = await self._store.entries(buckets)
        transitions = evaluator.advance(until_ms, entries)
        alerts = await self._completed([t for t in transitions if self._is_new(t)])
        evaluated = {bucket: len(found) for bucket, found in entries}
        await self._store.commit(before, until_ms, evaluator.take_changes(), alerts, evaluated)
        for alert in alerts:
            log.warning("%s %s %s since %s", alert.state, alert.series, alert.kind, alert.onset.isoformat())
        await self._send()

    def _is_new(self, transition: Transition) -> bool:
        """Whether no revision at or above this one was sent. The channel is compacted: it may hold only the newest."""
        return transition.alert.revision > self._published.get(transition.alert.id, 0)

    async def _completed(self, transitions: Sequence[Transition]) -> list[Alert]:
        if not transitions:
            return []
        documents = await self._read([ref for t in transitions for ref in t.refs])
        return [complete(transition, documents) for transition in transitions]

    async def _read(self, refs: Sequence[Reference]) -> dict[tuple[int, int], Classified]:
        """The records of `classified` that `refs` point at; those that retention deleted are left out."""
        name = channel(self._settings, "classified")
        found: dict[tuple[int, int], Classified] = {}
        for partition in sorted({ref.partition for ref in refs}):
            tp = TopicPartition(name, partition)
            offsets = sorted({ref.offset for ref in refs if ref.partition == partition})
            for message in await self._read_partition(tp, offsets):
                try:
                    found[partition, message.offset] = decode(message.value or b"", Classified)
                except RejectError as error:
                    log.error("a record of `classified` is none of ours: %s", error)
        return found

    async def _read_partition(self, tp: TopicPartition, offsets: Sequence[int]) -> list[Any]:
        """The messages at `offsets` (ascending). Evidence lies close together, so one fetch gives many of them."""
        self._consumer.assign([tp])
        start = (await self._consumer.beginning_offsets([tp]))[tp]
        end = (await self._offsets.end_offsets([tp]))[tp]
        wanted, messages = [offset for offset in offsets if start <= offset < end], []
        while wanted:
            self._consumer.seek(tp, wanted[0])
            batch = (await self._consumer.getmany(tp, timeout_ms=int(EVIDENCE_S * 1000))).get(tp, [])
            if not batch:
                raise BrokerUnavailable(f"{tp.topic}/{tp.partition} does not give offset {wanted[0]}")
            messages += [message for message in batch if message.offset in wanted]
            wanted = [offset for offset in wanted if offset > batch[-1].offset]
        return messages

    # -- sending

    async def _send(self) -> None:
        """Publish what is in the outbox, at least once and with the same content."""
        for raw, alert in await self._store.outbox():
            await self._sender.alert(alert)
            await self._store.sent(raw)

    async def _read_published(self) -> dict[str, int]:
        """The newest revision of each alert in the channel: none of it is sent again, however old our state is."""
        tp = TopicPartition(channel(self._settings, "alerts"), 0)
        end = (await self._offsets.end_offsets([tp]))[tp]
        start = (await self._consumer.beginning_offsets([tp]))[tp]
        published: dict[str, int] = {}
        self._consumer.assign([tp])
        self._consumer.seek(tp, start)
        position = start
        while position < end:
            batches = await self._consumer.getmany(tp, timeout_ms=1000)
            for message in batches.get(tp, ()):
                try:
                    alert = decode(message.value or b"", Alert)
                    published[alert.id] = max(alert.revision, published.get(alert.id, 0))
                except RejectError as error:
                    log.error("a record of `alerts` is none of ours: %s", error)
            position = await self._consumer.position(tp)
        return published

    async def _tidy(self) -> None:
        if self._evaluator is None or time.monotonic() - self._last_forget < FORGET_S:
            return
        self._last_forget = time.monotonic()
        await self._store.forget_entries(self._evaluator.closed_until_ms)
