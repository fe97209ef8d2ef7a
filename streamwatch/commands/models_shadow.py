"""`streamwatch models shadow`: what a candidate would have said of recent documents."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from streamwatch.commands.bars import Bars
from streamwatch.commands.models_gate import FILE, N_RECENT, SILENT_S, drawn_documents
from streamwatch.commands.registry_options import (
    AS_JSON,
    MODEL,
    REGISTRY,
    checked_folder,
    resolved,
    serving,
    settings_and_registry,
    to_json,
)
from streamwatch.errors import ConfigError
from streamwatch.inference.opening import locate_in, open_located

if TYPE_CHECKING:
    from streamwatch.gating.shadow import Shadow


@click.command()
@MODEL
@click.option(
    "--stream", type=FILE, help="JSONL file of documents (classified.v1), in place of the channel `classified`."
)
@click.option(
    "--documents", default=N_RECENT, show_default=True, type=click.IntRange(min=1), help="How many are drawn."
)
@REGISTRY
@AS_JSON
def shadow(model: str, stream: Path | None, documents: int, registry: Path | None, as_json: bool) -> None:
    """Let a model read what the workers have read, beside the one that serves: what would change, and where.

    Documents are drawn uniformly from `classified`. Nothing is written, and nothing is decided: `streamwatch models gate`
    decides, with people's labels.

    \b
    Examples:
      streamwatch models shadow 1f0c
      streamwatch models shadow 1f0c --stream classified.jsonl --json | jq .tasks.sentiment
    """
    from streamwatch.gating.paired import score_pair
    from streamwatch.gating.shadow import shadowed

    settings, folder = settings_and_registry(registry)
    names = (serving(folder), resolved(folder, model))
    texts = [document.text for document in drawn_documents(settings, stream, documents)]
    if not texts:
        raise ConfigError("no documents: let the workers run, or name some with --stream")
    engines = [open_located(locate_in(checked_folder(folder, name), settings), settings) for name in names]
    with Bars(Console(stderr=True), after_s=SILENT_S) as bars:
        both = score_pair(engines[0], engines[1], texts, lambda done, total: bars.watch("shadow", done, total))
    made = shadowed(both, texts)
    click.echo(to_json(made) if as_json else _lines(made))


def _lines(made: "Shadow") -> str:
    lines = [f"{made.n:,} documents: {made.incumbent} and {made.candidate}"]
    for name, task in made.tasks.items():
        lines.append(f"{name}: {task.changed:.1%} change")
        for label in sorted(task.incumbent | task.candidate):
            lines.append(f"  {label:<32} {task.incumbent.get(label, 0):>6.1%} → {task.candidate.get(label, 0):.1%}")
    lines += [f"{one.incumbent} → {one.candidate} ({one.p:.2f})  {one.text}" for one in made.examples]
    return "\n".join(lines)
