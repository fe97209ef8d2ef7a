"""`streamwatch backtest`: a file of documents through windows and detectors, and what would have been told."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console

from streamwatch.backtest.documents import Documents
from streamwatch.backtest.report import lines, newest, report_of
from streamwatch.backtest.run import Backtest
from streamwatch.channels import SOURCES
from streamwatch.codec import encode
from streamwatch.commands.alert_lines import alert_lines
from streamwatch.commands.bars import Bars
from streamwatch.commands.output_file import STDOUT, whole_file
from streamwatch.commands.trends import Width
from streamwatch.config import Settings, load
from streamwatch.errors import ConfigError
from streamwatch.inference.opening import open_engine
from streamwatch.records import Alert
from streamwatch.rules.reading import read_rules
from streamwatch.rules.rule_set import RuleSet
from streamwatch.sources import synthetic
from streamwatch.sources.columns import FIELDS, parse_columns
from streamwatch.sources.files import read_rows
from streamwatch.timeline import HOUR_MS

CHUNK = 500
SILENT_S = 2.0


@click.command(epilog=f"Fields for --column: {', '.join(FIELDS)}. A field takes the column of its own name by default.")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--column", "columns", multiple=True, metavar="FIELD=NAME", help="Which column fills a field; repeat.")
@click.option("--sentiment-column", metavar="NAME", help="Take given labels instead of the model's.")
@click.option("--no-model", is_flag=True, help="Only given labels count; a document without a given topic has none.")
@click.option(
    "--channel", type=click.Choice(SOURCES), default="social", show_default=True, help="Where rows came from."
)
@click.option("--rules", "rules_file", type=click.Path(path_type=Path), help="A rules file; default: the settings.")
@click.option("--bucket", "width_ms", type=Width(), help="Detection bucket of both tests, such as 10m, or 1d for data "
              "that has days only. Default: the settings.")  # fmt: skip
@click.option("--out", required=True, metavar="F", help="Alerts, one revision a line (JSON); - for standard output.")
@click.option("--plot", "picture", type=click.Path(path_type=Path), help="Draw the series with their alerts (PNG).")
@click.option("--json", "as_json", is_flag=True, help="The summary as one line of JSON.")
def backtest(  # noqa: PLR0913, PLR0917 - one argument for each option
    file: Path, columns: tuple[str, ...], sentiment_column: str | None, no_model: bool, channel: str,
    rules_file: Path | None, width_ms: int | None, out: str, picture: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Play FILE through windows and detectors in virtual time: no broker, no Redis.

    It tells the same alerts as a worker that reads the same file, with their evidence, and says how often each rule would
    have fired. FILE is .csv or .jsonl, also .gz; `synthetic` is the day that comes with streamwatch.

    \b
    Examples:
      streamwatch backtest tweets.csv --column published_at=created --column entities=airline \\
          --sentiment-column sentiment --rules rules.yml --out alerts.jsonl --plot alerts.png
      streamwatch backtest posts.csv --column published_at=date --bucket 1d --sentiment-column label --no-model --out -
    """
    settings = _with_bucket(load(), width_ms)
    rules = _rules(rules_file, settings)
    path = synthetic.SHIPPED if str(file) == "synthetic" else file
    named = [*columns, f"sentiment={sentiment_column}"] if sentiment_column else list(columns)
    documents = Documents(settings, lambda: open_engine(settings), channel, given_only=no_model)
    run = Backtest(settings, rules, step_ms=max(HOUR_MS, width_ms or 0))
    alerts: list[Alert] = []
    with Bars(Console(stderr=True), after_s=SILENT_S) as bars, whole_file(out) as output:
        for alert in _alerts(run, documents, path, named, bars):
            output.write(encode(alert) + b"\n")
            alerts.append(alert)
    if picture is not None:
        run_plot(run, alerts, picture, width_ms)
    _say(report_of(run, alerts, documents.rejected), alerts, as_json, quiet=out == STDOUT)


def run_plot(run: Backtest, alerts: list[Alert], picture: Path, width_ms: int | None) -> None:
    """Draw. Raises `ConfigError` where it cannot."""
    from streamwatch.backtest.plot import plot

    step = "day" if (width_ms or 0) > HOUR_MS else "hour"
    try:
        plot(run, alerts, picture, step)
    except OSError as error:
        raise ConfigError(f"{picture}: cannot be written ({error.strerror})") from error


def _alerts(run: Backtest, documents: Documents, path: Path, columns: list[str], bars: Bars) -> Iterator[Alert]:
    rows = iter(read_rows(path, parse_columns(columns)))
    size, n_read = sum(1 for _ in read_rows(path, parse_columns(columns))), 0
    while chunk := list(islice(rows, CHUNK)):
        yield from run.feed(documents.classified(chunk))
        n_read += len(chunk)
        bars.watch("backtest", n_read, size, f"{n_read:,} documents")
    yield from run.finish()


def _rules(path: Path | None, settings: Settings) -> RuleSet | None:
    if path is None and not settings.rules:
        return None
    path = path or Path(settings.rules)
    try:
        return read_rules(path.read_bytes(), settings, str(path))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error


def _with_bucket(settings: Settings, width_ms: int | None) -> Settings:
    if width_ms is None:
        return settings
    width_s = width_ms // 1000
    return load(detection_bucket_s=width_s, volume_bucket_s=width_s)


def _say(report: dict[str, Any], alerts: list[Alert], as_json: bool, quiet: bool) -> None:
    """The summary: on standard error where the alerts went to standard output."""
    if as_json:
        click.echo(msgspec.json.encode(report).decode(), err=quiet)
        return
    console = Console(highlight=False, stderr=quiet)
    for alert in newest(alerts):
        console.print(alert_lines(alert)[0], soft_wrap=True)
    for line in lines(report):
        console.print(line, soft_wrap=True, markup=False)
