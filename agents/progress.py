"""How far event time has come, over all source partitions of the deployment: Redis' arrivals against the logs' ends."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from streamwatch.agents.context import Context, log
from streamwatch.agents.offsets import GroupOffsets
from streamwatch.channels import SOURCES, channel
from streamwatch.errors import RecreatedChannel
from streamwatch.redis_errors import answering
from streamwatch.timeline import SECOND_MS
from streamwatch.trends.counting import PartitionState, SourceState
from streamwatch.trends.keys import Keys
from streamwatch.trends.store import parse_state
from streamwatch.trends.watermark import Progress, watermark_ms

REPLAY_DEAD_S = 60.0
"""A replay that was killed leaves its marker open: it is taken for ended when its partitions are caught up and none of
them moved for so long."""
SHORT_S = 5.0
"""How long a source may end before its fence: a broker that just came back may answer with an older end."""
METADATA_S = 0.5

Fences = tuple[int, ...]


class SourceProgress:
    """The watermark of the deployment.

    Args:
        consumer: a started one of no group, for the channels' metadata.
    """

    def __init__(self, context: Context, offsets: GroupOffsets, consumer: AIOKafkaConsumer) -> None:
        self._context = context
        self._settings = context.settings
        self._offsets = offsets
        self._consumer = consumer
        self._sources: list[TopicPartition] = []
        self._classified: list[TopicPartition] = []
        self._short_since: dict[TopicPartition, float] = {}
        self._replays: dict[str, tuple[Fences, float]] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._mark: int | None = None
        self._behind = False
        self.n_behind = 0
        """Source records that are not in Redis yet, when the watermark was last asked for."""

    @property
    def n_partitions(self) -> int:
        """Of `classified`."""
        return len(self._classified)

    async def start(self) -> None:
        """Learn the partitions; waits until every channel has some, since a channel left out would be run ahead of."""
        names = [channel(self._settings, name) for name in (*SOURCES, "classified")]
        await self._consumer._client.set_topics(names)
        while not all(self._consumer.partitions_for_topic(name) for name in names):
            log.warning("waiting for the metadata of %s", ", ".join(names))
            await asyncio.sleep(METADATA_S)
            await self._consumer._client.force_metadata_update()
        parts = [TopicPartition(n, p) for n in names for p in sorted(self._consumer.partitions_for_topic(n) or ())]
        self._classified = [tp for tp in parts if tp.topic == names[-1]]
        self._sources = [tp for tp in parts if tp.topic != names[-1]]

    async def watermark(self) -> int | None:
        """Arrivals and fences first, the sources' ends after them: see `trends.watermark`."""
        states = await self._states()
        ends = await self._offsets.end_offsets(self._sources)
        self._check_recreated(states, ends)
        progress = [await self._progress(tp, states[tp.partition], ends[tp]) for tp in self._sources]
        self._ends, self._behind = ends, not all(one.caught_up for one in progress)
        self.n_behind = sum(max(0, one.end_offset - one.fence - 1) for one in progress)
        self._mark = watermark_ms(progress, self._settings.lateness_s * SECOND_MS)
        return self._mark

    def places(self) -> Iterator[tuple[str, tuple[int, ...], bool]]:
        """Where each source channel and event time stood when the watermark was last asked for, and whether it is idle.

        A channel that nobody has ever written to is idle; event time is while there is nothing to do.
        """
        for name in dict.fromkeys(tp.topic for tp in self._sources):
            ends = tuple(self._ends.get(tp, 0) for tp in self._sources if tp.topic == name)
            yield f"channel:{self._context.base_name(name)}", ends, not any(ends)
        yield "watermark", (self._mark if self._mark is not None else -1,), not self._behind

    async def _states(self) -> list[PartitionState]:
        pipe = self._context.redis.pipeline(transaction=False)
        for tp in self._classified:
            pipe.hgetall(Keys(self._settings.prefix, tp.partition).state)
        with answering():
            states = [parse_state(fields) for fields in await pipe.execute()]
        self._note_replays(states)
        return states

    def _source(self, tp: TopicPartition, state: PartitionState) -> SourceState:
        return state.sources.get(self._context.base_name(tp.topic), SourceState())

    async def _progress(self, tp: TopicPartition, state: PartitionState, end: int) -> Progress:
        source = self._source(tp, state)
        if source.arrival_ms is None and end and await self._nothing_to_come(tp, state):
            end = 0
        caught_up = source.fence + 1 >= end
        return Progress(source.arrival_ms, source.fence, end, any(self._alive(r, caught_up) for r in source.replays))

    async def _nothing_to_come(self, tp: TopicPartition, state: PartitionState) -> bool:
        """Whether a source of which nothing was applied has nothing left: emptied by its retention, and no record of it
        in `classified` still to be applied (after a wipe there may be many)."""
        if await self._offsets.log_start(tp) < (await self._offsets.end_offsets([tp]))[tp]:
            return False
        classified = self._classified[tp.partition]
        return state.applied >= (await self._offsets.end_offsets([classified]))[classified]

    def _note_replays(self, states: Sequence[PartitionState]) -> None:
        """Remember since when the partitions of each open replay have not moved."""
        fences: dict[str, Fences] = {}
        for tp in self._sources:
            source = self._source(tp, states[tp.partition])
            for run in source.replays:
                fences[run] = (*fences.get(run, ()), source.fence)
        now = time.monotonic()
        before = self._replays
        self._replays = {
            run: (found, before[run][1] if before.get(run, ((), 0.0))[0] == found else now)
            for run, found in fences.items()
        }

    def _alive(self, run: str, caught_up: bool) -> bool:
        return not caught_up or time.monotonic() - self._replays[run][1] <= REPLAY_DEAD_S

    def _check_recreated(self, states: Sequence[PartitionState], ends: Mapping[TopicPartition, int]) -> None:
        """A source that ends before what was counted of it: its new documents would all pass for copies."""
        for tp in self._sources:
            fence = self._source(tp, states[tp.partition]).fence
            if fence < ends[tp]:
                self._short_since.pop(tp, None)
            elif time.monotonic() - self._short_since.setdefault(tp, time.monotonic()) > SHORT_S:
                raise RecreatedChannel(
                    f"{tp.topic}/{tp.partition} ends at {ends[tp]}, but {fence + 1} records of it were counted: it "
                    "was made anew. `streamwatch channels reset` makes all channels and windows anew"
                )
