"""The evaluator's service: close buckets behind the watermark, raise alerts, send them.

It reads what the trend writers of all workers left in Redis, so one evaluator serves the whole group: the lease says
which. A zombie can only repeat what was done, since every step is committed by compare-and-set.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streamwatch.agents.context import Context, log
from streamwatch.agents.kafka import client_options
from streamwatch.agents.offsets import GroupOffsets
from streamwatch.agents.sender import KafkaSender
from streamwatch.alerting.evaluator import Evaluator
from streamwatch.alerting.evidence import complete
from streamwatch.alerting.store import AlertStore
from streamwatch.alerting.transition import Reference, Transition
from streamwatch.channels import SOURCES, channel
from streamwatch.codec import decode
from streamwatch.config import BUCKET_MS
from streamwatch.errors import BrokerUnavailable, RecreatedChannel, RejectError, RetryError, StaleState
from streamwatch.records import Alert, Classified
from streamwatch.redis_errors import answering
from streamwatch.timeline import bucket_start
from streamwatch.trends.counting import PartitionState, SourceState
from streamwatch.trends.keys import Keys
from streamwatch.trends.store import parse_state
from streamwatch.trends.watermark import Progress, watermark_ms

LOOK_S = 0.2
PAUSE_S = 0.1
"""How often the watermark is looked at: when a writer of this worker says that something moved, but not more often than
the pause allows, and without being told (the writer may be another worker's) after the longer time."""
LEASE_MS = 5000
STANDBY_S = 1.0
STEP_BUCKETS = 360
"""Buckets of one commit: an hour, so that catching up keeps its progress."""
FORGET_S = 30.0
REPLAY_DEAD_S = 60.0
"""A replay that was killed leaves its marker open: it is taken for ended when all is caught up and still for so long."""
EVIDENCE_S = 10.0
SHORT_S = 5.0
"""How long a source must seem shorter than what was counted of it: a broker that has just become leader may not know."""
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
        self._published: set[tuple[str, int]] = set()
        self._short_since: dict[TopicPartition, float] = {}
        self._still_since = time.monotonic()
        self._last_fences: object = None
        self._last_forget = time.monotonic()

    async def run(self) -> None:
        """Look, evaluate and send until cancelled."""
        await self._consumer.start()
        try:
            self._source_tps = await self._source_partitions()
            n = len(self._consumer.partitions_for_topic(channel(self._settings, "classified")) or ())
            self._keys = [Keys(self._settings.prefix, p) for p in range(n)]
            self._store = AlertStore(self._context.redis, self._settings.prefix, n)
            while True:
                await self._turn()
        finally:
            await self._consumer.stop()

    async def _source_partitions(self) -> list[TopicPartition]:
        names = [channel(self._settings, name) for name in (*SOURCES, "classified")]
        await self._consumer._client.set_topics(names)
        return [
            TopicPartition(name, p)
            for name in names[:-1]
            for p in sorted(self._consumer.partitions_for_topic(name) or ())
        ]

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
        mark = await self._watermark()
        if mark is None:
            return
        until = bucket_start(mark, BUCKET_MS)
        while evaluator.closed_until_ms < until:
            await self._step(evaluator, until)

    async def _loaded(self) -> Evaluator:
        """The evaluator, read anew where Redis does not stand where we do."""
        if self._evaluator is not None and await self._store.in_place(self._evaluator.closed_until_ms):
            return self._evaluator
        self._evaluator = Evaluator(self._settings, await self._store.load())
        if self._evaluator.closed_until_ms < 0:
            self._published = await self._read_published()
        return self._evaluator

    async def _watermark(self) -> int | None:
        """Arrivals and fences first, the sources' ends after them: see `trends.watermark`."""
        states = await self._states()
        ends = await self._offsets.end_offsets(self._source_tps)
        self._check_recreated(states, ends)
        return watermark_ms(self._progress(states, ends), self._settings.lateness_s * 1000)

    async def _states(self) -> list[PartitionState]:
        pipe = self._context.redis.pipeline(transaction=False)
        for keys in self._keys:
            pipe.hgetall(keys.state)
        with answering():
            return [parse_state(fields) for fields in await pipe.execute()]

    def _check_recreated(self, states: Sequence[PartitionState], ends: Mapping[TopicPartition, int]) -> None:
        """A source that ends before what was counted of it: its new documents would all pass for copies."""
        for tp in self._source_tps:
            source = states[tp.partition].sources.get(self._context.base_name(tp.topic))
            if source is None or source.fence < ends[tp]:
                self._short_since.pop(tp, None)
            elif time.monotonic() - self._short_since.setdefault(tp, time.monotonic()) > SHORT_S:
                raise RecreatedChannel(
                    f"{tp.topic}/{tp.partition} ends at {ends[tp]}, but {source.fence + 1} records of it were counted: it "
                    "was made anew. `streamwatch channels reset` makes all channels and windows anew"
                )

    def _progress(self, states: Sequence[PartitionState], ends: Mapping[TopicPartition, int]) -> list[Progress]:
        progress = []
        for tp in self._source_tps:
            source = states[tp.partition].sources.get(self._context.base_name(tp.topic), SourceState())
            progress.append(Progress(source.arrival_ms, source.fence, ends[tp], bool(source.replays)))
        return self._without_dead_replays(progress)

    def _without_dead_replays(self, progress: list[Progress]) -> list[Progress]:
        fences = [p.fence for p in progress]
        if fences != self._last_fences or any(p.fence + 1 < p.end_offset for p in progress):
            self._last_fences, self._still_since = fences, time.monotonic()
        if time.monotonic() - self._still_since > REPLAY_DEAD_S:
            return [p._replace(replaying=False) for p in progress]
        return progress

    # -- one step

    async def _step(self, evaluator: Evaluator, until_ms: int) -> None:
        """Evaluate some closed buckets and commit; with nothing committed, the evaluator is read again."""
        before = evaluator.closed_until_ms
        buckets = await self._store.open_buckets(max(before, 0), until_ms)
        if len(buckets) > STEP_BUCKETS:
            buckets = buckets[:STEP_BUCKETS]
            until_ms = buckets[-1] + BUCKET_MS
        entries = await self._store.entries(buckets)
        transitions = evaluator.advance(until_ms, entries)
        alerts = await self._completed([t for t in transitions if t.key not in self._published])
        evaluated = {bucket: len(found) for bucket, found in entries}
        await self._store.commit(before, until_ms, evaluator.take_changes(), alerts, evaluated)
        for alert in alerts:
            log.warning("%s %s %s since %s", alert.state, alert.series, alert.kind, alert.onset.isoformat())
        await self._send()

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
        wanted, messages = [offset for offset in offsets if offset >= start], []
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

    async def _read_published(self) -> set[tuple[str, int]]:
        """What the alert channel holds: an evaluator without state sends none of it again."""
        tp = TopicPartition(channel(self._settings, "alerts"), 0)
        end = (await self._offsets.end_offsets([tp]))[tp]
        start = (await self._consumer.beginning_offsets([tp]))[tp]
        published: set[tuple[str, int]] = set()
        self._consumer.assign([tp])
        self._consumer.seek(tp, start)
        position = start
        while position < end:
            batches = await self._consumer.getmany(tp, timeout_ms=1000)
            for message in batches.get(tp, ()):
                try:
                    alert = decode(message.value or b"", Alert)
                    published.add((alert.id, alert.revision))
                except RejectError as error:
                    log.error("a record of `alerts` is none of ours: %s", error)
            position = await self._consumer.position(tp)
        return published

    async def _tidy(self) -> None:
        if self._evaluator is None or time.monotonic() - self._last_forget < FORGET_S:
            return
        self._last_forget = time.monotonic()
        await self._store.forget_entries(self._evaluator.closed_until_ms)
