"""`streamwatch up`: everything on this machine, for as long as somebody wants it."""

import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import msgspec

from streamwatch.channels import SOURCES
from streamwatch.commands.replay import Speed
from streamwatch.commands.stopping import stop_on_signals
from streamwatch.config import Settings
from streamwatch.demo.child import Child
from streamwatch.demo.pages import MISSING, Pages, installed
from streamwatch.demo.run import Player, embedded_deployment, started_worker
from streamwatch.demo.screen import Screen
from streamwatch.embedded.server import EmbeddedServer
from streamwatch.errors import ConfigError
from streamwatch.sources.columns import FIELDS, parse_columns
from streamwatch.sources.files import channels_named_in, read_rows
from streamwatch.sources.replay import Options

LOOPBACK = "127.0.0.1"
LOOK_S = 0.5
"""How often the children are looked after."""


@click.command(epilog=f"Fields for --column: {', '.join(FIELDS)}. A field takes the column of its own name by default.")
@click.option("--input", "file", type=click.Path(path_type=Path), help="A .csv or .jsonl file to play, also .gz.")
@click.option("--column", "columns", multiple=True, metavar="FIELD=NAME", help="Which column fills a field; repeat.")
@click.option("--channel", type=click.Choice(SOURCES), default="social", show_default=True, help="Where rows go.")
@click.option("--speed", type=Speed(), help="Event seconds in a second.  [default: max]")
@click.option("--model", help="default, null (labels by a hash, for tests) or a folder.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Of the dashboard; 0: any."
)
@click.option("--documents", type=click.Path(path_type=Path, file_okay=False),
              help="Folder that keeps the document store, made anew.  [default: a temporary one]")  # fmt: skip
@click.option(
    "--json", "as_json", is_flag=True, help="When all is ready, one line of JSON: {url, broker, redis, documents}."
)
def up(
    file: Path | None, columns: tuple[str, ...], channel: str, speed: float | None, model: str | None, port: int,
    documents: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Start a broker, Redis, worker, indexer and dashboard on this machine, until Ctrl-C.

    Send documents to the broker that it names (`streamwatch replay`, or any Kafka producer), or let it play a file with
    --input. All listens on loopback only. The broker and Redis keep nothing: what came is gone when it ends.

    \b
    Examples:
      streamwatch up
      streamwatch up --input tweets.csv --column text=tweet --speed 600
      streamwatch up --port 0 --json
    """
    if not installed():
        raise ConfigError(MISSING)
    rows = read_rows(file, parse_columns(columns)) if file else iter(())
    options = Options(
        channel=channel, channels=sorted(channels_named_in(file)) if file and not columns else [], speed=speed
    )
    _refuse_taken(port)
    stop = stop_on_signals()
    overrides: dict[str, Any] = {"model": model} if model else {}
    with Screen() as screen, _everything(screen, documents, port, overrides) as (settings, children, pages):
        if url := pages.url(stop):
            _say(settings, url, screen, as_json)
        player = Player(settings, rows, options, stop)
        if file:
            player.start()
        _wait(children, pages, player, screen, stop)
        if file:
            player.stop()


def _refuse_taken(port: int) -> None:
    """Raise `ConfigError` before anything is started, and not when all but the dashboard runs."""
    from streamwatch.dashboard.serving import bound

    bound(LOOPBACK, port).close()


@contextmanager
def _everything(
    screen: Screen, documents: Path | None, port: int, overrides: dict[str, Any]
) -> Iterator[tuple[Settings, list[Child | EmbeddedServer], Pages]]:
    """All of it, stopped again at the end."""
    from streamwatch.documents.sqlite.writing import remove_store

    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="streamwatch-up-")))
        kept = (documents or folder / "documents").absolute()
        remove_store(kept)  # its offsets are of a broker that is gone
        servers: list[EmbeddedServer] = []
        settings = stack.enter_context(embedded_deployment(screen, servers, documents=str(kept), **overrides))
        worker = stack.enter_context(started_worker(settings, folder, screen))
        screen.stage("starting the indexer and the dashboard")
        pages = stack.enter_context(Pages(settings, folder, port))
        yield settings, [*servers, worker], pages


def _say(settings: Settings, url: str, screen: Screen, as_json: bool) -> None:
    if as_json:
        where = {"url": url, "broker": settings.broker, "redis": settings.redis, "documents": settings.documents}
        click.echo(msgspec.json.encode(where).decode())
        sys.stdout.flush()
    screen.stage(f"broker {settings.broker}, Redis {settings.redis}, documents in {settings.documents}")
    screen.stage(f"the dashboard is at {url} until Ctrl-C")


def _wait(
    children: list[Child | EmbeddedServer], pages: Pages, player: Player, screen: Screen, stop: threading.Event
) -> None:
    """Until Ctrl-C. Raises what ended the replay, and `FatalError` or `EmbeddedError` when a child has ended."""
    said = False
    while not stop.wait(LOOK_S):
        for child in children:
            child.check()
        pages.check()
        if player.error is not None:
            raise player.error
        if player.done and not said:
            said = True
            screen.stage(f"the file has been played: {player.totals.sent:,} documents")
