"""The evaluator's state in Redis: what it knows, how far it has come, and the alerts that are still to be sent.

Safety is a compare-and-set on the last closed bucket, with the transition and its record in the same call; the lease
only keeps two workers from doing the same work.

    sw:{eval}:head       hash   closed (ms), epoch, header, missed, and what others keep beside it, by name
    sw:{eval}:series     hash   what the tests of a series remember, 1 KB at most each
    sw:{eval}:evidence   hash   what an alert of the series would show, and its episodes
    sw:{eval}:texts:<h>  set    hashes of texts counted in that hour; sw:{eval}:hours names the hours
    sw:{eval}:evaluated  hash   entries evaluated of each recent bucket: a later one there was missed
    sw:{eval}:outbox     list   alerts to send
    sw:{eval}:samples    list   documents that people should label, to send
    sw:{eval}:lease      string who evaluates
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any
from uuid import uuid4

import msgspec
from redis.asyncio import Redis

from streamwatch.alerting.transition import Changes, EvaluatorState
from streamwatch.codec import decode, encode
from streamwatch.drift.stored import read as read_sums
from streamwatch.drift.sums import Sums
from streamwatch.errors import RejectError, StaleState
from streamwatch.records import Alert, DriftSample
from streamwatch.redis_errors import answering
from streamwatch.redis_lease import TAKE
from streamwatch.trends.entry import Entry
from streamwatch.trends.keys import Keys
from streamwatch.trends.store import MAX_ARGUMENTS

log = logging.getLogger(__name__)

ENTRIES_KEPT_MS = 3_600_000
"""Entries stay this long behind the last closed bucket, so that what came too late is seen and counted as missed."""
SAMPLES_AT_ONCE = 500
_read_entry = msgspec.json.Decoder(Entry).decode


class AlertStore:
    """The evaluator's side of Redis.

    Args:
        redis: a client that returns bytes.
        prefix: the settings' prefix.
        n_partitions: of `classified`.
    """

    def __init__(self, redis: Redis, prefix: str, n_partitions: int) -> None:
        self._redis: Any = redis
        self._base = f"{prefix}sw:{{eval}}:"
        self._head = f"{self._base}head"
        self._partitions = [Keys(prefix, p) for p in range(n_partitions)]
        self._commit = redis.register_script(files("streamwatch.alerting").joinpath("commit.lua").read_text())
        self._renew = redis.register_script(TAKE)
        self._forget_in = redis.register_script(_FORGET)
        self.epoch = ""

    async def lease(self, token: str, ttl_ms: int) -> bool:
        """Whether `token` holds the lease, taken or renewed now."""
        with answering():
            return bool(await self._renew(keys=[f"{self._base}lease"], args=[token, ttl_ms]))

    async def load(self) -> EvaluatorState:
        """All that was committed. The epoch is remembered for the next commit; an empty store is given one.

        Raises `StaleState` when another evaluator began it in the same moment.
        """
        state = await self.peek()
        with answering():
            self.epoch = (await self._redis.hget(self._head, "epoch") or b"").decode()
        if not self.epoch:
            # Begun at once: from here on a wipe is seen, also one before the first step is committed.
            await self.commit(-1, -1, Changes({}, {}, {}, [], b""), [], {})
        return state

    async def peek(self, texts: bool = True) -> EvaluatorState:
        """All that was committed, for who only wants to see it; the texts of a day, most of it, only when asked for."""
        with answering():
            header = await self._redis.hget(self._head, "header") or b""
            detectors = await self._redis.hgetall(f"{self._base}series")
            evidence = await self._redis.hgetall(f"{self._base}evidence")
            hours = sorted(int(h) for h in await self._redis.smembers(f"{self._base}hours")) if texts else []
            hashes = [await self._redis.smembers(f"{self._base}texts:{hour}") for hour in hours]
        return EvaluatorState(
            detectors={name.decode(): raw for name, raw in detectors.items()},
            evidence={name.decode(): raw for name, raw in evidence.items()},
            texts={hour: [h.decode() for h in some] for hour, some in zip(hours, hashes, strict=True)},
            header=header,
        )

    async def mark(self) -> tuple[int, str]:
        """What is another one when the state is: how far event time was evaluated, and the epoch."""
        with answering():
            closed, epoch = await self._redis.hmget(self._head, "closed", "epoch")
        return int(closed or -1), (epoch or b"").decode()

    async def beside(self, name: str) -> bytes:
        """What others keep of the same buckets under this name, empty where nothing is."""
        with answering():
            return bytes(await self._redis.hget(self._head, name) or b"")

    async def samples(self) -> list[tuple[bytes, DriftSample]]:
        """Documents for people that were drawn and not sent yet, the oldest first, with the bytes that `samples_sent` takes.

        What is no sample (of another version, or of a record that somebody else wrote) goes; what follows is given.
        """
        while True:
            with answering():
                some = await self._redis.lrange(f"{self._base}samples", 0, SAMPLES_AT_ONCE - 1)
            readable, others = _readable(some)
            if others:
                await self.samples_sent(others)
            if readable or not others:
                return readable

    async def samples_sent(self, raws: Sequence[bytes]) -> None:
        """Take some out: each by what it is, so that a second evaluator that sends the same takes out nothing else."""
        pipe = self._redis.pipeline(transaction=False)
        for raw in raws:
            pipe.lrem(f"{self._base}samples", 1, raw)
        with answering():
            await pipe.execute()

    async def in_place(self, closed_until_ms: int) -> bool:
        """Whether Redis still stands where we do: not after a wipe, nor when another evaluator went on."""
        with answering():
            closed, epoch = await self._redis.hmget(self._head, "closed", "epoch")
        return int(closed or -1) == closed_until_ms and (epoch or b"").decode() == self.epoch

    async def closed_ms(self) -> int:
        """How far event time was evaluated, −1 before the first bucket."""
        with answering():
            return int(await self._redis.hget(self._head, "closed") or -1)

    async def open_buckets(self, from_ms: int, until_ms: int) -> list[int]:
        """Starts of the buckets in [from, until) that hold entries in some partition, in order."""
        return await self._in_order((keys.open for keys in self._partitions), from_ms, until_ms)

    async def at_most(self, buckets: Sequence[int], n_entries: int) -> list[int]:
        """The first of `buckets`, at least one, that together hold no more than `n_entries`."""
        pipe = self._redis.pipeline(transaction=False)
        for bucket in buckets:
            for keys in self._partitions:
                pipe.llen(keys.entries(bucket))
        with answering():
            lengths = await pipe.execute()
        n, total = len(self._partitions), 0
        few: list[int] = []
        for i, bucket in enumerate(buckets):
            total += sum(lengths[i * n : (i + 1) * n])
            if few and total > n_entries:
                break
            few.append(bucket)
        return few

    async def entries(self, buckets: Sequence[int]) -> list[tuple[int, list[Entry]]]:
        """The entries of each bucket, merged over the partitions."""
        pipe = self._redis.pipeline(transaction=False)
        for bucket in buckets:
            for keys in self._partitions:
                pipe.lrange(keys.entries(bucket), 0, -1)
        with answering():
            answers = await pipe.execute()
        n = len(self._partitions)
        return [
            (bucket, [_read_entry(raw) for answer in answers[i * n : (i + 1) * n] for raw in answer])
            for i, bucket in enumerate(buckets)
        ]

    async def sums(self, from_ms: int, until_ms: int) -> list[tuple[int, Sums]]:
        """The drift monitors' sums of the buckets that begin in [from, until), merged over the partitions, in order."""
        buckets = await self._in_order((keys.heard for keys in self._partitions), from_ms, until_ms)
        pipe = self._redis.pipeline(transaction=False)
        for bucket in buckets:
            for keys in self._partitions:
                pipe.hgetall(keys.sums(bucket))
        with answering():
            answers = await pipe.execute()
        n = len(self._partitions)
        return [
            (bucket, read_sums(field for held in answers[i * n : (i + 1) * n] for field in held.items()))
            for i, bucket in enumerate(buckets)
        ]

    async def _in_order(self, indices: Iterable[str], from_ms: int, until_ms: int) -> list[int]:
        """The buckets of [from, until) that some index holds."""
        pipe = self._redis.pipeline(transaction=False)
        for index in indices:
            pipe.zrange(index, from_ms, f"({until_ms}", byscore=True)
        with answering():
            answers = await pipe.execute()
        return sorted({int(bucket) for answer in answers for bucket in answer})

    async def commit(
        self,
        expected_closed_ms: int,
        closed_ms: int,
        changes: Changes,
        alerts: Sequence[Alert],
        evaluated: Mapping[int, int],
        beside: Mapping[str, bytes] | None = None,
        samples: Sequence[DriftSample] = (),
    ) -> None:
        """Write one step. Raises `StaleState` when Redis does not stand at `expected_closed_ms`.

        `beside` is what others keep of the same buckets, by name, read by `beside`; `samples` go to `drift`.
        """
        others = beside or {}
        kept = {name: raw for name, raw in changes.detectors.items() if raw is not None}
        epoch = self.epoch or uuid4().hex[:12]
        step = {
            "series": list(kept),
            "dropped": [name for name in changes.detectors if name not in kept],
            "texts": [
                [hour, *hashes[i : i + MAX_ARGUMENTS]]
                for hour, hashes in changes.texts.items()
                for i in range(0, len(hashes), MAX_ARGUMENTS)
            ],
            "dropped_hours": changes.dropped_hours,
            "evaluated": list(evaluated.items()),
            "n_alerts": len(alerts),
            "beside": list(others),
            "n_samples": len(samples),
        }
        arguments: list[Any] = [
            self._base, expected_closed_ms, self.epoch, closed_ms, epoch, changes.header, msgspec.json.encode(step),
            *kept.values(), *(changes.evidence[name] for name in kept), *map(encode, alerts),
            *others.values(), *map(encode, samples),
        ]  # fmt: skip
        with answering():
            verdict = await self._commit(keys=[self._head], args=arguments)
        if verdict != b"ok":
            raise StaleState(f"the evaluator is not at {expected_closed_ms} any more")
        self.epoch = epoch

    async def outbox(self) -> list[tuple[bytes, Alert]]:
        """Alerts to send, oldest first, with the bytes that `sent` takes. What another version left unreadable goes."""
        with answering():
            everything = await self._redis.lrange(f"{self._base}outbox", 0, -1)
        readable = []
        for raw in everything:
            try:
                readable.append((raw, decode(raw, Alert)))
            except RejectError as error:
                log.error("an alert in the outbox cannot be read and is dropped: %s", error)
                await self.sent(raw)
        return readable

    async def sent(self, raw: bytes) -> None:
        """Take one alert out of the outbox."""
        with answering():
            await self._redis.lrem(f"{self._base}outbox", 1, raw)

    async def forget_entries(self, closed_ms: int) -> None:
        """Delete entries that closed long ago; those that came after their bucket's close are counted as missed.

        Raises `StaleState` when Redis was wiped meanwhile: what is there now is being built anew, and nobody has
        evaluated it yet. Each partition's epoch is read before we look whether the evaluator's own state still stands,
        and compared in the call that deletes.
        """
        epochs = await self._epochs()
        if not await self.in_place(closed_ms):
            raise StaleState(f"the evaluator is not at {closed_ms} any more")
        old = await self.open_buckets(0, closed_ms - ENTRIES_KEPT_MS)
        for start in range(0, len(old), 500):
            await self._forget(old[start : start + 500], epochs)
        await self._forget_sums(closed_ms - ENTRIES_KEPT_MS, epochs)

    async def _forget_sums(self, until_ms: int, epochs: Sequence[bytes]) -> None:
        old = await self._in_order((keys.heard for keys in self._partitions), 0, until_ms)
        for start in range(0, len(old), 500):
            buckets = old[start : start + 500]
            for keys, epoch in zip(self._partitions, epochs, strict=True):
                sums = [keys.sums(bucket) for bucket in buckets]
                with answering():
                    if not await self._forget_in(keys=[keys.state, keys.heard, *sums], args=[epoch, *buckets]):
                        raise StaleState("sums are built anew")

    async def _epochs(self) -> list[bytes]:
        pipe = self._redis.pipeline(transaction=False)
        for keys in self._partitions:
            pipe.hget(keys.state, "epoch")
        with answering():
            return [epoch or b"" for epoch in await pipe.execute()]

    async def _forget(self, buckets: Sequence[int], epochs: Sequence[bytes]) -> None:
        with answering():
            n_missed = sum((await self._missed(buckets)).values())
            for keys, epoch in zip(self._partitions, epochs, strict=True):
                entries = [keys.entries(bucket) for bucket in buckets]
                if not await self._forget_in(keys=[keys.state, keys.open, *entries], args=[epoch, *buckets]):
                    raise StaleState("entries are built anew")
            pipe = self._redis.pipeline(transaction=False)
            pipe.hdel(f"{self._base}evaluated", *buckets)
            if n_missed:
                log.error("%d documents came after their bucket had closed: nothing was detected on them", n_missed)
                pipe.hincrby(self._head, "missed", n_missed)
            await pipe.execute()

    async def _missed(self, buckets: Sequence[int]) -> dict[int, int]:
        pipe = self._redis.pipeline(transaction=False)
        for bucket in buckets:
            for keys in self._partitions:
                pipe.llen(keys.entries(bucket))
        pipe.hmget(f"{self._base}evaluated", *buckets)
        *lengths, evaluated = await pipe.execute()
        n = len(self._partitions)
        return {bucket: sum(lengths[i * n : (i + 1) * n]) - int(evaluated[i] or 0) for i, bucket in enumerate(buckets)}

    async def n_missed(self, closed_ms: int) -> int:
        """Documents that met a closed bucket: 0 unless something came later than the watermark allows."""
        recent = await self.open_buckets(0, closed_ms)
        with answering():
            before = int(await self._redis.hget(self._head, "missed") or 0)
            return before + (sum((await self._missed(recent)).values()) if recent else 0)


def _readable(raws: Iterable[bytes]) -> tuple[list[tuple[bytes, DriftSample]], list[bytes]]:
    """Samples with their bytes, and the bytes of what is none."""
    readable, others = [], []
    for raw in raws:
        try:
            readable.append((raw, decode(raw, DriftSample)))
        except RejectError as error:
            log.error("a document for people cannot be read and is dropped: %s", error)
            others.append(raw)
    return readable, others


_FORGET = """
if (redis.call('HGET', KEYS[1], 'epoch') or '') ~= ARGV[1] then return 0 end
for i = 2, #ARGV do
  redis.call('DEL', KEYS[i + 1])
  redis.call('ZREM', KEYS[2], ARGV[i])
end
return 1
"""
