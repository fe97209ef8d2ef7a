"""Reading the documents behind an alert from `classified`: Redis keeps references, the log keeps the texts."""

from collections.abc import Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from streamwatch.agents.context import Context, log
from streamwatch.agents.offsets import GroupOffsets
from streamwatch.alerting.evidence import complete
from streamwatch.alerting.transition import Reference, Transition
from streamwatch.channels import channel
from streamwatch.codec import decode
from streamwatch.errors import BrokerUnavailable, RejectError
from streamwatch.records import Alert, Classified

EVIDENCE_S = 10.0


class EvidenceReader:
    """Completes alerts.

    Args:
        consumer: a started one of no group; its assignment is this reader's while it reads.
    """

    def __init__(self, context: Context, offsets: GroupOffsets, consumer: AIOKafkaConsumer) -> None:
        self._channel = channel(context.settings, "classified")
        self._offsets = offsets
        self._consumer = consumer

    async def records(self, places: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Classified]:
        """The records of `classified` at (partition, offset); those that retention deleted are left out.

        Raises `BrokerUnavailable`, `KafkaError`.
        """
        return await self._read([Reference(partition, offset, "") for partition, offset in places])

    async def completed(self, transitions: Sequence[Transition]) -> list[Alert]:
        """The alerts with their documents. Raises `BrokerUnavailable`, `KafkaError`."""
        if not transitions:
            return []
        documents = await self._read([ref for t in transitions for ref in (*t.refs, *t.past_refs)])
        return [complete(transition, documents) for transition in transitions]

    async def _read(self, refs: Sequence[Reference]) -> dict[tuple[int, int], Classified]:
        """The records of `classified` that `refs` point at; those that retention deleted are left out."""
        found: dict[tuple[int, int], Classified] = {}
        for partition in sorted({ref.partition for ref in refs}):
            tp = TopicPartition(self._channel, partition)
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
