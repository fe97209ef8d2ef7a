"""`streamwatch demo`: everything on this machine, with a stream that it plays itself."""

import sys
import threading
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from click.core import ParameterSource

from streamwatch.channels import SOURCES
from streamwatch.commands.replay import Speed
from streamwatch.commands.stopping import stop_on_signals
from streamwatch.config import Settings
from streamwatch.demo.pages import MISSING, Pages, installed
from streamwatch.demo.report import report, write
from streamwatch.demo.run import LOOK_S, Outcome, embedded_deployment, play_into, started_worker
from streamwatch.demo.screen import Screen
from streamwatch.demo.worker import Worker
from streamwatch.errors import FatalError
from streamwatch.inference import describe_model
from streamwatch.sources import synthetic
from streamwatch.sources.columns import FIELDS, parse_columns
from streamwatch.sources.files import channels_named_in, read_rows
from streamwatch.sources.replay import Options

SYNTHETIC_SPEED = 2400.0
"""The synthetic day in 36 seconds."""


@click.command(epilog=f"Fields for --column: {', '.join(FIELDS)}. A field takes the column of its own name by default.")
@click.option("--input", "file", type=click.Path(path_type=Path), help="A .csv or .jsonl file, also .gz.")
@click.option("--column", "columns", multiple=True, metavar="FIELD=NAME", help="Which column fills a field; repeat.")
@click.option("--channel", type=click.Choice(SOURCES), default="social", show_default=True, help="Where rows go.")
@click.option("--speed", type=Speed(), help="Event seconds in a second; default: max, 2400 without --input.")
@click.option("--limit", type=click.IntRange(min=1), help="Stop after so many rows.")
@click.option("--model", help="default, null (labels by a hash, for tests) or a folder.")
@click.option("--report", "report_path", metavar="F", help="Write the figures and alerts to F as JSON.")
@click.option(
    "--dashboard/--no-dashboard", "wanted", default=True, show_default=True, help="Whether the pages are served."
)
def demo(
    file: Path | None, columns: tuple[str, ...], channel: str, speed: float | None, limit: int | None,
    model: str | None, report_path: str | None, wanted: bool,
) -> None:  # fmt: skip
    """Start a real broker, Redis, worker and dashboard on this machine, play a stream, and show its alerts.

    Without --input it plays a synthetic day that comes with streamwatch: 2,000 documents about invented companies, with
    three planted incidents. Nothing leaves this machine, and everything that was started is stopped again: at once where
    nobody sits at the terminal, otherwise on Ctrl-C, so that the dashboard can be looked at.
    """
    path = file or synthetic.SHIPPED
    rows = islice(read_rows(path, parse_columns(columns)), limit)
    named = sorted(channels_named_in(path)) if not columns else []
    if file is None and _is_default("speed"):
        speed = SYNTHETIC_SPEED
    options = Options(channel=channel, channels=named, speed=speed)
    stop = stop_on_signals()
    overrides: dict[str, Any] = {"model": model} if model else {}
    with Screen() as screen, ExitStack() as stack:
        if file is None:
            screen.stage(synthetic.NOTICE)
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="streamwatch-demo-")))
        overrides["documents"] = str(folder / "documents")
        settings = stack.enter_context(embedded_deployment(screen, **overrides))
        worker = stack.enter_context(started_worker(settings, folder, screen))
        pages = _pages(settings, folder, screen, stack, stop) if wanted else None
        outcome = play_into(settings, worker, rows, options, screen, stop)
        _finish(outcome, screen, report_path, describe_model(settings).model)
        if pages and sys.stdin.isatty():
            _look(pages, worker, screen, stop)


def _pages(settings: Settings, folder: Path, screen: Screen, stack: ExitStack, stop: threading.Event) -> Pages | None:
    """Start the dashboard and say where it is. The demo goes on without it where it cannot be had."""
    if not installed():
        screen.stage(MISSING)
        return None
    screen.stage("starting the dashboard")
    pages = stack.enter_context(Pages(settings, folder))
    try:
        if url := pages.url(stop):
            screen.stage(f"the dashboard is at {url}")
    except FatalError as error:
        screen.stage(f"no dashboard: {error}")
        return None
    return pages


def _look(pages: Pages, worker: Worker, screen: Screen, stop: threading.Event) -> None:
    """Leave everything up until Ctrl-C. Raises `FatalError` when something of it has ended."""
    screen.stage(f"the stream has ended; the dashboard stays at {pages.url(stop)} until Ctrl-C")
    while not stop.wait(LOOK_S):
        worker.check()
        pages.check()


def _is_default(option: str) -> bool:
    return click.get_current_context().get_parameter_source(option) is ParameterSource.DEFAULT


def _finish(outcome: Outcome, screen: Screen, report_path: str | None, model: str) -> None:
    content = report(outcome.figures, outcome.alerts, outcome.seconds, outcome.missed, model)
    shown: dict[str, Any] = {k: v for k, v in content.items() if k != "alerts"}
    screen.summary(shown | {"alerts": len(content["alerts"])})
    if outcome.interrupted:
        click.echo("interrupted: everything that was started is stopped; no report is written", err=True)
        sys.exit(130)
    if report_path:
        write(report_path, content)
        screen.stage(f"report: {report_path}")
