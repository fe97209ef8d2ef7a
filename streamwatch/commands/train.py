"""`streamwatch train`: make a model out of labelled files."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table

from streamwatch.commands.bars import Bars
from streamwatch.config import load
from streamwatch.learning.plan import METHODS, Plan
from streamwatch.models.manifest import Manifest

FOLDER = click.Path(path_type=Path, file_okay=False)
POSITIVE = click.FloatRange(min=0, min_open=True)
NOT_NEGATIVE = click.FloatRange(min=0)
SHARE = click.FloatRange(0, 1, max_open=True)
DEFAULT = Plan()
EXIT_INTERRUPTED = 130

PLAN_OPTIONS: dict[str, tuple[Any, str]] = {
    "method": (click.Choice(METHODS), "What of the encoder moves."),
    "rank": (click.IntRange(1, 384), "Of the low-rank matrices."),
    "layers": (str, "Layers of the encoder to keep, as 0,2,4; one may stand twice. Empty: all."),
    "units": (click.IntRange(min=0), "Units of each feed-forward layer to keep; 0: all."),
    "norm": (click.Choice(("", "adn")), "A normalisation before each head."),
    "head_members": (click.IntRange(1, 16), "Sets of heads that learn side by side and become one."),
    "regulariser": (click.Choice(("", "fgm", "r_drop")), "A second pass for each batch."),
    "epochs": (POSITIVE, "Passes over the training texts; may be a fraction."),
    "max_minutes": (NOT_NEGATIVE, "End after this long at most, the learning rate brought down in time; 0: no limit."),
    "batch_size": (click.IntRange(min=1), "Texts a step."),
    "learning_rate": (NOT_NEGATIVE, "Peak rate of the encoder; 0: the method's own."),
    "head_learning_rate": (POSITIVE, "Peak rate of the heads."),
    "layer_decay": (click.FloatRange(0, 1, min_open=True), "Factor of the rate from a layer to the one below."),
    "weight_decay": (NOT_NEGATIVE, "Of AdamW, on matrices."),
    "warmup": (click.FloatRange(0, 1, min_open=True, max_open=True), "Share of the run in which rates rise."),
    "smoothing": (SHARE, "Of labels."),
    "dropout": (SHARE, "In the encoder."),
    "head_dropout": (SHARE, "Before the heads."),
    "average": (SHARE, "Decay of an exponential average of the weights, which then is the model; 0: none."),
    "patience": (click.IntRange(min=0), "Dev evaluations without a gain until the run ends early; 0: never."),
    "evaluations": (POSITIVE, "On the dev part in an epoch."),
    "unclear_weight": (NOT_NEGATIVE, "Of the topic `unclear` for posts of customers."),
    "distil_weight": (click.FloatRange(0, 1), "Of the teachers' word against the label's."),
    "distil_temperature": (POSITIVE, "Softening of the teachers' probabilities."),
    "unlabelled_texts": (click.IntRange(min=0), "Of each unlabelled set at most; 0: all."),
    "dev_share": (click.FloatRange(0, 0.5), "Of all texts: for early stopping and temperatures."),
    "max_tokens": (click.IntRange(8, 512), "Longer texts are cut to this, in training and for ever after."),
    "tail_tokens": (click.IntRange(0, 256), "Of a text that is cut, how many are kept of its end."),
    "budget_bytes": (click.IntRange(min=10_000), "Of the adapter's file."),
    "seed": (int, "Of the order, the heads' start and dropout."),
}
"""For each setting of `Plan` its type here and its text; the default is the plan's."""

Command = TypeVar("Command", bound=Callable[..., Any])


def plan_options(command: Command) -> Command:
    """An option for each setting of a plan."""
    for name, (kind, text) in reversed(PLAN_OPTIONS.items()):
        flag, default = f"--{name.replace('_', '-')}", getattr(DEFAULT, name)
        command = click.option(flag, type=kind, default=default, show_default=default != "", help=text)(command)
    return command


def _choices(_: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, float]:
    """`NAME=NUMBER`, repeated, as a dictionary."""
    made: dict[str, float] = {}
    for text in given:
        name, _sign, number = text.partition("=")
        try:
            made[name] = float(number)
        except ValueError:
            raise click.BadParameter(f"{text}: NAME=NUMBER, as fiqa=2", param=option) from None
    return made


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, file_okay=False, exists=True),
              help="Folder that the files of the data sets are relative to.")  # fmt: skip
@click.option("--out", required=True, type=FOLDER, help="Folder for the model; a checkpoint here is resumed.")
@click.option("--dataset", "datasets", multiple=True, metavar="NAME|FILE.yml",
              help="What to learn from, repeatable. Default: all labelled sets with a permissive licence.")  # fmt: skip
@click.option("--unlabelled", multiple=True, metavar="NAME|FILE.yml", help="Texts of which a teacher alone speaks.")
@click.option("--repeat", multiple=True, metavar="NAME=N", callback=_choices, help="How often an epoch shows a set.")
@click.option("--balance", multiple=True, metavar="NAME=X", callback=_choices, help="How far rare labels weigh more.")
@click.option("--teacher", "teachers", multiple=True, metavar="[market=|customer=]FOLDER",
              help="A model to learn from, repeatable (then their mean); of one domain's texts or of all.")  # fmt: skip
