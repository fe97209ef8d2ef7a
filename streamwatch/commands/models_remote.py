"""`streamwatch models push` and `pull`: a registry at a URL."""

import time
from pathlib import Path

import click

from streamwatch.commands.registry_options import REGISTRY, serving, settings_and_registry
from streamwatch.errors import RetryError
from streamwatch.models import remote

URL = click.argument("url", metavar="URL")


@click.command()
@URL
@REGISTRY
def push(url: str, registry: Path | None) -> None:
    """Copy models, gate reports and the pointer to the registry at URL: any that fsspec knows, such as s3://bucket/registry.

    Only what is not there is sent, the pointer last. If somebody promoted there meanwhile, nothing is sent: pull first.

    \b
    Example:
      streamwatch models push s3://bucket/registry
    """
    _, folder = settings_and_registry(registry)
    for model in remote.push(folder, url):
        click.echo(f"sent {model}")
    click.echo(f"{serving(folder)} serves")


@click.command()
@URL
@REGISTRY
@click.option("--every", metavar="SECONDS", type=click.IntRange(min=1), help="Go on for ever, looking so often.")
def pull(url: str, registry: Path | None, every: int | None) -> None:
    """Copy what the registry at URL has and the local folder has not, and follow its pointer: workers then swap.

    With --every it goes on until it is interrupted, and waits out a store that does not answer: run it beside the workers of a
    machine.

    \b
    Examples:
      streamwatch models pull s3://bucket/registry
      streamwatch models pull s3://bucket/registry --every 30
    """
    _, folder = settings_and_registry(registry)
    while True:
        try:
            for model in remote.pull(folder, url):
                click.echo(f"got {model}")
        except RetryError as error:
            if every is None:
                raise
            click.echo(f"streamwatch: {error}", err=True)
        if every is None:
            click.echo(f"{serving(folder)} serves")
            return
        time.sleep(every)
