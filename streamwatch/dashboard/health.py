"""The examination of a deployment: what `GET /health` says, from Redis, the broker, the channels and the document store.

`state` is `down` where Redis or the broker does not answer, `degraded` where something waits for a person, and `reasons`
says what, in plain words.
"""

import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from streamwatch.dashboard.broker_ends import BrokerEnds, Ends
from streamwatch.dashboard.desk import Desk
from streamwatch.errors import StreamwatchError
from streamwatch.redis_errors import answering
from streamwatch.timeline import SECOND_MS, to_ms
from streamwatch.trends.counting import PartitionState
from streamwatch.trends.reading import TrendReader

BEHIND = 10_000
"""Records that may wait without anybody minding: a second or two of a busy worker (as the doctor has it)."""
RATE_OVER_S = 60.0
"""The rate is over the last minute that somebody looked."""
RATE_LEAST_S = 2.0
BALANCED = ("classified", "duplicate", "dead_lettered")


class Balance(msgspec.Struct, frozen=True):
    """What became of the source records: `consumed` = the fences of all source partitions, less markers and what was lost."""

    consumed: int
    classified: int
    duplicate: int
    dead_lettered: int
    difference: int


class Lag(msgspec.Struct, frozen=True):
    """One partition: the next offset to apply, where the channel ends, and what lies between."""

    channel: str
    partition: int
    end: int
    applied: int
    lag: int


class RedisHealth(msgspec.Struct, frozen=True):
    """Redis as it answers."""

    ok: bool
    why: str = ""
    version: str = ""
    used_bytes: int = 0
    policy: str = ""


class BrokerHealth(msgspec.Struct, frozen=True):
    """The broker, and the channels as this process follows them."""

    ok: bool
    why: str = ""
    follows_with_lag_s: float | None = None


class IndexerHealth(msgspec.Struct, frozen=True):
    """The document store: by partition the next offset of `classified` to store, and how many records wait."""

    ok: bool
    why: str = ""
    applied: dict[str, int] = {}
    lag: int | None = None
    n_documents: int = 0
    n_bytes: int = 0
    reaches_back_to_ms: int | None = None


class DriftAlarm(msgspec.Struct, frozen=True):
    """A drift alert that is open."""

    alert: str
    series: str
    monitor: str
    since_ms: int


class Health(msgspec.Struct, frozen=True):
    """How the deployment is. Counts are since Redis was begun; `rate_per_s` is null until somebody has looked twice."""

    state: Literal["ok", "degraded", "down"]
    reasons: list[str]
    balance: Balance
    lag: list[Lag]
    rate_per_s: float | None
    watermark_ms: int | None
    watermark_lag_s: float | None
    holes: int
    lost: int
    unread: int
    missed: int
    late: int
    expired: int
    redelivered: int
    series_refused: int
    redis: RedisHealth
    broker: BrokerHealth
    indexer: IndexerHealth
    drift_alarms: list[DriftAlarm]
    now_ms: int


