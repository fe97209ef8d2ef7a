"""What people decided, as the worker sees it: folded from the channel, and always read to its end before it is used."""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition

from streamwatch.agents.context import Context, log
from streamwatch.agents.kafka import client_options
from streamwatch.agents.offsets import GroupOffsets
from streamwatch.agents.sender import KafkaSender
from streamwatch.channels import channel
from streamwatch.decisions.view import Decisions
from streamwatch.errors import BrokerUnavailable, RejectError
from streamwatch.records import AnyDecision

READ_S = 1.0
SILENT_S = 30.0
"""How long the channel may give nothing although its end is ahead: a broker that just came back needs some seconds."""


class DecisionLog:
    """The channel `decisions`, read from its start.

    The evaluator calls `catch_up` before each step, so that a change of rules that lies in the channel is never overlooked:

        await log.catch_up()
        rules = log.decisions.rule_history.at(bucket_ms)

    Args:
        offsets: knows the channel's end.
        sender: writes to it.
    """

    def __init__(self, context: Context, offsets: GroupOffsets, sender: KafkaSender) -> None:
        self.decisions = Decisions()
        self._offsets = offsets
        self._sender = sender
        self._partition = TopicPartition(channel(context.settings, "decisions"), 0)
        self._consumer = AIOKafkaConsumer(auto_offset_reset="earliest", **client_options(context.settings))
        self._reading = asyncio.Lock()

    async def start(self) -> None:
        """Connect, and fold what is there."""
        await self._consumer.start()
        self._consumer.assign([self._partition])
        await self._consumer.seek_to_beginning(self._partition)
        await self.catch_up()

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def catch_up(self) -> None:
        """Fold everything that was in the channel when this was called. Raises `BrokerUnavailable`, `KafkaError`."""
        async with self._reading:
            end = (await self._offsets.end_offsets([self._partition]))[self._partition]
            if end < await self._consumer.position(self._partition):
                # A broker that has just come back may say so for a moment. Of a channel that was made anew, a start of the
                # worker reads all; to fold it here would take a history with holes for the whole.
                raise BrokerUnavailable(f"{self._partition.topic} ends at {end}, before what was read of it")
            silent_s = 0.0
            while await self._consumer.position(self._partition) < end:
                n = await self._fold_some()
                silent_s = 0.0 if n else silent_s + READ_S
                if silent_s >= SILENT_S:
                    raise BrokerUnavailable(f"{self._partition.topic} does not give what lies before offset {end}")

    async def publish(self, decision: AnyDecision) -> None:
        """Write one decision, and fold it. Raises `BrokerUnavailable`, `KafkaError`: then it may be in the channel or not."""
        await self._sender.decision(decision)
        await self.catch_up()

    async def _fold_some(self) -> int:
        batches = await self._consumer.getmany(self._partition, timeout_ms=int(READ_S * 1000))
        messages = batches.get(self._partition, [])
        for message in messages:
            try:
                self.decisions.apply_message(message.key, message.value)
            except RejectError as error:
                log.error("a record of `decisions` at offset %d is none of ours: %s", message.offset, error)
        return len(messages)
