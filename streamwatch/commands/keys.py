"""`streamwatch keys`: by which programs, and people without an identity provider, come to the dashboard and its API."""

from typing import Any, get_args

import click
import msgspec

from streamwatch.commands.by_prefix import by_prefix
from streamwatch.commands.decision_log import now_ms, publish, read_decisions, user
from streamwatch.commands.silences import Duration
from streamwatch.config import Settings, load
from streamwatch.dashboard.access.keys import NewKey, is_valid, new_key, revoked, state_of
from streamwatch.records import ApiKey, Role
from streamwatch.text.clean import normalise
from streamwatch.timeline import format_rfc3339, to_ms

ROLES = get_args(Role)
FIRST_NAME = "first admin"


@click.group()
def keys() -> None:
    """Make, list and revoke the API keys of the dashboard.

    A viewer reads; an analyst also acknowledges, silences, judges and labels; an admin also makes rules, promotes models and
    makes keys. Of a key only its hash is kept, on the channel `decisions`.
    """


@keys.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="viewer", show_default=True, help="What it may do.")
@click.option("--for", "lasts_ms", type=Duration(), help="How long it opens: 30d, 12h; default: until it is revoked.")
@click.option("--comment", default="", help="What it is for.")
@click.option("--by", "made_by", default=user, show_default="your account", help="Who makes it.")
@click.option("--json", "as_json", is_flag=True, help="Print {id, name, role, key} as JSON, else the key alone.")
def add(name: str, role: Role, lasts_ms: int | None, comment: str, made_by: str, as_json: bool) -> None:
    """Make a key for NAME, a person or a program, and print it: once, it is kept nowhere.

    \b
      streamwatch keys add "nightly report" --for 90d
      export STREAMWATCH_KEY=$(streamwatch keys add ana --role analyst)
    """
    now = now_ms()
    made = new_key(
        name, role, made_by=made_by, now_ms=now, comment=comment,
        expires_ms=None if lasts_ms is None else now + lasts_ms,
    )  # fmt: skip
    _publish_and_print(load(), made, as_json)


@keys.command()
@click.option("--by", "made_by", default=user, show_default="your account", help="Who makes it.")
@click.option("--json", "as_json", is_flag=True, help="Print {id, name, role, key} as JSON; {} when there is one.")
def init(made_by: str, as_json: bool) -> None:
    """Make the first admin's key, and print it; where an admin ever had one, do nothing. compose.yaml runs it at each start.

    A key that was revoked or has expired counts, too: whoever did that did not want another at the next start.
    """
    settings = load()
    there = [one for one in _known(settings).values() if one.role == "admin"]
    if there:
        told = f"{there[0].id}, {state_of(there[0], now_ms())}"
        click.echo(
            f"an admin was given a key already ({told}); for another: streamwatch keys add NAME --role admin", err=True
        )
        if as_json:
            click.echo("{}")
        return
    _publish_and_print(settings, new_key(FIRST_NAME, "admin", made_by=made_by, now_ms=now_ms()), as_json)


@keys.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that open nothing any more.")
@click.option("--json", "as_json", is_flag=True, help="One key a line, as JSON, without its hash.")
def list_keys(everything: bool, as_json: bool) -> None:
    """List the keys that open now, by when they were made; --all shows revoked and expired ones, too."""
    now = now_ms()
    for key in sorted(_known(load()).values(), key=lambda one: (one.made_at, one.id)):
        if everything or is_valid(key, now):
            click.echo(_json(key, now) if as_json else _line(key, now))


@keys.command()
@click.argument("key_id", metavar="ID")
@click.option("--by", "made_by", default=user, show_default="your account", help="Who revokes it.")
def revoke(key_id: str, made_by: str) -> None:
    """Revoke a key: it opens nothing from now on. ID may be the beginning of one, if no other begins so.

    Whoever logged in with it is logged out. A key itself is taken for its id, too, so that one that leaked can be pasted.
    """
    settings = load()
    asked = key_id.removeprefix("sw_").partition("_")[0]
    key = by_prefix(_known(settings), asked, "key", "streamwatch keys list")
    publish(settings, revoked(key, made_by))
    click.echo(key.id)


def _known(settings: Settings) -> dict[str, ApiKey]:
    return read_decisions(settings).keys


def _publish_and_print(settings: Settings, made: NewKey, as_json: bool) -> None:
    """The key is printed when it opens, and not before."""
    publish(settings, made.record)
    told = {"id": made.record.id, "name": made.record.name, "role": made.record.role, "key": made.text}
    click.echo(msgspec.json.encode(told) if as_json else made.text)
    click.echo(f"key {made.record.id} of {normalise(made.record.name)}, {made.record.role}: not shown again", err=True)


def _json(key: ApiKey, now: int) -> bytes:
    told: dict[str, Any] = msgspec.to_builtins(key)
    del told["hash"]
    return msgspec.json.encode(told | {"state": state_of(key, now)})


def _line(key: ApiKey, now: int) -> str:
    """One line of plain text."""
    until = f" until {format_rfc3339(to_ms(key.expires_at))}" if key.expires_at else ""
    ended = f" by {key.revoked_by}" if key.revoked else ""
    made = f"made {format_rfc3339(to_ms(key.made_at))} by {key.made_by}"
    return normalise(
        f"{key.id} {state_of(key, now)}{until}{ended}: {key.role} {key.name} ({made}) {key.comment}".strip()
    )
