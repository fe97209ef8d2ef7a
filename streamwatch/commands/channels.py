"""`streamwatch channels`: make the channels, and see what is in them."""

from dataclasses import asdict
from typing import Any

import click
import msgspec

from streamwatch import channels as room
from streamwatch.config import load

WORDS = {"created": "created", "exists": "exists", "differs": "exists, but differs"}


@click.group()
def channels() -> None:
    """Make the channels in Kafka, or list them."""


@channels.command()
@click.option("--json", "as_json", is_flag=True, help="One line of JSON instead of text.")
def create(as_json: bool) -> None:
    """Make the channels that are missing. Running it again changes nothing."""
    found = room.create(load())
    if as_json:
        _echo_json([asdict(f) for f in found])
        return
    for f in found:
        wanted = f" (the settings say {f.wanted})" if f.state == "differs" else ""
        click.echo(f"{f.name:<24} {WORDS[f.state]}, {_count(f.partitions, 'partition')}{wanted}")


@channels.command("list")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON instead of text.")
def list_channels(as_json: bool) -> None:
    """List the channels with their partitions and the records they hold."""
    described = room.describe(load())
    if as_json:
        _echo_json([asdict(d) for d in described])
        return
    for d in described:
        state = f"{_count(d.partitions, 'partition')}, {_count(d.records, 'record')}" if d.partitions else "missing"
        click.echo(f"{d.name:<24} {state}")


def _echo_json(value: Any) -> None:
    click.echo(msgspec.json.encode(value).decode())


def _count(n: int, word: str) -> str:
    return f"{n:,} {word}" if n == 1 else f"{n:,} {word}s"
