"""`streamwatch labels`: documents out to people, their answers back, and how they stand."""

from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console

from streamwatch.commands.bars import Bars
from streamwatch.commands.decision_log import now_ms, user
from streamwatch.commands.output_file import whole_file
from streamwatch.config import Settings, load
from streamwatch.errors import ConfigError
from streamwatch.labelling.answers import Answers, read_labels
from streamwatch.labelling.exports import label_studio, table
from streamwatch.labelling.filled import Filled
from streamwatch.labelling.imports import Plan, plan
from streamwatch.labelling.publishing import publish
from streamwatch.labelling.queue import in_order
from streamwatch.labelling.samples import Samples, read_samples
from streamwatch.labelling.topics import known_topics
from streamwatch.records import Answer, DriftSample
from streamwatch.text.clean import normalise

QUIET_S = 2.0
SHOWN = 20
"""Faults, conflicts and the like that are printed; --json has them all."""
FORMATS = ("label-studio", "jsonl", "csv")
READERS = {"label-studio": label_studio.read, "jsonl": table.read_jsonl, "csv": table.read_csv}
BY_SUFFIX = {".json": "label-studio", ".jsonl": "jsonl", ".csv": "csv"}


@click.group()
def labels() -> None:
    """Give documents to people, take their answers in, and see how far they agree.

    Which documents are worth a person's time is decided by the workers and waits on the channel `drift`; answers go to the
    channel `labels`. `streamwatch retrain` learns from them.
    """


@labels.command("export")
@click.option("--format", "form", type=click.Choice(FORMATS), required=True, help="What the file is for.")
@click.option("--out", default="-", show_default="standard output", help="The file.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many documents.")
@click.option("--labeller", default=user, show_default="your account", help="For whom: what they answered is left out.")
@click.option(
    "--answered",
    is_flag=True,
    help="What was answered instead, with the answers: jsonl is what `retrain --labels` reads.",
)
@click.option(
    "--with-predictions",
    is_flag=True,
    help="Show what the model says. People follow what they are shown: not for the gate.",
)
def export(form: str, out: str, limit: int | None, labeller: str, answered: bool, with_predictions: bool) -> None:
    """Write the documents that wait for an answer to a file to be filled in, the most useful first.

    For Label Studio import the file into a project whose labelling interface is what `streamwatch labels interface` prints,
    and export it there as JSON when it is done. In csv and jsonl fill in topic, sentiment and reading, or a verdict: unsure,
    none_of_these, personal_data.

    \b
    Examples:
      streamwatch labels export --format label-studio --out tasks.json --limit 200
      streamwatch labels export --format jsonl --answered --out labels.jsonl
    """
    if answered and form == "label-studio":
        raise ConfigError("--answered: answers are written as jsonl or csv; Label Studio takes what waits")
    settings = load()
    with Bars(Console(stderr=True), QUIET_S) as bars:
        bars.watch("export", 0, 3, "reading `labels`")
        answers = read_labels(settings)
        items: list[Any] = [one for said in answers for one in said.answers] if answered else []
        if not answered:
            bars.watch("export", 1, 3, "reading `drift`")
            items = list(in_order(read_samples(settings), answers, labeller))
        bars.watch("export", 2, 3, "writing")
        items = items[:limit]
        with whole_file(out) as file:
            file.write(_written(form, items, with_predictions))
    click.echo(f"{len(items)} {'answers' if answered else 'documents'}", err=True)


def _written(form: str, items: list[DriftSample | Answer], with_predictions: bool) -> bytes:
    if form == "label-studio":
        return label_studio.write((one for one in items if isinstance(one, DriftSample)), with_predictions) + b"\n"
    write = table.write_csv if form == "csv" else table.write_jsonl
    return write(items, with_predictions)


@labels.command("import")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--format", "form", type=click.Choice(FORMATS), show_default="by the name's end: .json, .jsonl, .csv",
              help="What the file is.")  # fmt: skip
