"""`streamwatch bench`: how fast this machine is, each figure beside a peer of the same run."""

from pathlib import Path
from typing import Any

import click
import msgspec

from streamwatch.bench.documents import texts_of
from streamwatch.errors import ConfigError
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
@click.option(
    "--null-documents", "n_null", type=click.IntRange(min=0), default=30000, show_default=True, help="Without one."
)
@click.option("--rounds", type=click.IntRange(min=1), default=1, show_default=True, help="The median one is shown.")
@click.option("--precision", "precisions", multiple=True, default=("",), help="fp32, bf16 or int8; may be repeated.")
@click.option(
    "--pin/--no-pin", default=True, show_default=True, help="One core for the worker, the others for the servers."
)
@JSON
def pipeline(file: Path | None, columns: tuple[str, ...], as_json: bool, **plan: Any) -> None:
    """The whole way against the bare model, and without a model against a bare Faust loop.

    The channel is filled beforehand. `ratio` is documents a second of the whole way over those of the engine alone on
    the same texts and one core each; `documents_per_cpu_second` counts all CPU time of the worker but that of its start,
    which a worker with nothing to read shows; `cpu_ratio` is `ratio` in CPU seconds, for a machine that is not quiet. The
    bare loop reads with a Faust agent, commits, and sends each document on with aiokafka's producer;
    `cpu_ratio_to_bare_faust` is the CPU time of a document with us over that with the loop.
    """
    from streamwatch.bench.pipeline import Plan
    from streamwatch.bench.pipeline import bench as run

    texts = texts_of(file, parse_columns(columns))
    _print(run(texts, Plan(**plan), _say), as_json)


@bench.command()
@INPUT
@COLUMNS
@MODEL
@click.option("--seconds", type=click.FloatRange(min=10), default=180.0, show_default=True, help="Live time.")
@click.option("--rate", type=click.FloatRange(min=1), default=50.0, show_default=True, help="Documents a second.")
@click.option(
    "--shares", default="", metavar="0.2,0.5,…", help="Instead: at these shares of the highest rate, and in a burst."
)
@click.option(
    "--highest",
    type=click.FloatRange(min=0),
    default=0.0,
    help="With --shares: the highest rate, so that it is not searched.",
)
@JSON
def latency(
    file: Path | None,
    columns: tuple[str, ...],
    model: str,
    seconds: float,
    rate: float,
    shares: str,
    highest: float,
    as_json: bool,
) -> None:
    """Arrival to classified record, and from the document that closes a bucket to its alert.

    With --shares the highest rate that the worker keeps up with is searched first, in some two minutes; then documents come
    at each share of it for --seconds, and at twice the highest rate for 30 s. The worker has a core to itself; its
    memory is shown as a series, with its slope at the shares.
    """
    texts = texts_of(file, parse_columns(columns))
    if shares:
        from streamwatch.bench.shares import Load
        from streamwatch.bench.shares import bench as run_shares

        _print(run_shares(texts, Load(_numbers(shares), seconds, highest=highest, model=model), _say), as_json)
    else:
        from streamwatch.bench.latency import bench as run

        _print(run(texts, seconds, rate, model, _say), as_json)


@bench.command()
@INPUT
@COLUMNS
@MODEL
@click.option(
    "--seconds", type=click.FloatRange(min=10), default=40.0, show_default=True, help="Live time of each run."
)
@click.option("--share", type=click.FloatRange(0.05, 2), default=0.5, show_default=True, help="Of the highest rate.")
@JSON
def swap(file: Path | None, columns: tuple[str, ...], as_json: bool, **plan: Any) -> None:
    """Exchange the model under load: documents lost, and the longest pause beside the same run without an exchange.

    A machine has pauses of its own: `exchange` has the longest in the seconds from the move of the pointer until the new model
    has settled, beside the longest in the same seconds of the run without; `slowest` the five longest of each run, and when.
    """
    from streamwatch.bench.swap import Exchange
    from streamwatch.bench.swap import bench as run

    _print(run(texts_of(file, parse_columns(columns)), Exchange(**plan), _say), as_json)


def _numbers(given: str) -> tuple[float, ...]:
    try:
        return tuple(float(number) for number in given.split(","))
    except ValueError as error:
        raise ConfigError(f"--shares {given}: expected numbers with commas between, like 0.2,0.5") from error


@bench.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, envvar="STREAMWATCH_DATA",
              help="Folder with stream/, sentiment/ and topic/ (see docs/benchmarks.md).")  # fmt: skip
@click.option("--documents", type=click.IntRange(min=10), default=5000, show_default=True, help="Of the stream.")
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True, help="Slices of the stream.")
@click.option("--labelled", type=click.IntRange(min=0), default=1000, show_default=True,
              help="Held-out texts of each labelled set at most; 0: no macro-F1.")  # fmt: skip
@click.option("--cores", type=click.IntRange(min=0), default=0, show_default=True, help="For everybody; 0: all.")
@click.option("--only", multiple=True, metavar="PART", help="Variants whose name holds PART; may be repeated.")
@click.option(
    "--quick", is_flag=True, help="A run of two minutes: 600 documents, 2 rounds, 100 labelled texts of a set."
)
@JSON
def inference(
    data: Path,
    documents: int,
    rounds: int,
    labelled: int,
    cores: int,
    only: tuple[str, ...],
    quick: bool,
    as_json: bool,
) -> None:
    """Our variants beside transformers pipelines, sentence-transformers, ONNX Runtime and OpenVINO.

    Same texts, same cores, one run; each round gives every variant the same slice. Tokenising is inside of everybody's
    time. The peers are the extra `bench`: pip install -c constraints.txt -e '.[bench]'. Settings of the model hold here
    too (STREAMWATCH_MODEL, _BASE, _BATCH_TOKENS).
    """
    from streamwatch.bench.inference.run import Options
    from streamwatch.bench.inference.run import bench as run
    from streamwatch.config import load

    if quick:
        documents, rounds, labelled = 600, 2, 100
    options = Options(data, documents, rounds, labelled, search=64 if quick else 256, cores=cores, only=only)
    _print(run(options, load(), _say), as_json)


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
                    click.echo("  " + _line(key, one))
        elif isinstance(value, int | float | str):
            click.echo(_line(name, value))


def _line(name: str, value: Any) -> str:
    return f"{name.replace('_', ' '):44} {value:,.3f}" if isinstance(value, float) else f"{name:44} {value}"
