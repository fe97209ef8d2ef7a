"""`streamwatch channels`: make the channels, and see what is in them."""

from dataclasses import asdict
from typing import Any

import click
import msgspec
from redis import Redis

from streamwatch import channels as room
from streamwatch.config import load
from streamwatch.trends.reading import delete_windows

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


@channels.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--everything", is_flag=True, help="Also what people made: rules, silences, verdicts and labels.")
def reset(yes: bool, everything: bool) -> None:
    """Delete the channels and all windows of this deployment, and make the channels anew.

    Documents, history and alerts are gone. What people made stays (the channels `decisions`, `labels` and `audit`), unless
    --everything. Needed when a channel was deleted under running workers, or an embedded broker (which keeps nothing) was
    started again beside an old Redis. Stop the workers first, and afterwards let the document store begin anew:
    `streamwatch index --anew`.
    """
    settings = load()
    if not yes:
        what = "document, window, alert, rule, verdict and label" if everything else "document, window and alert"
        click.confirm(f"Delete every {what} of '{settings.prefix}' at {settings.broker}?", abort=True)
    deleted = room.delete(settings, spare=() if everything else room.MADE_BY_PEOPLE)
    with Redis.from_url(settings.redis) as redis:
        n_keys = delete_windows(redis, settings.prefix)
    room.create(settings)
    click.echo(f"{_count(len(deleted), 'channel')} and {_count(n_keys, 'key')} deleted; channels made anew")
    click.echo("document stores still hold the old documents: streamwatch index --anew", err=True)


def _echo_json(value: Any) -> None:
    click.echo(msgspec.json.encode(value).decode())


def _count(n: int, word: str) -> str:
    return f"{n:,} {word}" if n == 1 else f"{n:,} {word}s"