@click.option("--labeller", default=user, show_default="your account", help="Who filled in the rows that name nobody.")
@click.option("--skip-faulty", is_flag=True, help="Import the other rows although some are faulty; they are listed.")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def import_(path: Path, form: str | None, labeller: str, skip_faulty: bool, dry_run: bool, as_json: bool) -> None:
    """Take in the answers of a file. Doing it twice, or again after Ctrl-C, writes nothing twice.

    Rows that name a document or a class that nobody knows are faults: they are listed with their number, and nothing is
    written unless --skip-faulty is given. Documents on which people differ are listed, and their answers written.

    \b
    Examples:
      streamwatch labels import project-1-at-2026-01-05.json
      streamwatch labels import table.csv --labeller ana --dry-run
    """
    settings = load()
    rows = _rows(path, form)
    with Bars(Console(stderr=True), QUIET_S) as bars:
        bars.watch("import", 0, 2, "reading `drift` and `labels`")
        samples, answers = read_samples(settings), read_labels(settings)
        found = plan(rows, samples, answers, known_topics(settings, samples), labeller, now_ms=now_ms())
        refused = bool(found.faults) and not skip_faulty
        if not (refused or dry_run):
            publish(settings, found.new, lambda done, total: bars.watch("import", total + done, 2 * total, "writing"))
    _tell(found, as_json, written=not (refused or dry_run))
    if refused:
        raise ConfigError(f"{len(found.faults)} rows are faulty: nothing was imported; mend them, or --skip-faulty")


def _rows(path: Path, form: str | None) -> list[Filled]:
    reader = READERS.get(form or BY_SUFFIX.get(path.suffix.lower(), ""))
    if reader is None:
        raise ConfigError(f"{path}: say what it is by --format {'|'.join(FORMATS)}")
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        return reader(raw)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _tell(found: Plan, as_json: bool, *, written: bool) -> None:
    lists = {"changed": found.changed, "older": found.older, "conflicts": found.conflicts, "faults": found.faults}
    counts = {
        "written" if written else "would_write": len(found.new),
        "unchanged": found.n_unchanged,
        "empty": found.n_empty,
    }
    if as_json:
        click.echo(msgspec.json.encode(counts | lists).decode())
        return
    click.echo(", ".join(f"{name.replace('_', ' ')} {n}" for name, n in counts.items()))
    for name, lines in lists.items():
        for line in lines[:SHOWN]:
            click.echo(
                f"  {name}: {normalise(line)}", err=name == "faults"
            )  # ids are written by whoever wrote the document
        if len(lines) > SHOWN:
            click.echo(f"  {name}: … and {len(lines) - SHOWN} more (--json lists all)", err=name == "faults")


@labels.command("stats")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def stats(as_json: bool) -> None:
    """Say what waits, who answered what, how far people agree, and what the answers say of the stream.

    Agreement is Cohen's kappa over documents with two answers or more. Shares and accuracy are estimates for the whole stream:
    each document is weighted by 1/π, and what was picked as novel is left out.
    """
    from streamwatch.labelling.stats import lines, summary

    settings = load()
    with Bars(Console(stderr=True), QUIET_S) as bars:
        bars.watch("stats", 0, 2, "reading `drift`")
        samples, answers = _read(settings, bars)
        found = summary(samples, answers, settings.labelling_per_hour)
    click.echo(msgspec.json.encode(found).decode() if as_json else "\n".join(lines(found)))


def _read(settings: Settings, bars: Bars) -> tuple[Samples, Answers]:
    samples = read_samples(settings)
    bars.watch("stats", 1, 2, "reading `labels`")
    return samples, read_labels(settings)


@labels.command("interface")
def interface() -> None:
    """Print the labelling interface (XML) for a Label Studio project, with the topics of the model.

    \b
    Example:
      streamwatch labels interface > interface.xml
    """
    click.echo(label_studio.interface(known_topics(load(), ())), nl=False)
