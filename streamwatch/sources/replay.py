"""Playing rows into the broker, as if they were published now: in order, at a speed, with their arrival times.

Each record has the header `observed_ms`, the largest date so far in the file, from which the worker takes its arrival
time; Kafka's own timestamp is left alone, because the broker's retention goes by it.

A replay opens by a *marker* in every partition of its channels (no key, no value, header `marker` = `begin:<run>`), and
closes by another (`end:<run>`), however it ends. Between them no partition counts as idle, so the watermark cannot run
ahead of documents that are still on their way.
"""

import secrets
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from threading import Event

from streamwatch import channels as room
from streamwatch.config import Settings
from streamwatch.sources.pacing import ArrivalClock, Pace, wall_ms
from streamwatch.sources.row import Row
from streamwatch.sources.sender import Header, Sender
from streamwatch.timeline import parse_rfc3339

N_LOOKED_AT = 1000
"""Rows read in search of the first date, before the first one is sent."""

REPORT_EVERY_S = 0.1
"""How often `on_progress` is called at most."""


@dataclass
class Totals:
    """What a replay has sent so far. `first_ms` and `last_ms` are the first and the largest date (arrival time).

    `interrupted` says that it was asked to stop before the rows were over.
    """

    sent: int = 0
    markers: int = 0
    first_ms: int = 0
    last_ms: int = 0
    seconds: float = 0.0
    interrupted: bool = False


@dataclass(frozen=True)
class Options:
    """How rows are played.

    Attributes:
        channel: where rows go that name no channel of `channels` themselves.
        channels: the source channels to open; `channel` is always one of them.
        speed: event seconds in one second; None for as fast as the broker takes them.
        backfill: mark the records as corrections of history, on which nothing is detected.
    """

    channel: str = "social"
    channels: Collection[str] = ()
    speed: float | None = None
    backfill: bool = False

    @property
    def opened(self) -> tuple[str, ...]:
        """All channels that are opened, each once."""
        return tuple(dict.fromkeys((self.channel, *self.channels)))


def replay(
    settings: Settings,
    rows: Iterable[Row],
    options: Options | None = None,
    *,
    stop: Event | None = None,
    on_progress: Callable[[Totals], None] | None = None,
    now_ms: Callable[[], int] = wall_ms,
) -> Totals:
    """Play rows into the settings' broker; returns what was sent, all of it acknowledged.

    Setting `stop` from another thread or a signal handler ends it early and in good order: what is under way is
    acknowledged, the markers are sent. `on_progress` is called in this thread, at most every 0.1 s. Raises
    `ConfigError` where a channel does not exist, `BrokerUnavailable`, and what reading the rows raises.
    """
    options, stop = options or Options(), stop or Event()
    partitions = room.partitions_of(settings, options.opened)
    clock, rows = _clock(settings, rows, now_ms)
    with Sender(settings, stop) as sender:
        run = _Run(settings, options, sender, partitions, clock, stop)
        return run.play(rows, on_progress or (lambda totals: None))


class _Run:
    """One replay under way."""

    def __init__(
        self, settings: Settings, options: Options, sender: Sender, partitions: dict[str, int], clock: ArrivalClock,
        stop: Event,
    ) -> None:  # fmt: skip
        self._names = {name: room.channel(settings, name) for name in options.opened}
        self._options = options
        self._sender = sender
        self._partitions = partitions
        self._clock = clock
        self._stop = stop
        self._pace = Pace(options.speed)
        self._id = secrets.token_hex(6)
        self._started = time.monotonic()
        self._totals = Totals(first_ms=clock.largest_ms)

    def play(self, rows: Iterable[Row], on_progress: Callable[[Totals], None]) -> Totals:
        reported = self._started
        with self._open():
            for row in rows:
                self._send(row)
                if self._stop.is_set():
                    self._totals.interrupted = True
                    break
                if time.monotonic() - reported >= REPORT_EVERY_S:
                    reported = time.monotonic()
                    on_progress(self._so_far())
        on_progress(self._so_far())
        return self._totals

    @contextmanager
    def _open(self) -> Iterator[None]:
        """Markers before and after. All are acknowledged before anything follows, since partitions know no order."""
        try:
            self._mark("begin")
            yield
        except BaseException:
            self._sender.hurry()
            raise
        finally:
            try:
                self._sender.flush()
            finally:
                self._mark("end")

    def _mark(self, what: str) -> None:
        headers = [("marker", f"{what}:{self._id}".encode()), self._observed()]
        for name, n in self._partitions.items():
            for partition in range(n):
                self._sender.send(name, b"", None, headers, partition)
                self._totals.markers += 1
        self._sender.flush()

    def _send(self, row: Row) -> None:
        """Wait until a row is due, then send it. Sends nothing once it was asked to stop."""
        self._clock.see(row.published_ms)
        wait_s = self._pace.wait_s(self._clock.largest_ms)
        if wait_s and self._stop.wait(wait_s):
            return
        headers = [self._observed()]
        if self._options.backfill:
            headers.append(("backfill", b"1"))
        channel = self._names.get(row.channel or "", self._names[self._options.channel])
        self._sender.send(channel, row.value, row.key, headers)
        self._totals.sent += 1

    def _observed(self) -> Header:
        return ("observed_ms", str(self._clock.largest_ms).encode())

    def _so_far(self) -> Totals:
        self._totals.last_ms = self._clock.largest_ms
        self._totals.seconds = time.monotonic() - self._started
        return self._totals


def _clock(settings: Settings, rows: Iterable[Row], now_ms: Callable[[], int]) -> tuple[ArrivalClock, Iterator[Row]]:
    """The arrival clock, set to the first believable date of the file, and all rows again.

    Where the first rows have none, it is set to the wall clock.
    """
    earliest_ms = parse_rfc3339(settings.earliest)

    def latest_ms() -> int:
        return now_ms() + settings.max_ahead_s * 1000

    rows = iter(rows)
    looked_at = list(islice(rows, N_LOOKED_AT))
    dates = (row.published_ms for row in looked_at)
    first_ms = next((ms for ms in dates if ms is not None and earliest_ms <= ms <= latest_ms()), now_ms())
    return ArrivalClock(first_ms, latest_ms), chain(looked_at, rows)
