"""`streamwatch bench`: how fast this machine is, each figure beside a peer of the same run."""

from pathlib import Path
from typing import Any

import click
import msgspec

from streamwatch.bench.documents import texts_of
from streamwatch.sources.columns import parse_columns

MODEL = click.option("--model", default="default", show_default=True, help="default, null or a folder.")
INPUT = click.option(
    "--input", "file", type=click.Path(path_type=Path), help="A .csv or .jsonl file whose texts are used."
)
COLUMNS = click.option("--column", "columns", multiple=True, metavar="FIELD=NAME", help="Which column fills a field.")
JSON = click.option("--json", "as_json", is_flag=True, help="All figures as one JSON object on standard output.")


@click.group()
def bench() -> None:
    """Measure this machine with servers of its own on loopback. Nothing else should be running."""


@bench.command()
@INPUT
@COLUMNS
@MODEL
@click.option("--documents", "n", type=click.IntRange(min=0), default=3000, show_default=True, help="With the model.")
@click.option("--null-documents", type=click.IntRange(min=0), default=30000, show_default=True, help="Without one.")
@click.option("--rounds", type=click.IntRange(min=1), default=1, show_default=True, help="The median one is shown.")
@JSON
def pipeline(
    file: Path | None, columns: tuple[str, ...], model: str, n: int, null_documents: int, rounds: int, as_json: bool
) -> None:
    """The whole way against the bare model, and without a model against a bare Faust loop.

    The channel is filled beforehand. `ratio` is documents a second of the whole way over those of the engine alone on
    the same texts; `documents_per_cpu_second` counts all CPU time of the worker but that of its start, which a worker
    with nothing to read shows.
    """
    from streamwatch.bench.pipeline import bench as run

    texts = texts_of(file, parse_columns(columns))
    _print(run(texts, n, null_documents, rounds, model, _say), as_json)


@bench.command()
@INPUT
@COLUMNS
@MODEL
@click.option("--seconds", type=click.FloatRange(min=10), default=180.0, show_default=True, help="Live time.")
@click.option("--rate", type=click.FloatRange(min=1), default=50.0, show_default=True, help="Documents a second.")
@JSON
def latency(
    file: Path | None, columns: tuple[str, ...], model: str, seconds: float, rate: float, as_json: bool
) -> None:
    """Arrival to classified record, and from the document that closes a bucket to its alert."""
    from streamwatch.bench.latency import bench as run

    _print(run(texts_of(file, parse_columns(columns)), seconds, rate, model, _say), as_json)


def _say(text: str) -> None:
    click.echo(f"· {text}", err=True)


def _print(figures: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(figures).decode())
        return
    for name, value in figures.items():
        if isinstance(value, dict) and name != "rounds":
            click.echo(name)
            for key, one in value.items():
                if not isinstance(one, dict):
                    click.echo(
                        f"  {key.replace('_', ' '):42} {one:,.3f}" if isinstance(one, float) else f"  {key:42} {one}"
                    )
