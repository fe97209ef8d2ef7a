"""`streamwatch models diff`: what two models differ in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from streamwatch.commands.registry_options import (
    AS_JSON,
    REGISTRY,
    checked_folder,
    resolved,
    settings_and_registry,
    to_json,
)
from streamwatch.models.manifest import read_manifest

SHORT = 48
"""Characters of a value in a line."""


@click.command()
@click.argument("first", metavar="ID")
@click.argument("second", metavar="ID")
@REGISTRY
@AS_JSON
def diff(first: str, second: str, registry: Path | None, as_json: bool) -> None:
    """Show what two models differ in: base, weights, heads and temperatures, settings, data, figures.

    \b
    Examples:
      streamwatch models diff shipped current
      streamwatch models diff 1f0c 77aa --json | jq 'with_entries(select(.key | startswith("metrics")))'
    """
    _, folder = settings_and_registry(registry)
    names = [resolved(folder, model) for model in (first, second)]
    sides = [flat(msgspec.to_builtins(read_manifest(checked_folder(folder, name)))) for name in names]
    found = differences(*sides)
    if as_json:
        click.echo(to_json(found))
        return
    click.echo(f"{'':<40} {names[0]:<{SHORT}} {names[1]}")
    for key, (before, after) in found.items():
        click.echo(f"{key:<40} {_short(before):<{SHORT}} {_short(after)}")


def flat(tree: Any, path: str = "") -> dict[str, Any]:
    """The leaves of nested objects by their paths; what has a name of its own stands under it.

    >>> flat({"heads": [{"name": "topic", "temperature": 1.1}], "seed": 7})
    {'heads.topic.temperature': 1.1, 'seed': 7}
    """
    if isinstance(tree, Mapping):
        pairs = [(str(key), value) for key, value in tree.items() if key != "name" or not path]
    elif isinstance(tree, list) and tree and all(isinstance(one, Mapping) for one in tree):
        pairs = [(str(one.get("name") or one.get("source") or i), one) for i, one in enumerate(tree)]
    else:
        return {path: tree}
    return {key: leaf for name, value in pairs for key, leaf in flat(value, f"{path}.{name}" if path else name).items()}


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The paths whose leaves differ, with both.

    >>> differences({"seed": 1, "rank": 4}, {"seed": 2, "rank": 4})
    {'seed': (1, 2)}
    """
    keys = dict.fromkeys([*first, *second])
    return {key: (first.get(key), second.get(key)) for key in keys if first.get(key) != second.get(key)}


def _short(value: Any) -> str:
    text = "–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= SHORT else f"{text[: SHORT - 1]}…"
