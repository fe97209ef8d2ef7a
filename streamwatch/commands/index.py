"""`streamwatch index`: keep the documents behind the numbers."""

import logging
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console

from streamwatch.commands.bars import Bars
from streamwatch.commands.stopping import stop_on_signals
from streamwatch.config import load
from streamwatch.documents.folder import documents_folder
from streamwatch.documents.indexer import Indexer, Progress

QUIET_S = 2.0


@click.command()
@click.option("--once", is_flag=True, help="Index what is there now, then end.")
@click.option("--anew", is_flag=True, help="Delete the store first and make it from what `classified` still holds.")
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), help="Of the store.  [default: STREAMWATCH_DOCUMENTS]"
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON at the end.")
def index(once: bool, anew: bool, folder: Path | None, as_json: bool) -> None:
    """Keep the redacted documents that the windows count, for the dashboard to search.

    Reads the channel `classified` into a folder on this machine, a file for each day, and goes on until Ctrl-C; killed at any
    moment it continues where the store stands, and no document is lost or there twice. One indexer writes a store;
    any number of dashboards on the same machine read it. A broker that goes away is waited for.

    Documents are kept for STREAMWATCH_DOCUMENTS_RETENTION_DAYS and up to STREAMWATCH_DOCUMENTS_MAX_BYTES; the oldest days go
    first. `streamwatch forget` takes documents out, also while this runs.

    \b
    Examples:
      streamwatch index
      streamwatch index --once --json
      streamwatch index --anew          (after `streamwatch channels reset`)
    """
    from streamwatch.documents.sqlite.writing import SqliteWriter, remove_store

    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # while a broker is away it says so some times a second
    settings = load()
    where = folder or documents_folder(settings)
    if anew:
        remove_store(where)
    writer = SqliteWriter(where, settings)
    stop = stop_on_signals()
    try:
        with Bars(Console(stderr=True), QUIET_S) as bars:
            indexer = Indexer(settings, writer, _watch(bars), stop)
            indexer.run(once)
        _say(writer, indexer.progress, where, as_json)
    finally:
        writer.close()
    if once and stop.is_set():
        raise KeyboardInterrupt


def _watch(bars: Bars) -> Any:
    def watch(progress: Progress) -> None:
        holes = f", {progress.holes} holes" if progress.holes else ""
        bars.watch("index", progress.applied, progress.applied + progress.lag, f"lag {progress.lag}{holes}")

    return watch


def _say(writer: Any, progress: Progress, folder: Path, as_json: bool) -> None:
    totals = writer.totals()
    names = ("stored", "redelivered", "past_retention", "missed_records", "lost")
    figures = {"applied": progress.applied, "lag": progress.lag} | {name: totals.get(name, 0) for name in names}
    if as_json:
        click.echo(msgspec.json.encode(figures | {"folder": str(folder)}).decode())
    else:
        click.echo(", ".join(f"{name} {n:,}" for name, n in figures.items()))
