"""`streamwatch models push` and `pull`: a registry at a URL."""

import time
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console

from streamwatch.commands.bars import Bars
from streamwatch.commands.registry_options import AS_JSON, REGISTRY, serving, settings_and_registry, to_json
from streamwatch.errors import RetryError
from streamwatch.models import remote

QUIET_S = 2.0
Copy = Callable[[Path, str, remote.Progress], list[str]]

URL = click.argument("url", metavar="URL")


@click.command()
@URL
@REGISTRY
@AS_JSON
def push(url: str, registry: Path | None, as_json: bool) -> None:
    """Copy models, gate reports and the pointer to the registry at URL: any that fsspec knows, such as s3://bucket/registry.

    Only what is not there is sent, the pointer last. If somebody promoted there meanwhile, nothing is sent: pull first. When it
    was interrupted, the same command sends what is missing.

    \b
    Examples:
      streamwatch models push s3://bucket/registry
      streamwatch models push s3://bucket/registry --json | jq .sent
    """
    _, folder = settings_and_registry(registry)
    _tell(folder, "sent", _copied(remote.push, "push", folder, url), as_json)


@click.command()
@URL
@REGISTRY
@click.option("--every", metavar="SECONDS", type=click.IntRange(min=1), help="Go on for ever, looking so often.")
@AS_JSON
def pull(url: str, registry: Path | None, every: int | None, as_json: bool) -> None:
    """Copy what the registry at URL has and the local folder has not, and follow its pointer: workers then swap.

    With --every it goes on until it is interrupted, and waits out a store that does not answer: run it beside the workers of a
    machine. It then says something only when models came or another one serves.

    \b
    Examples:
      streamwatch models pull s3://bucket/registry
      streamwatch models pull s3://bucket/registry --every 30
    """
    _, folder = settings_and_registry(registry)
    if every is None:
        _tell(folder, "got", _copied(remote.pull, "pull", folder, url), as_json)
        return
    while True:
        _look(folder, url, as_json)
        time.sleep(every)


def _look(folder: Path, url: str, as_json: bool) -> None:
    """Pull once; a store that does not answer is told of and waited out."""
    before = serving(folder)
    try:
        got = _copied(remote.pull, "pull", folder, url)
    except RetryError as error:
        click.echo(f"streamwatch: {error}", err=True)
        return
    if got or serving(folder) != before:
        _tell(folder, "got", got, as_json)


def _copied(copy: Copy, stage: str, folder: Path, url: str) -> list[str]:
    """The models that were copied, with a bar while it takes longer."""
    with Bars(Console(stderr=True), QUIET_S) as bars:
        return copy(folder, url, lambda done, total, model: bars.watch(stage, done, total, model))


def _tell(folder: Path, what: str, models: list[str], as_json: bool) -> None:
    if as_json:
        click.echo(to_json({what: models, "serves": serving(folder)}))
        return
    for model in models:
        click.echo(f"{what} {model}")
    click.echo(f"{serving(folder)} serves")
