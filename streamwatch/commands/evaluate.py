"""`streamwatch evaluate`: how good the model is on labelled texts."""

import itertools
from collections.abc import Iterator

import click
import msgspec
from rich.console import Console

from streamwatch.commands.bars import Bars
from streamwatch.config import load
from streamwatch.errors import ConfigError
from streamwatch.evaluation.check_set import CHECK_SET, CHECK_SET_NAME, KIND_COLUMN, TASKS
from streamwatch.evaluation.figures import Subject, figures
from streamwatch.evaluation.labelled_file import LabelledFile, LabelledText
from streamwatch.evaluation.labels import Labels, head_labels, parse_label_map, parse_names
from streamwatch.evaluation.scoring import Scored, Terms, score
from streamwatch.evaluation.table import show
from streamwatch.inference.opening import open_engine

SILENT_S = 2.0
"""A file that is done sooner shows no progress."""


@click.command()
@click.option("--task", required=True, help="sentiment, topic, or another head of the model.")
@click.option("--data", help="A labelled file: .csv with a header or .jsonl, either may be gzipped.")
@click.option("--check", is_flag=True, help="The check set that comes with streamwatch, in place of a file.")
@click.option("--text-column", default="text", show_default=True, help="Its column with the text.")
@click.option("--label-column", default="label", show_default=True, help="Its column with the label.")
@click.option("--label-map", multiple=True, metavar="THEIRS=OURS,…",
              help="What the file's labels mean; rows with a label that is mapped to nothing are left out.")  # fmt: skip
@click.option("--classes", default="", metavar="A,B",
              help="Score these labels alone: other rows are left out, probabilities sum to 1 over these.")  # fmt: skip
@click.option("--by", default="", metavar="COLUMN", help="Give the accuracy for each value of this column, too.")
@click.option("--model", help="Another model than STREAMWATCH_MODEL says.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first rows.")
@click.option(
    "--json", "as_json", is_flag=True, help="All figures as one JSON object, the last line of standard output."
)
def evaluate(  # noqa: PLR0913, PLR0917 - one argument for each option
    task: str, data: str | None, check: bool, text_column: str, label_column: str, label_map: tuple[str, ...],
    classes: str, by: str, model: str | None, limit: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Measure the model on labelled texts: accuracy, macro-F1, recall, calibration, coverage.

    Texts are cleaned as the worker cleans them, and the settings of the model hold here too (STREAMWATCH_MODEL, _BASE,
    _DEVICE, _THREADS). Each text is scored by the model's best label, however unsure it is; beside that stand the share
    of texts with a confident answer (STREAMWATCH_LOW_CONFIDENCE_BELOW) and the accuracy there. What the model cannot
    read or fails on is scored as wrong. docs/evaluation.md says what each figure means.

    \b
    Examples:
      streamwatch evaluate --task sentiment --check
      streamwatch evaluate --task sentiment --data tweets.csv --label-column sentiment --json
      streamwatch evaluate --task sentiment --data posts.jsonl.gz --label-map Bearish=negative,Bullish=positive \\
        --classes negative,positive
    """
    if check:
        data, label_column, by = _check_set(task, data), task, by or KIND_COLUMN
    if data is None:
        raise ConfigError("name a file with --data, or use --check")
    rows = LabelledFile(data, text_column, label_column, by)
    settings = load(**({"model": model} if model else {}))
    engine = open_engine(settings)
    labels = Labels(head_labels(engine, task), parse_label_map(label_map), parse_names(classes))
    terms = Terms(task, labels, settings.low_confidence_below, settings.max_text_chars, settings.batch_tokens)
    with Bars(Console(stderr=True), after_s=SILENT_S) as bars:
        scored = score(_first(rows, limit), engine, terms, data, lambda n: _progress(bars, rows, n, limit))
    name = CHECK_SET_NAME if check else data
    _print(scored, labels, Subject(task, name, engine.model, settings.low_confidence_below), as_json)


def _check_set(task: str, data: str | None) -> str:
    if data is not None:
        raise ConfigError("--check and --data: choose one")
    if task not in TASKS:
        raise ConfigError(f"--check: the check set has labels for {' and '.join(TASKS)} only")
    return str(CHECK_SET)


def _first(rows: LabelledFile, limit: int | None) -> Iterator[LabelledText]:
    return itertools.islice(rows, limit)


def _progress(bars: Bars, rows: LabelledFile, n: int, limit: int | None) -> None:
    done, total = (n, limit) if limit else (rows.position, rows.size)
    bars.watch("evaluate", done, total, f"{n:,} texts")


def _print(scored: Scored, labels: Labels, subject: Subject, as_json: bool) -> None:
    made = figures(scored, labels.names, subject)
    if as_json:
        click.echo(msgspec.json.encode(made).decode())
    else:
        show(made, Console())
