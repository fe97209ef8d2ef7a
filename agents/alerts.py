"""The evaluator's service: close buckets behind the watermark, raise alerts, send them.

It reads what the trend writers of all workers left in Redis, so one evaluator serves the whole group: the lease says
which. A zombie can only repeat what was done, since every step is committed by compare-and-set.
"""

import asyncio
import time
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streamwatch.agents.context import Context, log
from streamwatch.agents.decisions import DecisionLog
from streamwatch.agents.drawer import Drawer
from streamwatch.agents.evidence import EvidenceReader
from streamwatch.agents.kafka import client_options
from streamwatch.agents.offsets import GroupOffsets
from streamwatch.agents.progress import SourceProgress
from streamwatch.agents.promotions import PromotionsKeeper
from streamwatch.agents.rules import RulesKeeper
from streamwatch.agents.sender import KafkaSender
from streamwatch.alerting.adoption import Published, orphans
from streamwatch.alerting.closing import close
from streamwatch.alerting.drift_watch import EPISODES, MONITORS, DriftWatch
from streamwatch.alerting.evaluator import Evaluator
from streamwatch.alerting.stalled import Stalls
from streamwatch.alerting.store import AlertStore
from streamwatch.alerting.transition import Transition
from streamwatch.channels import channel
from streamwatch.codec import decode
from streamwatch.config import BUCKET_MS
from streamwatch.drift.stored import DRIFT_BUCKET_MS
from streamwatch.drift.sums import Sums
from streamwatch.errors import RejectError, RetryError, StaleState
from streamwatch.records import Alert
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
NEARLY_THERE = 1000
"""Records on their way from which on a rebuild may be going on: under traffic there are always some."""
STALLED_LOOK_S = 1.0
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
        self._drift = DriftWatch(context.settings)
        self._progress = SourceProgress(context, offsets, self._consumer)
        self._evidence = EvidenceReader(context, offsets, self._consumer)
        self._drawer = Drawer(context.settings, self._evidence)
        self._decisions = DecisionLog(context, offsets, sender)
        self._rules = RulesKeeper(context, self._decisions)
        self._promotions = PromotionsKeeper(self._decisions)
        self._published: dict[str, Alert] = {}
        self._stalls = Stalls(context.settings.stalled_after_s * 1000)
        self._last_forget = self._last_stall = time.monotonic()

    async def run(self) -> None:
        """Look, evaluate and send until cancelled."""
        await self._consumer.start()
        try:
            await self._progress.start()
            await self._decisions.start()
            self._store = AlertStore(self._context.redis, self._settings.prefix, self._progress.n_partitions)
            while True:
                await self._turn()
        finally:
            await self._decisions.stop()
            await self._consumer.stop()

    async def _turn(self) -> None:
        try:
            if await self._store.lease(self._token, LEASE_MS):
                await self._advance()
                await self._send()
                await self._tell_stalls()
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
        while evaluator.closed_until_ms < until:
            if not await self._store.lease(self._token, LEASE_MS):
                return
            await self._step(evaluator, until)
        await self._caught_up(evaluator)

    async def _caught_up(self, evaluator: Evaluator) -> None:
        """Everything that can be closed is: rules may change, and what nobody goes on with is ended.

        Not while Redis is built anew: what it will reach was decided before, by the rules of that time.
        """
        if self._progress.n_behind > NEARLY_THERE:
            return
        await self._rules.look(next_bucket_ms=max(evaluator.closed_until_ms, 0))
        evaluator.set_rules(self._rules.history)
        open_ = evaluator.open_alerts | self._drift.open_alerts
        ended = orphans(self._published.values(), open_, evaluator.closed_until_ms)
        for alert in ended:
            await self._sender.alert(alert)
            self._published[alert.id] = alert

    async def _loaded(self) -> Evaluator:
        """The evaluator, read anew where Redis does not stand where we do."""
        if self._evaluator is not None and await self._store.in_place(self._evaluator.closed_until_ms):
            return self._evaluator
        rules = await self._rules.refresh()
        self._published = await self._read_published()
        self._stalls.know(self._published.values())
        state = await self._store.load()
        await self._drawer.load(self._store)
        published = Published.of(self._published.values())
        self._drift = DriftWatch(self._settings, await self._kept_of_drift(), published)
        self._evaluator = Evaluator(self._settings, rules, state, published, self._promotions.versions)
        return self._evaluator

    async def _kept_of_drift(self) -> dict[str, bytes]:
        return {name: await self._store.beside(name) for name in (EPISODES, MONITORS)}

    # -- one step

    async def _step(self, evaluator: Evaluator, until_ms: int) -> None:
        """Evaluate some closed buckets and commit; with nothing committed, the evaluator is read again."""
        before = evaluator.closed_until_ms
        buckets = await self._store.open_buckets(max(before, 0), until_ms)
        few = await self._store.at_most(buckets[:STEP_BUCKETS], STEP_ENTRIES)
        if len(few) < len(buckets):
            buckets, until_ms = few, few[-1] + BUCKET_MS
        entries = await self._store.entries(buckets)
        await self._promotions.meet(evaluator, entries)
        closed = close(evaluator, self._drift, until_ms, entries, await self._sums(before, until_ms))
        alerts = await self._evidence.completed([t for t in closed.transitions if self._is_new(t)])
        samples = [one for piece in closed.pieces for one in await self._drawer.draw(piece.counted, piece.drifting)]
        evaluated = {bucket: len(found) for bucket, found in entries}
        beside = self._drawer.state | self._drift.take_changes()
        await self._store.commit(before, until_ms, evaluator.take_changes(), alerts, evaluated, beside, samples)
        for alert in alerts:
            self._published[alert.id] = alert
            log.warning("%s %s %s since %s", alert.state, alert.series, alert.kind, alert.onset.isoformat())
        await self._send()

    async def _sums(self, before_ms: int, until_ms: int) -> list[tuple[int, Sums]]:
        """The drift monitors' buckets that ended in this step."""
        if not self._drift.on:
            return []
        first_ms, last_ms = before_ms - DRIFT_BUCKET_MS + 1, until_ms - DRIFT_BUCKET_MS
        return await self._store.sums(max(first_ms, 0), last_ms + 1)

    def _is_new(self, transition: Transition) -> bool:
        """Whether no revision at or above this one was sent. The channel is compacted: it may hold only the newest."""
        sent = self._published.get(transition.alert.id)
        return sent is None or transition.alert.revision > sent.revision

    # -- sending

    async def _send(self) -> None:
        """Publish what is in the outbox, at least once and with the same content."""
        for raw, alert in await self._store.outbox():
            await self._sender.alert(alert)
            await self._store.sent(raw)
        while samples := await self._store.samples():
            await self._sender.drift([one for _, one in samples])
            await self._store.samples_sent([raw for raw, _ in samples])

    async def _tell_stalls(self) -> None:
        """Sources that are silent, and event time that does not move: by the wall clock, outside of detection."""
        if not self._settings.stalled_after_s or time.monotonic() - self._last_stall < STALLED_LOOK_S:
            return
        self._last_stall = time.monotonic()
        now_ms = int(time.time() * 1000)
        for name, place, idle in self._progress.places():
            alert = self._stalls.observe(name, place, now_ms, idle)
            if alert is not None:
                await self._sender.alert(alert)
                self._stalls.told(alert)
                log.warning("%s %s stalled", alert.state, alert.series)

    async def _read_published(self) -> dict[str, Alert]:
        """The newest revision of each alert in the channel: none of it is sent again, however old our state is."""
        tp = TopicPartition(channel(self._settings, "alerts"), 0)
        end = (await self._offsets.end_offsets([tp]))[tp]
        start = (await self._consumer.beginning_offsets([tp]))[tp]
        published: dict[str, Alert] = {}
        self._consumer.assign([tp])
        self._consumer.seek(tp, start)
        position = start
        while position < end:
            batches = await self._consumer.getmany(tp, timeout_ms=1000)
            for message in batches.get(tp, ()):
                try:
                    alert = decode(message.value or b"", Alert)
                except RejectError as error:
                    log.error("a record of `alerts` is none of ours: %s", error)
                    continue
                if alert.id not in published or alert.revision > published[alert.id].revision:
                    published[alert.id] = alert
            position = await self._consumer.position(tp)
        return published

    async def _tidy(self) -> None:
        if self._evaluator is None or time.monotonic() - self._last_forget < FORGET_S:
            return
        self._last_forget = time.monotonic()
        await self._store.forget_entries(self._evaluator.closed_until_ms)
