"""One run: servers, channels, worker, a stream played into them, until everything is accounted for."""

import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamwatch import channels
from streamwatch.config import Settings, load
from streamwatch.demo.figures import Figures, Meter
from streamwatch.demo.screen import Screen
from streamwatch.demo.worker import Worker
from streamwatch.embedded import RedisServer, Tansu, embedded_settings
from streamwatch.embedded.server import EmbeddedServer
from streamwatch.errors import FatalError, StreamwatchError
from streamwatch.records import Alert
from streamwatch.sources.replay import Options, Totals, replay
from streamwatch.sources.row import Row

LOOK_S = 0.2
SETTLE_S = 120.0
"""How long the end may stand still (no document applied, no bucket closed) before the run is given up."""
KEEP_DAYS = 36_500
"""A file may span years, and nothing of it should pass its retention while it is looked at."""
KEPT = ("fine", "minute", "hour", "day", "classified", "documents")
"""What the settings keep for a number of days."""


@dataclass
class Outcome:
    """How a run ended. `seconds` are from the first document sent to the last alert out."""

    figures: Figures
    alerts: list[Alert]
    seconds: float
    missed: int | None
    interrupted: bool = False


@contextmanager
def embedded_deployment(
    screen: Screen, servers: list[EmbeddedServer] | None = None, **overrides: Any
) -> Iterator[Settings]:
    """Broker, Redis and channels on loopback; all are stopped at the end, however it comes.

    `servers` is given both, for who looks whether they still run.
    """
    with ExitStack() as stack:
        screen.stage("starting a broker and a Redis on loopback")
        broker = stack.enter_context(Tansu())
        redis = stack.enter_context(RedisServer())
        if servers is not None:
            servers += [broker, redis]
        kept = dict.fromkeys((f"{what}_retention_days" for what in KEPT), KEEP_DAYS)
        settings = load(**(embedded_settings(broker.url, redis.url) | kept | overrides))
        channels.create(settings)
        yield settings


def play(settings: Settings, rows: Iterable[Row], options: Options, screen: Screen, stop: threading.Event) -> Outcome:
    """Start a worker, play `rows` and watch until everything is accounted for, or `stop` is set."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="streamwatch-demo-")))
        worker = stack.enter_context(started_worker(settings, folder, screen))
        return play_into(settings, worker, rows, options, screen, stop)


def started_worker(settings: Settings, folder: Path, screen: Screen) -> Worker:
    """A worker, to be entered; its log lies in `folder`."""
    screen.stage(f"starting the worker ({settings.model} model); it joins its group in some seconds")
    return Worker(settings, folder / "worker.log")


def play_into(
    settings: Settings, worker: Worker, rows: Iterable[Row], options: Options, screen: Screen, stop: threading.Event
) -> Outcome:  # fmt: skip
    """Play `rows` to a worker that runs, and watch until everything is accounted for, or `stop` is set."""
    with ExitStack() as stack:
        meter = Meter(settings)
        stack.callback(meter.close)
        player = Player(settings, rows, options, stop)
        stack.callback(player.stop)
        player.start()
        return _watch(settings, worker, meter, player, screen, stop)


class Player(threading.Thread):
    """The replay in a thread of its own."""

    def __init__(self, settings: Settings, rows: Iterable[Row], options: Options, stop: threading.Event) -> None:
        super().__init__(name="replay", daemon=True)
        self._arguments = (settings, rows, options)
        self._stop_event = stop
        self.totals = Totals()
        self.error: BaseException | None = None
        self.done = False

    def run(self) -> None:
        try:
            self.totals = replay(*self._arguments, stop=self._stop_event, on_progress=self._progress)
            self.done = True
        except BaseException as error:
            self.error = error

    def _progress(self, totals: Totals) -> None:
        self.totals = totals

    def stop(self) -> None:
        """Ask it to end in good order and wait a little: its end markers are part of it.

        One that has ended is asked nothing: the event is also the Ctrl-C of whoever looks at the pages afterwards.
        """
        if not self.done:
            self._stop_event.set()
        self.join(5.0)


def _watch(
    settings: Settings, worker: Worker, meter: Meter, player: Player, screen: Screen, stop: threading.Event
) -> Outcome:
    alerts: list[Alert] = []
    started = moved = time.monotonic()
    before: tuple[Any, ...] = ()
    while True:
        worker.check()
        if player.error is not None:
            raise player.error
        finished = player.done
        for alert in meter.new_alerts():
            alerts.append(alert)
            screen.alert(alert)
        figures = meter.read(player.totals.sent)
        screen.figures(figures, len({a.id for a in alerts}))
        now = time.monotonic()
        if stop.is_set() or (finished and meter.finished(figures, player.totals, player.totals.markers)):
            return Outcome(figures, alerts, now - started, _missed(settings, figures), stop.is_set())
        if (where := (figures.sent, dict(figures.totals), figures.closed_ms)) != before:
            before, moved = where, now
        if now - moved > SETTLE_S:
            raise FatalError(f"nothing moved for {SETTLE_S:g} s at {figures}; the worker: {worker.last_words()}")
        time.sleep(LOOK_S)


def _missed(settings: Settings, figures: Figures) -> int | None:
    """Documents that met a closed bucket; None where Redis cannot say."""
    import asyncio

    from redis.asyncio import Redis

    from streamwatch.alerting.store import AlertStore

    async def ask() -> int:
        async with Redis.from_url(settings.redis) as redis:
            store = AlertStore(redis, settings.prefix, settings.partitions)
            return await store.n_missed(max(figures.closed_ms, 0))

    try:
        return asyncio.run(ask())
    except StreamwatchError:
        return None
