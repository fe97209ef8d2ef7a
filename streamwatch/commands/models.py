"""`streamwatch models`: the registry, and which of its models serves."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console

from streamwatch.commands.models_diff import diff
from streamwatch.commands.models_gate import gate
from streamwatch.commands.models_gc import gc
from streamwatch.commands.models_remote import pull, push
from streamwatch.commands.models_shadow import shadow
from streamwatch.commands.promotion_log import tell
from streamwatch.commands.registry_options import (
    AS_JSON,
    MODEL,
    REGISTRY,
    checked_folder,
    now,
    resolved,
    serving,
    settings_and_registry,
    to_json,
)
from streamwatch.commands.train import metrics_table
from streamwatch.config import Settings
from streamwatch.errors import ConfigError, ModelError, RetryError
from streamwatch.gating.promoting import let_serve
from streamwatch.inference.opening import SHIPPED, locate_in, open_located
from streamwatch.models import registry as room
from streamwatch.models.gated import verdict
from streamwatch.models.lineage import parent
from streamwatch.models.manifest import Manifest, read_manifest
from streamwatch.models.pointer import Pointer
from streamwatch.models.registry import SHIPPED_NAME, Entry
from streamwatch.records import Promotion


@click.group()
def models() -> None:
    """Keep models in a registry, and say which one serves.

    A registry is a folder that all workers can read (STREAMWATCH_REGISTRY). `add` copies a model that `streamwatch train`
    or `retrain` made into it, `gate` measures it against the one that serves, `promote` lets it serve, `roll-back` lets the
    one before it serve again. While nothing is promoted, the model that comes with the package serves; its name here is
    `shipped`.

    \b
      export STREAMWATCH_REGISTRY=/srv/streamwatch/registry
      streamwatch models add runs/mine
      streamwatch models gate 1f0c
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
    _, folder = settings_and_registry(registry)
    shipped = room.read_pointer(folder) is None
    entries = [Entry(SHIPPED_NAME, shipped, read_manifest(SHIPPED)), *room.listing(folder)]
    for entry in entries:
        click.echo(to_json(_summary(entry)) if as_json else _line(entry))


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
    _, folder = settings_and_registry(registry)
    name = resolved(folder, model)
    manifest = read_manifest(SHIPPED if name == SHIPPED_NAME else folder / "models" / name)
    if as_json:
        told = {
            "model": name,
            "parent_model": parent(folder, manifest, SHIPPED).model,
            "gate": _gate_line(folder, name),
        }
        click.echo(to_json({**told, **msgspec.to_builtins(manifest)}))
        return
    _tell_all(folder, name, manifest)


def _tell_all(folder: Path, name: str, manifest: Manifest) -> None:
    """What people want to know of a model, in lines."""
    heads = ", ".join(
        f"{head.name} ({len(head.labels)} labels, temperature {head.temperature:.2f})" for head in manifest.heads
    )
    learned = ", ".join(f"{data.source} ({data.n_train:,}, {data.sha256[:8]}…)" for data in manifest.data)
    settings = ", ".join(f"{key}={value}" for key, value in manifest.hyperparameters.items())
    lines = {
        "version": manifest.version,
        "base": manifest.base.name,
        "parent": str(parent(folder, manifest, SHIPPED)),
        "heads": heads,
        "learned": learned or "unknown",
        "settings": settings or "unknown",
        "made by": manifest.command,
        "gate": _gate_line(folder, name),
    }
    click.echo(name)
    for key, value in lines.items():
        click.echo(f"{key:<9}{value}")
    Console().print(metrics_table(manifest))


def _gate_line(folder: Path, name: str) -> str:
    if name == SHIPPED_NAME:
        return "none needed: it comes with the package"
    said = verdict(folder, name, serving(folder))
    return f"{said.gate}{f': {said.why}' if said.why else ''}"


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
    _, folder = settings_and_registry(registry)
    click.echo(room.add(folder, source))


@models.command()
@MODEL
@REGISTRY
@click.option("--no-open", is_flag=True, help="Check its files only: do not open it and classify a text first.")
@click.option("--force", metavar="REASON", default="",
              help="Promote it past a gate that failed or is missing; the reason stays in the history.")  # fmt: skip
@AS_JSON
def promote(model: str, registry: Path | None, no_open: bool, force: str, as_json: bool) -> None:
    """Let a model serve from now on: workers that run swap to it, others open it when they start.

    It must have passed `streamwatch models gate` against the model that serves now. It is opened here first, so that one that
    cannot be opened is never promoted. `shipped` is the model that comes with the package, and needs no gate.

    What the gate measured of each series is told to the detectors before the pointer moves (channel `decisions`), so that the
    promotion itself raises no alert. Where the broker does not answer, it is promoted all the same, and detectors then
    allow for a new model that nobody measured.

    \b
    Examples:
      streamwatch models promote 1f0c
      streamwatch models promote 1f0c --force "outage of the labelling queue, checked by hand"
      streamwatch models promote shipped
    """
    settings, folder = settings_and_registry(registry)
    name = resolved(folder, model)
    if not no_open:
        _open(settings, folder, name)
    _tell(let_serve(folder, name, now(), partial(_tell_detectors, settings), force=force), as_json)


def _tell_detectors(settings: Settings, told: Promotion) -> None:
    """Publish what the gate measured of the promotion's shift."""
    try:
        tell(settings, told)
    except (RetryError, ConfigError) as error:
        click.echo(f"streamwatch: detectors are not told of the shift: {error}", err=True)


@models.command("roll-back")
@REGISTRY
@AS_JSON
def roll_back(registry: Path | None, as_json: bool) -> None:
    """Let the model serve again that served before; again goes back one more, never forward.

    \b
    Example:
      streamwatch models roll-back
    """
    _, folder = settings_and_registry(registry)
    _tell(room.roll_back(folder, now()), as_json)


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
    settings, folder = settings_and_registry(registry)
    names = [resolved(folder, model)] if model else [entry.model for entry in room.listing(folder)]
    look = (lambda name: _open(settings, folder, name)) if opened else (lambda name: checked_folder(folder, name))
    problems = {name: _problem(look, name) for name in names}
    for name, problem in problems.items():
        click.echo(to_json({"model": name, "problem": problem}) if as_json else f"{name} {problem or 'ok'}")
    bad = sum(bool(problem) for problem in problems.values())
    if bad:
        raise ModelError(f"{bad} of {len(names)} models cannot serve: see above")


def _open(settings: Settings, folder: Path, name: str) -> None:
    """Open the model as a worker would; opening classifies a text. Raises `ModelError`."""
    open_located(locate_in(checked_folder(folder, name), settings), settings)


def _problem(look: Callable[[str], Any], name: str) -> str:
    try:
        look(name)
    except ModelError as error:
        return str(error)
    return ""


def _tell(pointer: Pointer, as_json: bool) -> None:
    click.echo(to_json(pointer) if as_json else f"{pointer.model} serves since {pointer.promoted_at}")


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


models.add_command(gate)
models.add_command(diff)
models.add_command(shadow)
models.add_command(gc)
models.add_command(push)
models.add_command(pull)
models.add_command(roll_back, "rollback")
