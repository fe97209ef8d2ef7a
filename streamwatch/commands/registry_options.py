"""What the commands of `streamwatch models` share: their options, the registry that is meant, the model that is meant."""

import time
from pathlib import Path
from typing import Any

import click
import msgspec

from streamwatch.commands.by_prefix import by_prefix
from streamwatch.config import Settings, load
from streamwatch.errors import ConfigError
from streamwatch.gating.promoting import serving
from streamwatch.inference.opening import SHIPPED
from streamwatch.models import registry as room
from streamwatch.models.registry import SHIPPED_NAME
from streamwatch.timeline import format_rfc3339

__all__ = [
    "AS_JSON", "CURRENT", "MODEL", "REGISTRY", "checked_folder", "now", "resolved", "serving", "settings_and_registry",
    "to_json",
]  # fmt: skip

CURRENT = "current"

REGISTRY = click.option(
    "--registry", type=click.Path(path_type=Path, file_okay=False), help="The registry's folder.  [default: STREAMWATCH_REGISTRY]"
)  # fmt: skip
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
MODEL = click.argument("model", metavar="ID")


def settings_and_registry(registry: Path | None) -> tuple[Settings, Path]:
    """The settings, and the folder of the registry. Raises `ConfigError` when none is named."""
    settings = load()
    folder = registry or (Path(settings.registry) if settings.registry else None)
    if folder is None:
        raise ConfigError("no registry: set STREAMWATCH_REGISTRY to a folder, or give --registry")
    return settings, folder


def resolved(folder: Path, model: str) -> str:
    """The whole id of what somebody typed. Raises `ConfigError`."""
    if model == CURRENT:
        return serving(folder)
    known = {entry.model: entry.model for entry in room.listing(folder)}
    return by_prefix(known | {SHIPPED_NAME: SHIPPED_NAME}, model, "model", "streamwatch models list")


def checked_folder(folder: Path, name: str) -> Path:
    """The folder of a model by its whole id, its files checked. Raises `ModelError`."""
    return SHIPPED if name == SHIPPED_NAME else room.checked(folder, name)


def to_json(made: Any) -> str:
    """One line of JSON."""
    return msgspec.json.encode(made).decode()


def now() -> str:
    """The wall clock, as it is written into the registry."""
    return format_rfc3339(int(time.time() * 1000))
