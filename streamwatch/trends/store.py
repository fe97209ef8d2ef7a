"""The windows of one deployment in Redis, written by one script call a batch.

The script compares `applied` and `epoch` with what the writer believes and applies the batch only where they agree:
offsets live with the state, so a zombie, a failover or a wipe can make a writer wrong but never a count.
"""

import logging
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any
from uuid import uuid4

import msgspec
from redis.asyncio import Redis

from streamwatch.errors import StaleState
from streamwatch.redis_errors import answering
from streamwatch.trends.batch import MAX_ARGUMENTS, packed_gains
from streamwatch.trends.counting import (
    COUNTED_OUTCOMES,
    Admitted,
    Delta,
    PartitionState,
    SourceState,
    id_generation,
    text_key,
)
from streamwatch.trends.drifting import packed_sums
from streamwatch.trends.keys import Keys

log = logging.getLogger(__name__)

UNLIMITED = 2**31 - 1
"""Series of a day where there is no cap."""
_FULL = (
    "partition %d: more than max_window_series=%d series in a day: new names have no windows (total series_refused). This is "
    "said once"
)
_encoder = msgspec.json.Encoder()
_encode_batch = msgspec.msgpack.Encoder().encode
_decode_source = msgspec.json.Decoder(SourceState).decode


def _pack(thing: Any) -> str:
    """JSON text: the msgpack of Redis' Lua knows no byte strings."""
    return _encoder.encode(thing).decode()


@cache
def script_text(name: str) -> str:
    """A Lua script that ships with this room."""
    return files("streamwatch.trends").joinpath(name).read_text()


class RedisStore:
    """One partition of windows in Redis.

    Args:
        redis: a client that returns bytes.
        prefix: the settings' prefix.
        partition: of `classified`.
        max_series: that may have windows in one day; the setting `max_window_series`.
    """

    def __init__(self, redis: Redis, prefix: str, partition: int, max_series: int = UNLIMITED) -> None:
        self._redis = redis
        self.keys = Keys(prefix, partition)
        self.partition = partition
        self._max_series = max_series
        self._said_full = False
        self._apply = redis.register_script(script_text("apply.lua"))

    async def load(self) -> PartitionState:
        """The state as Redis has it. Raises `StoreUnavailable`.

        An empty store gets its epoch here, when it is first looked at: a writer that saw it empty before a wipe must not
        take the next empty one for the same.
        """
        pipe = self._redis.pipeline(transaction=False)
        pipe.hsetnx(self.keys.state, "epoch", _new_epoch())
        pipe.hgetall(self.keys.state)
        with answering():
            return parse_state((await pipe.execute())[1])

    async def known(self, items: Sequence[Admitted], horizon_ms: int) -> set[tuple[str, int, str]]:
        """Which ids of `items` were counted within the horizon: (channel, generation, id hash)."""
        asked = _questions(items, horizon_ms)
        if not asked:
            return set()
        pipe = self._redis.pipeline(transaction=False)
        for (channel, generation), hashes in asked.items():
            pipe.smismember(self.keys.ids(channel, generation), list(hashes))
        with answering():
            answers = await pipe.execute()
        return {
            (channel, generation, id_hash)
            for ((channel, generation), hashes), answer in zip(asked.items(), answers, strict=True)
            for id_hash, there in zip(hashes, answer, strict=True)
            if there
        }

    async def apply(self, before: PartitionState, delta: Delta, horizon_ms: int) -> PartitionState:
        """Write `delta` if the store still stands at `before`; the new state. Raises `StaleState`, `StoreUnavailable`."""
        after = delta.after
        epoch = after.epoch or _new_epoch()
        batch = {
            "expected_applied": before.applied,
            "expected_epoch": before.epoch,
            "applied": after.applied,
            "epoch": epoch,
            "sources": {c: _pack(s) for c, s in after.sources.items() if before.sources.get(c) != s},
            "totals": dict(delta.totals),
            "entries": _chunks((bucket, map(_pack, entries)) for bucket, entries in delta.entries.items()),
            "ids": _chunks((f"{channel}:{generation}", ids) for (channel, generation), ids in delta.ids.items()),
            "forget": _forgotten(before, delta, horizon_ms),
            "heard": packed_sums(delta.heard),
        } | packed_gains(delta.gains, self._max_series)
        with answering():
            n_refused = await self._apply(keys=[self.keys.state], args=[self.keys.base, _encode_batch(batch)])
        if n_refused < 0:
            raise StaleState(f"partition {self.partition} is not at offset {before.applied} any more")
        if n_refused and not self._said_full:
            self._said_full = True
            log.warning(_FULL, self.partition, self._max_series)
        return msgspec.structs.replace(after, epoch=epoch)


def _new_epoch() -> str:
    return uuid4().hex[:12]


def parse_state(fields: Any) -> PartitionState:
    """The state out of its Redis hash."""
    sources = {k[2:].decode(): _decode_source(v) for k, v in fields.items() if k.startswith(b"s:")}
    return PartitionState(int(fields.get(b"applied", 0)), fields.get(b"epoch", b"").decode(), sources)


def parse_totals(fields: Any) -> dict[str, int]:
    """The running totals out of the state's Redis hash."""
    return {k[2:].decode(): int(v) for k, v in fields.items() if k.startswith(b"t:")}


def _questions(items: Sequence[Admitted], horizon_ms: int) -> dict[tuple[str, int], dict[str, None]]:
    asked: dict[tuple[str, int], dict[str, None]] = {}
    for item in items:
        if item.record.outcome in COUNTED_OUTCOMES:
            channel, generation = id_generation(item, horizon_ms)
            for number in (generation, generation - 1):
                asked.setdefault((channel, number), {})[item.id_key] = None
            asked[channel, generation][text_key(item.record)] = None
    return asked


def _chunks(groups: Iterable[tuple[Any, Iterable[Any]]]) -> list[list[Any]]:
    """[name, item…] lists of at most `MAX_ARGUMENTS` items, sorted sets where the items are sets."""
    chunks = []
    for name, items in groups:
        everything = list(items)
        for start in range(0, len(everything), MAX_ARGUMENTS):
            chunks.append([name, *everything[start : start + MAX_ARGUMENTS]])
    return chunks


def _forgotten(before: PartitionState, delta: Delta, horizon_ms: int) -> list[str]:
    """Id sets that no later document can ask for: those before the generation before the newest arrival's."""
    names = []
    for channel, source in delta.after.sources.items():
        if source.arrival_ms is None:
            continue
        now = source.arrival_ms // horizon_ms
        existing = {generation for name, generation in delta.ids if name == channel}
        old = before.sources.get(channel)
        if old is not None and old.arrival_ms is not None:
            existing |= {old.arrival_ms // horizon_ms, old.arrival_ms // horizon_ms - 1}
        names += [f"i:{channel}:{generation}" for generation in sorted(existing) if generation < now - 1]
    return names
