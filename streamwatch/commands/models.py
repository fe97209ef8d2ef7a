"""`streamwatch models`: the registry, and which of its models serves."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console

from streamwatch.commands.by_prefix import by_prefix
from streamwatch.commands.train import metrics_table
from streamwatch.config import Settings, load
from streamwatch.errors import ConfigError, ModelError
from streamwatch.inference.opening import SHIPPED, locate_in, open_located
from streamwatch.models import registry as room
from streamwatch.models.manifest import read_manifest
from streamwatch.models.pointer import Pointer, read_current
from streamwatch.models.registry import SHIPPED_NAME, Entry
from streamwatch.timeline import format_rfc3339

CURRENT = "current"

REGISTRY = click.option(
    "--registry", type=click.Path(path_type=Path, file_okay=False), help="The registry's folder.  [default: STREAMWATCH_REGISTRY]"
)  # fmt: skip
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
MODEL = click.argument("model", metavar="ID")


@click.group()
def models() -> None:
    """Keep models in a registry, and say which one serves.

    A registry is a folder that all workers can read (STREAMWATCH_REGISTRY). `add` copies a model that `streamwatch train`
    made into it, `promote` lets it serve, `roll-back` lets the one before it serve again. While nothing is promoted, the
    model that comes with the package serves; its name here is `shipped`.

    \b
      export STREAMWATCH_REGISTRY=/srv/streamwatch/registry
      streamwatch models add runs/mine
      streamwatch models promote 1f0c
      streamwatch models roll-back

    ID may be the beginning of one, if no other begins so; `current` is the one that serves.
    """


@models.command("list")
@REGISTRY
@AS_JSON
def list_models(registry: Path | None, as_json: bool) -> None:
    """List the models of the registry; a star marks the one that serves.

    \b
    Example:
      streamwatch models list --json
    """
    _, folder = _settings(registry)
    shipped = room.read_pointer(folder) is None
    entries = [Entry(SHIPPED_NAME, shipped, read_manifest(SHIPPED)), *room.listing(folder)]
    for entry in entries:
        click.echo(_json(_summary(entry)) if as_json else _line(entry))


@models.command()
@MODEL
@REGISTRY
@AS_JSON
def show(model: str, registry: Path | None, as_json: bool) -> None:
    """Show what is known of a model: its parts, what it learned from, how well it does on held-out texts.

    \b
    Examples:
      streamwatch models show current
      streamwatch models show 1f0c --json | jq .metrics
    """
    _, folder = _settings(registry)
    name = _resolved(folder, model)
    manifest = read_manifest(SHIPPED if name == SHIPPED_NAME else folder / "models" / name)
    if as_json:
        click.echo(_json({"model": name, **msgspec.to_builtins(manifest)}))
        return
    heads = ", ".join(f"{head.name} ({len(head.labels)} labels)" for head in manifest.heads)
    click.echo(f"{name}\nversion  {manifest.version}\nbase     {manifest.base.name}\nheads    {heads}")
    click.echo(f"made by  {manifest.command}")
    Console().print(metrics_table(manifest))


@models.command()
@click.argument("source", metavar="FOLDER", type=click.Path(path_type=Path, file_okay=False))
@REGISTRY
def add(source: Path, registry: Path | None) -> None:
    """Copy the model in FOLDER into the registry, all hashes checked first. Prints its id.

    The id is made of what is in the files, so adding a model again changes nothing and prints the same. Logs and
    checkpoints in FOLDER are left behind.

    \b
    Example:
      streamwatch models add runs/mine
    """
    _, folder = _settings(registry)
    click.echo(room.add(folder, source))


@models.command()
@MODEL
@REGISTRY
@click.option("--no-open", is_flag=True, help="Check its files only: do not open it and classify a text first.")
@AS_JSON
def promote(model: str, registry: Path | None, no_open: bool, as_json: bool) -> None:
    """Let a model serve from now on: workers that run swap to it, others open it when they start.

    It is opened here first, so that one that cannot be opened is never promoted. `shipped` is the model that comes with
    the package.

    \b
    Examples:
      streamwatch models promote 1f0c
      streamwatch models promote shipped
    """
    settings, folder = _settings(registry)
    name = _resolved(folder, model)
    if not no_open:
        _open(settings, folder, name)
    _tell(room.promote(folder, name, _now()), as_json)


@models.command("roll-back")
@REGISTRY
@AS_JSON
def roll_back(registry: Path | None, as_json: bool) -> None:
    """Let the model serve again that served before; again goes back one more, never forward.

    \b
    Example:
      streamwatch models roll-back
    """
    _, folder = _settings(registry)
    _tell(room.roll_back(folder, _now()), as_json)


@models.command()
@click.argument("model", metavar="[ID]", required=False)
@REGISTRY
@click.option("--open", "opened", is_flag=True, help="Also open each model and classify a text: some seconds each.")
@AS_JSON
def check(model: str | None, registry: Path | None, opened: bool, as_json: bool) -> None:
    """See whether the files of all models, or of one, are still what was added. Exit code 1 when one is not.

    \b
    Examples:
      streamwatch models check
      streamwatch models check current --open
    """
    settings, folder = _settings(registry)
    names = [_resolved(folder, model)] if model else [entry.model for entry in room.listing(folder)]
    look = (lambda name: _open(settings, folder, name)) if opened else (lambda name: _check(folder, name))
    problems = {name: _problem(look, name) for name in names}
    for name, problem in problems.items():
        click.echo(_json({"model": name, "problem": problem}) if as_json else f"{name} {problem or 'ok'}")
    bad = sum(bool(problem) for problem in problems.values())
    if bad:
        raise ModelError(f"{bad} of {len(names)} models cannot serve: see above")


def _settings(registry: Path | None) -> tuple[Settings, Path]:
    """The settings, and the folder of the registry. Raises `ConfigError` when none is named."""
    settings = load()
    folder = registry or (Path(settings.registry) if settings.registry else None)
    if folder is None:
        raise ConfigError("no registry: set STREAMWATCH_REGISTRY to a folder, or give --registry")
    return settings, folder


def _resolved(folder: Path, model: str) -> str:
    """The whole id of what somebody typed."""
    if model == CURRENT:
        pointer = read_current(folder)
        return pointer.model if pointer else SHIPPED_NAME
    known = {entry.model: entry.model for entry in room.listing(folder)}
    return by_prefix(known | {SHIPPED_NAME: SHIPPED_NAME}, model, "model", "streamwatch models list")


def _check(folder: Path, name: str) -> Path:
    return SHIPPED if name == SHIPPED_NAME else room.checked(folder, name)


def _open(settings: Settings, folder: Path, name: str) -> None:
    """Open the model as a worker would; opening classifies a text. Raises `ModelError`."""
    open_located(locate_in(_check(folder, name), settings), settings)


def _problem(look: Callable[[str], Any], name: str) -> str:
    try:
        look(name)
    except ModelError as error:
        return str(error)
    return ""


def _tell(pointer: Pointer, as_json: bool) -> None:
    click.echo(_json(pointer) if as_json else f"{pointer.model} serves since {pointer.promoted_at}")


def _line(entry: Entry) -> str:
    """One line of plain text."""
    manifest = entry.manifest
    what = entry.problem if manifest is None else f"{manifest.version}  {_heads(entry)}"
    return f"{'*' if entry.current else ' '} {entry.model:<{room.ID_DIGITS}} {what}"


def _heads(entry: Entry) -> str:
    return ", ".join(head.name for head in entry.manifest.heads) if entry.manifest else ""


def _summary(entry: Entry) -> dict[str, Any]:
    """What `list --json` says: `show --json` says all."""
    manifest = entry.manifest
    known = {"version": manifest.version, "base": manifest.base.name} if manifest else {}
    return {"model": entry.model, "current": entry.current, "heads": _heads(entry), "problem": entry.problem, **known}


def _json(made: Any) -> str:
    return msgspec.json.encode(made).decode()


def _now() -> str:
    return format_rfc3339(int(time.time() * 1000))
