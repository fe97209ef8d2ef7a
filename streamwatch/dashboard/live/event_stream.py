"""The one stream of events that all dashboard processes share, in Redis, and the head that says how far it has come.

    sw:{live}:events   stream  {k: kind, d: JSON, a: the record it tells of, channel/partition/offset}
    sw:{live}:head     hash    epoch, version, added (entries ever), positions (JSON: next offset of each channel)
    sw:{live}:lease    string  which process publishes

The lease only spares work. What makes an event come exactly once is the head: entries are added in one call that compares
the version with what the publisher believes and moves the positions of the channels with it. A publisher that was put to
sleep, or one that does not know whether its call arrived, finds another version, reads the head and goes on from there.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec
from redis import Redis

from streamwatch.dashboard.live.frames import EventId, of_redis
from streamwatch.errors import StaleState
from streamwatch.redis_errors import answering
from streamwatch.redis_lease import GIVE_BACK, TAKE

Positions = dict[str, int]
"""By `channel/partition`, the next offset to tell of."""
_decode_positions = msgspec.json.Decoder(Positions).decode


class Event(NamedTuple):
    """One event: its kind, its JSON, and the place of the record that it tells of (empty: of none)."""

    kind: str
    data: bytes
    at: str = ""


class Head(NamedTuple):
    """What the head says. `added` is how many entries the stream ever had."""

    epoch: str
    version: int
    added: int
    positions: Positions


class StreamKeys:
    """The keys of one deployment: one hash tag, so that one script may touch them all."""

    def __init__(self, prefix: str) -> None:
        base = f"{prefix}sw:{{live}}:"
        self.events, self.head, self.lease = f"{base}events", f"{base}head", f"{base}lease"


class EventStream:
    """The publisher's side.

    Args:
        redis: a client that returns bytes.
        prefix: the settings' prefix.
        most: entries that are kept, about.
    """

    def __init__(self, redis: Redis, prefix: str, most: int) -> None:
        self._redis: Any = redis
        self._keys = StreamKeys(prefix)
        self._most = most
        self._renew = redis.register_script(TAKE)
        self._begin = redis.register_script(_BEGIN)
        self._add = redis.register_script(_ADD)
        self._give_up = redis.register_script(GIVE_BACK)

    def lease(self, token: str, ttl_ms: int) -> bool:
        """Whether `token` may publish for the next `ttl_ms`."""
        with answering():
            return bool(self._renew(keys=[self._keys.lease], args=[token, ttl_ms]))

    def give_up(self, token: str) -> None:
        """End the lease, if `token` has it: another process need not wait for its end."""
        with answering():
            self._give_up(keys=[self._keys.lease], args=[token])

    def head(self) -> Head | None:
        """The head as it is; None where the stream was never begun, or wiped."""
        with answering():
            return parse_head(self._redis.hgetall(self._keys.head))

    def begin(self, positions: Positions, over: Head | None = None) -> Head:
        """Begin the stream where there is none, or anew where `over` stands: clients of the old one are told to reload."""
        args = [uuid4().hex[:12], _packed(positions), over.epoch if over else ""]
        with answering():
            self._begin(keys=[self._keys.head, self._keys.events], args=args)
            found = parse_head(self._redis.hgetall(self._keys.head))
        if found is None:
            raise StaleState("the event stream was wiped while it was begun")
        return found

    def add(self, before: Head, events: Sequence[Event], positions: Positions) -> Head:
        """Add events and move the positions, all of it or nothing. Raises `StaleState`, `StoreUnavailable`."""
        args: list[Any] = [before.epoch, before.version, _packed(positions), self._most]
        for event in events:
            args += (event.kind, event.data, event.at)
        with answering():
            moved = self._add(keys=[self._keys.head, self._keys.events], args=args)
        if not moved:
            raise StaleState(f"the event stream is not at version {before.version} any more")
        return Head(before.epoch, before.version + 1, before.added + len(events), positions)


def parse_head(fields: dict[bytes, bytes]) -> Head | None:
    """The head out of its Redis hash."""
    if not fields.get(b"epoch"):
        return None
    positions = _decode_positions(fields.get(b"positions", b"{}"))
    return Head(fields[b"epoch"].decode(), int(fields[b"version"]), int(fields[b"added"]), positions)


class Entry(NamedTuple):
    """An event as it was read."""

    id: EventId
    event: Event


def parse_entries(epoch: str, raws: Sequence[tuple[bytes, dict[bytes, bytes]]]) -> list[Entry]:
    """Entries of the stream out of what Redis gives."""
    return [
        Entry(of_redis(epoch, raw_id), Event(fields[b"k"].decode(), fields[b"d"], fields.get(b"a", b"").decode()))
        for raw_id, fields in raws
    ]


def _packed(positions: Positions) -> str:
    return msgspec.json.encode(positions).decode()


_BEGIN = """
local held = redis.call('HGET', KEYS[1], 'epoch')
if held and held ~= ARGV[3] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'version', 0, 'added', 0, 'positions', ARGV[2])
return 1
"""

_ADD = """
local held = redis.call('HMGET', KEYS[1], 'epoch', 'version')
if held[1] ~= ARGV[1] or held[2] ~= ARGV[2] then return 0 end
local n = 0
for i = 5, #ARGV, 3 do
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', 'k', ARGV[i], 'd', ARGV[i + 1], 'a', ARGV[i + 2])
  n = n + 1
end
redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('HINCRBY', KEYS[1], 'added', n)
redis.call('HSET', KEYS[1], 'positions', ARGV[3])
return 1
"""