@click.option("--start", type=FOLDER, help="Folder of a model to go on from, in place of the plain encoder.")
@click.option(
    "--encoder", type=FOLDER, help="Folder of another encoder (BERT or MPNet), for a teacher: larger, never served."
)
@click.option("--release", is_flag=True, help="The model is to ship: take permissive sets only, and the known files.")
@click.option("--search", default=0, type=click.IntRange(min=0), metavar="N",
              help="First try N plans around this one on few texts, by successive halving; 0: none.")  # fmt: skip
@click.option("--measure-only", is_flag=True, help="Do not train: measure the model in --out again, temperatures too.")
@plan_options
@click.option("--log-dir", type=FOLDER, help="Folder for TensorBoard's event files.")
@click.option("--threads", default=0, type=click.IntRange(min=0), help="Torch threads; 0: the number of cores.")
@click.option("--json", "as_json", is_flag=True, help="The last line of standard output is the metrics as JSON.")
def train(data: Path, out: Path, log_dir: Path | None, threads: int, as_json: bool, **rest: Any) -> None:
    """Train a model: one encoder and a head for each task of the data sets.

    Ctrl-C or kill it when you must: the same command goes on from its checkpoint. The folder it leaves
    (manifest.json, adapter.safetensors) is used with STREAMWATCH_MODEL=FOLDER.

    \b
    Examples:
      streamwatch train --data labelled/ --out runs/first
      streamwatch train --data labelled/ --out runs/desk --dataset fiqa --dataset desk.yml --method lora
      streamwatch train --data labelled/ --out runs/pupil --teacher runs/a --teacher runs/b --unlabelled stocknet
    \b
    A data set of your own is a YAML file:
      name: desk
      file: desk.csv            # columns text,label
      task: sentiment           # or topic, or a new name: a new task makes a new head
      domain: market            # whose reading: market or customer
    """
    import torch

    from streamwatch.learning.job import measure_again, train_adapter
    from streamwatch.learning.journal import open_journal
    from streamwatch.learning.trial import searched

    if threads:
        torch.set_num_threads(threads)
    request = _request(data, out, rest)
    journal, stop = open_journal(log_dir), Stop()
    console = Console(stderr=True)
    try:
        with Bars(console) as bars, stop:
            if rest["search"]:
                request = searched(request, rest["search"], bars.watch, stop.asked)
            if rest["measure_only"]:
                manifest = measure_again(request, bars.watch)
            else:
                manifest = train_adapter(request, bars.watch, journal, stop.asked)
    except KeyboardInterrupt:
        click.echo(f"stopped: the same command goes on from what is in {out}", err=True)
        raise SystemExit(EXIT_INTERRUPTED) from None  # click swallows its own Exit where it is not standalone
    finally:
        journal.close()
    console.print(metrics_table(manifest))
    click.echo(out)
    if as_json:
        click.echo(msgspec.json.encode({"out": str(out), "metrics": manifest.metrics}).decode())


def _request(data: Path, out: Path, options: dict[str, Any]) -> Any:
    """The request that the options make. Raises `ConfigError`, `ModelError`."""
    from streamwatch.learning.datasets import catalogue
    from streamwatch.learning.request import CHOICES, Request, with_choices
    from streamwatch.learning.teachers import parse_teacher
    from streamwatch.models.base import check_base, find_base

    settings, encoder = load(), options["encoder"]
    entries = [catalogue.find(name) for name in options["datasets"]] or catalogue.permissive()
    entries += [msgspec.structs.replace(catalogue.find(name), task="") for name in options["unlabelled"]]
    for field in CHOICES:
        entries = with_choices(entries, field, options[field])
    return Request(
        data=data,
        out=out,
        base=encoder or check_base(find_base(settings.base, allow_downloads=settings.allow_downloads)),
        foreign=encoder.resolve().name if encoder else "",
        entries=entries,
        plan=Plan(**{name: options[name] for name in PLAN_OPTIONS}),
        start=options["start"],
        teachers=[parse_teacher(text) for text in options["teachers"]],
        release=options["release"],
    )


class Stop:
    """Turns the first Ctrl-C into a question that the training loop asks after each step; a second one is the usual."""

    def __init__(self) -> None:
        self._asked = False

    def __enter__(self) -> "Stop":
        self._before = signal.signal(signal.SIGINT, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _hear(self, *_: object) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True

    def asked(self) -> bool:
        """Whether somebody pressed Ctrl-C."""
        return self._asked


def metrics_table(manifest: Manifest) -> Table:
    """The metrics of the reported part, a row for each source."""
    table = Table("held out", "n", "accuracy", "macro-F1", "negative recall", "ECE")
    for name, m in manifest.metrics.items():
        recall = f"{m.recall['negative']:.3f}" if "negative" in m.recall else ""
        table.add_row(name, str(m.n), f"{m.accuracy:.3f}", f"{m.macro_f1:.3f}", recall, f"{m.ece:.3f}")
    return table
