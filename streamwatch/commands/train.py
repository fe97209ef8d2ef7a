"""`streamwatch train`: make an adapter out of labelled files."""

from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from streamwatch.commands.bars import Bars
from streamwatch.config import load
from streamwatch.models.manifest import Manifest

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder with the labelled CSV files (columns text,label), and optionally a recipe.json.",
)
@click.option("--out", required=True, type=FOLDER, help="Folder for the adapter; a checkpoint here is resumed.")
@click.option("--start", type=FOLDER, help="Folder of an adapter to go on from, in place of the plain encoder.")
@click.option(
    "--epochs",
    default=2.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Passes over the training texts; may be a fraction.",
)
@click.option(
    "--max-minutes",
    default=0.0,
    type=click.FloatRange(min=0),
    help="End after this long at most, the learning rate brought down in time; 0: no limit.",
)
@click.option("--seed", default=7, show_default=True, help="Seed of the order, the heads' start and dropout.")
@click.option(
    "--learning-rate",
    default=1e-3,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Peak learning rate of AdamW.",
)
@click.option("--batch-size", default=64, show_default=True, type=click.IntRange(min=1), help="Texts a step.")
@click.option(
    "--max-tokens",
    default=128,
    show_default=True,
    type=click.IntRange(8, 512),
    help="Longer texts are cut here, in training and for ever after.",
)
@click.option("--threads", default=0, type=click.IntRange(min=0), help="Torch threads; 0: the number of cores.")
def train(data: Path, out: Path, start: Path | None, threads: int, **plan: Any) -> None:
    """Train an adapter (LoRA and two heads) on labelled texts.

    Kill it when you must: the same command goes on from the last minute's checkpoint. The adapter folder it leaves
    (manifest.json, adapter.safetensors) is used with STREAMWATCH_MODEL=FOLDER.

    \b
    Examples:
      streamwatch train --data labelled/ --out runs/first
      streamwatch train --data labelled/ --out runs/quick --epochs 0.2 --threads 2
    \b
    A recipe.json names the files:
      [{"name": "desk", "file": "desk.csv", "task": "sentiment", "repeat": 2, "balance": 0.5}]
    """
    settings = load()
    import torch

    from streamwatch.learning.job import train_adapter
    from streamwatch.learning.trainer import Plan
    from streamwatch.models.base import check_base, find_base

    if threads:
        torch.set_num_threads(threads)
    base = check_base(find_base(settings.base, allow_downloads=settings.allow_downloads))
    console = Console(stderr=True)
    with Bars(console) as bars:
        manifest = train_adapter(data, out, base, Plan(**plan), bars.watch, start)
    console.print(metrics_table(manifest))
    click.echo(out)


def metrics_table(manifest: Manifest) -> Table:
    """The held-out metrics, a row for each source."""
    table = Table("held out", "n", "accuracy", "macro-F1", "negative recall", "ECE")
    for name, m in manifest.metrics.items():
        recall = f"{m.recall['negative']:.3f}" if "negative" in m.recall else ""
        table.add_row(name, str(m.n), f"{m.accuracy:.3f}", f"{m.macro_f1:.3f}", recall, f"{m.ece:.3f}")
    return table
