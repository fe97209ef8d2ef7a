"""`streamwatch train-cascade`: make a model's first stage, which answers easy texts without the trunk."""

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from streamwatch.commands.bars import Bars
from streamwatch.config import load
from streamwatch.inference.cascade.first_stage import LEAST_COVERAGE, CascadeCard


@click.command("train-cascade")
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True,
              help="Folder with stream/, sentiment/ and topic/.")  # fmt: skip
@click.option(
    "--texts",
    default=60_000,
    show_default=True,
    type=click.IntRange(min=10_000),
    help="Asked of the trunk: with fewer, what it may answer is chosen by chance.",
)
@click.option("--threads", default=0, type=click.IntRange(min=0), help="Torch threads; 0: the number of cores.")
def train_cascade(data: Path, texts: int, threads: int) -> None:
    """Teach a first stage to say what the model says, and write it beside the model's adapter.

    The model is that of STREAMWATCH_MODEL (by default the shipped one). The first stage answers texts of which it is sure
    in all heads; how sure it must be is chosen on held-out texts, so that no labelled set loses more than .3 points of
    macro-F1. STREAMWATCH_CASCADE says whether it is used. Takes a few minutes, nearly all of them to ask the model.
    """
    settings = load()
    import torch

    from streamwatch.inference.cascade.job import make_cascade
    from streamwatch.inference.opening import locate

    if threads:
        torch.set_num_threads(threads)
    console = Console(stderr=True)
    with Bars(console) as bars:
        card = make_cascade(locate(settings), data, texts, bars.watch)
    console.print(_table(card))
    used = "is used by default" if card.coverage >= LEAST_COVERAGE else "is used with STREAMWATCH_CASCADE=on only"
    click.echo(f"answers {card.coverage:.1%} of the stream, {card.agreement:.1%} of these as the model; it {used}")


def _table(card: CascadeCard) -> Table:
    """Macro-F1 of each labelled set, without the first stage and with it."""
    table = Table("reported set", "model alone", "with first stage")
    for name, (alone, whole) in card.macro_f1.items():
        table.add_row(name, f"{alone:.4f}", f"{whole:.4f}")
    return table
