"""`streamwatch replay`: play a file into the broker."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.live import Live

from streamwatch.channels import SOURCES
from streamwatch.config import load
from streamwatch.sources import synthetic
from streamwatch.sources.columns import FIELDS, parse_columns
from streamwatch.sources.files import channels_named_in, read_rows
from streamwatch.sources.replay import Options, Totals
from streamwatch.sources.replay import replay as play
from streamwatch.timeline import format_rfc3339

QUIET_S = 2.0
"""A replay that is over sooner shows no progress, only its summary."""


class Speed(click.ParamType):
    """`max`, or a positive number of event seconds in one second."""

    name = "max|N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        """The number; None for `max`."""
        if value in ("max", None):
            return None
        try:
            speed = float(value)
        except ValueError:
            self.fail(f"{value!r} is neither max nor a number", param, ctx)
        if not 0 < speed < float("inf"):
            self.fail(f"{value} is not above 0", param, ctx)
        return speed


@click.command(epilog=f"Fields for --column: {', '.join(FIELDS)}. A field takes the column of its own name by default.")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--column", "columns", multiple=True, metavar="FIELD=NAME", help="Which column fills a field; repeat.")
@click.option("--channel", type=click.Choice(SOURCES), default="social", show_default=True, help="Where rows go.")
@click.option("--speed", type=Speed(), default="max", show_default=True, help="Event seconds in one second.")
@click.option("--limit", type=click.IntRange(min=1), help="Stop after so many rows.")
@click.option("--backfill", is_flag=True, help="Correct history only: nothing is detected on these rows.")
@click.option("--json", "as_json", is_flag=True, help="The summary as one line of JSON.")
def replay(
    file: Path, columns: tuple[str, ...], channel: str, speed: float | None, limit: int | None, backfill: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Play FILE (.csv or .jsonl, also .gz) into the broker, paced by its dates.

    FILE `synthetic` is the day that comes with streamwatch. Lines that name a channel (news, social) go there. Nothing
    is left out: what is no document goes to dead-letter.
    """
    path = synthetic.SHIPPED if str(file) == "synthetic" else file
    rows = islice(read_rows(path, parse_columns(columns)), limit)
    named = () if columns else channels_named_in(path)
    options = Options(channel=channel, channels=sorted(named), speed=speed, backfill=backfill)
    with _stopping() as (stop, signals), _progress() as on_progress:
        totals = play(load(), rows, options, stop=stop, on_progress=on_progress)
    click.echo(_json(totals) if as_json else _summary(totals, options))
    if signals:
        sys.exit(128 + signals[0])


@contextmanager
def _stopping() -> Iterator[tuple[Event, list[int]]]:
    """An event that Ctrl-C and SIGTERM set, so that a replay ends in good order; a second Ctrl-C ends it at once."""
    stop, signals = Event(), list[int]()

    def ask(number: int, frame: FrameType | None) -> None:
        signals.append(number)
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop, signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress() -> Iterator[Callable[[Totals], None]]:
    """One line on a terminal's standard error that follows a replay once it has taken `QUIET_S`."""
    console = Console(stderr=True)
    live = Live(console=console, transient=True, auto_refresh=False)
    started = time.monotonic()

    def show(totals: Totals) -> None:
        if not console.is_terminal or time.monotonic() - started < QUIET_S:
            return
        live.start()
        live.update(
            f"{totals.sent:,} documents, {_rate(totals):,.0f}/s, at {format_rfc3339(totals.last_ms)}", refresh=True
        )

    try:
        yield show
    finally:
        live.stop()


def _rate(totals: Totals) -> float:
    return totals.sent / totals.seconds if totals.seconds else 0.0


def _json(totals: Totals) -> str:
    summary = {
        "sent": totals.sent,
        "markers": totals.markers,
        "first": format_rfc3339(totals.first_ms),
        "last": format_rfc3339(totals.last_ms),
        "seconds": round(totals.seconds, 3),
    }
    return msgspec.json.encode(summary).decode()


def _summary(totals: Totals, options: Options) -> str:
    return (
        f"{'stopped after' if totals.interrupted else 'sent'} {totals.sent:,} documents"
        f" to {' and '.join(options.opened)} in {totals.seconds:.1f} s ({_rate(totals):,.0f}/s),"
        f" dated {format_rfc3339(totals.first_ms)} to {format_rfc3339(totals.last_ms)}"
    )