class _Store(msgspec.Struct, frozen=True):
    """What Redis says."""

    states: dict[int, tuple[PartitionState, dict[str, int]]] = {}
    missed: int = 0
    watermark_ms: int | None = None
    redis: RedisHealth = RedisHealth(False)

    @property
    def totals(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for _, some in self.states.values():
            total.update(some)
        return total

    def fences(self) -> Iterator[tuple[str, int, int]]:
        """Source channel, partition, last source offset that was applied."""
        for number, (state, _) in self.states.items():
            for channel, source in state.sources.items():
                yield channel, number, source.fence


class Examining:
    """Examines whenever somebody asks."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ends = BrokerEnds(desk.settings)
        self._reader = TrendReader(desk.redis_sync, desk.settings.prefix)
        self._seen: deque[tuple[float, int]] = deque()

    async def now(self) -> Health:
        """The deployment as it is. Raises nothing: what is away is said."""
        ends = await self._ends.now()
        return await self._desk.reading(self._health, ends)

    def _health(self, ends: Ends) -> Health:
        desk, store = self._desk, self._store()
        totals, now_ms = store.totals, desk.clock()
        balance, lag = _balance(store, totals), sorted(_lags(store, ends), key=lambda one: (one.channel, one.partition))
        broker = BrokerHealth(not ends.broken, ends.broken or desk.channels.broken, round(desk.channels.lag_s, 1))
        indexer = self._indexer(ends)
        holes = _holes(store, ends)
        watermark_ms = store.watermark_ms
        reasons = [
            *_away(store.redis, broker),
            *_faults(balance, totals, holes, store.missed, lag, indexer), *_alerts(desk),
        ]  # fmt: skip
        down = not store.redis.ok or not broker.ok
        return Health(
            state="down" if down else "degraded" if reasons else "ok", reasons=reasons, balance=balance, lag=lag,
            rate_per_s=self._rate(balance.consumed) if store.redis.ok else None, watermark_ms=watermark_ms,
            watermark_lag_s=None if watermark_ms is None else (now_ms - watermark_ms) / SECOND_MS,
            holes=holes, lost=totals["lost"], unread=totals["unread"], missed=store.missed, late=totals["late"],
            expired=totals["expired"], redelivered=totals["redelivered"], series_refused=totals["series_refused"],
            redis=store.redis, broker=broker, indexer=indexer, drift_alarms=_drift(desk), now_ms=now_ms,
        )  # fmt: skip

    def _store(self) -> _Store:
        redis: Any = self._desk.redis_sync
        try:
            states = self._reader.states()
            with answering():
                info = redis.info()
                missed = int(redis.hget(f"{self._desk.settings.prefix}sw:{{eval}}:head", "missed") or 0)
            watermark_ms = self._desk.windows.watermark_ms()
        except StreamwatchError as error:
            return _Store(redis=RedisHealth(False, str(error)))
        return _Store(states, missed, watermark_ms, _redis_health(info))

    def _indexer(self, ends: Ends) -> IndexerHealth:
        try:
            documents = self._desk.documents
            applied, holding = documents.applied(), documents.holding()
            back_ms = documents.reaches_back_to_ms()
        except StreamwatchError as error:
            return IndexerHealth(False, str(error))
        known = {p: end for (channel, p), end in ends.ends.items() if channel == "classified"}
        lag = sum(max(end - applied.get(p, 0), 0) for p, end in known.items()) if known else None
        named = {str(p): offset for p, offset in sorted(applied.items())}
        why = "" if applied else "nothing is indexed: streamwatch index fills the document store"
        return IndexerHealth(True, why, named, lag, holding.n_documents, holding.n_bytes, back_ms)

    def _rate(self, consumed: int) -> float | None:
        """Documents a second between this look and the oldest of the last minute."""
        now_s = time.monotonic()
        self._seen.append((now_s, consumed))
        while len(self._seen) > 2 and now_s - self._seen[0][0] > RATE_OVER_S:
            self._seen.popleft()
        since_s, before = self._seen[0]
        return max(consumed - before, 0) / (now_s - since_s) if now_s - since_s >= RATE_LEAST_S else None


def _redis_health(info: Mapping[str, Any]) -> RedisHealth:
    return RedisHealth(
        True,
        "",
        str(info.get("redis_version", "")),
        int(info.get("used_memory", 0)),
        str(info.get("maxmemory_policy", "")),
    )


def _balance(store: _Store, totals: Counter[str]) -> Balance:
    passed = sum(fence + 1 for _, _, fence in store.fences())
    consumed = passed - totals["marker"] - totals["lost"]
    became = [totals[name] for name in BALANCED]
    return Balance(consumed, became[0], became[1], became[2], consumed - sum(became))


def _lags(store: _Store, ends: Ends) -> Iterator[Lag]:
    """Of the sources up to the fence, of `classified` up to what is applied."""
    fences = {(channel, p): fence + 1 for channel, p, fence in store.fences()}
    applied = {("classified", p): state.applied for p, (state, _) in store.states.items()}
    for (channel, p), end in ends.ends.items():
        at = (fences | applied).get((channel, p), 0)
        yield Lag(channel, p, max(end, at), at, max(end - at, 0))  # the end was asked a little before


def _holes(store: _Store, ends: Ends) -> int:
    """Source partitions that stand still behind a hole: all of `classified` was applied, more of it than the fence says."""
    n = 0
    for number, (state, totals) in store.states.items():
        end = ends.ends.get(("classified", number))
        records = sum(totals.get(name, 0) for name in (*BALANCED, "marker"))
        passed = sum(source.fence + 1 for source in state.sources.values()) - totals.get("lost", 0)
        n += end is not None and state.applied >= end and passed != records
    return n


def _away(redis: RedisHealth, broker: BrokerHealth) -> Iterator[str]:
    if not redis.ok:
        yield redis.why
    if broker.why:
        yield broker.why


def _faults(
    balance: Balance, totals: Counter[str], holes: int, missed: int, lag: list[Lag], indexer: IndexerHealth
) -> Iterator[str]:  # fmt: skip
    if balance.difference:
        yield f"{balance.difference:,} documents are not accounted for"
    if holes:
        yield f"{holes} partitions stand behind a hole in `classified`"
    if totals["lost"]:
        yield f"{totals['lost']:,} documents were deleted by retention before they were read"
    if missed:
        yield f"{missed:,} documents came after their bucket had closed: nothing was detected on them"
    if totals["series_refused"]:
        yield f"{totals['series_refused']:,} times a document named a series beyond the cap of its day"
    for channel in sorted({one.channel for one in lag}):
        behind = sum(one.lag for one in lag if one.channel == channel)
        if behind > BEHIND:
            yield f"{behind:,} records of `{channel}` wait"
    if not indexer.ok or (indexer.lag or 0) > BEHIND:
        yield indexer.why or f"{indexer.lag:,} records wait for the document store"


def _alerts(desk: Desk) -> Iterator[str]:
    for alert in desk.channels.alerts.values():
        if alert.kind == "stalled" and alert.state == "firing":
            yield f"{alert.series} stands still"


def _drift(desk: Desk) -> list[DriftAlarm]:
    return [
        DriftAlarm(one.id, one.series, one.drift.monitor, to_ms(one.onset))
        for one in desk.channels.alerts.values()
        if one.kind == "drift" and one.state != "resolved" and one.drift is not None
    ]
