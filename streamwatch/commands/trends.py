"""`streamwatch trends`: what the windows hold."""

import csv
import io
import json
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import click
from rich.console import Console

from streamwatch.commands.bars import Bars
from streamwatch.commands.output_file import whole_file
from streamwatch.config import BUCKET_MS, Settings, load
from streamwatch.errors import ConfigError
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, format_rfc3339, parse_rfc3339
from streamwatch.trends.reading import TrendReader, Window

COLUMNS = ("bucket_start", *Window._fields[1:])
QUIET_S = 2.0
"""An export that is over sooner shows no progress."""
UNITS_MS = {"s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}


class Width(click.ParamType):
    """A bucket width such as 10s, 5m, 1h or 1d; a multiple of 10 s."""

    name = "10s|1m|1h|1d"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds."""
        match = re.fullmatch(r"(\d+)([smhd])", str(value))
        width_ms = int(match[1]) * UNITS_MS[match[2]] if match else 0
        if not width_ms or width_ms % BUCKET_MS:
            self.fail(f"{value!r} is no multiple of 10s, such as 10s, 5m, 1h or 1d", param, ctx)
        return width_ms


class Instant(click.ParamType):
    """An RFC 3339 time; without a zone it is UTC."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds since 1970."""
        try:
            return parse_rfc3339(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time such as 2015-02-22T16:00:00Z", param, ctx)


@click.group()
def trends() -> None:
    """Read the trend windows."""


@trends.command()
@click.option("--series", "names", multiple=True, required=True, help="all, topic:earnings, ticker:AAPL, …; repeat.")
@click.option("--from", "from_ms", type=Instant(), help="The first window holds this; default: the first there is.")
@click.option("--to", "to_ms", type=Instant(), help="Windows begin before this; default: the last there is.")
@click.option("--bucket", "width_ms", type=Width(), default="1m", show_default=True, help="Width of a window.")
@click.option("--sliding", "step_ms", type=Width(), help="A window begins at each step of this; default: the width.")
@click.option("--csv", "path", metavar="F", help="CSV file to write; - for standard output.")
@click.option("--json", "json_path", metavar="F", help="JSON lines instead; - for standard output.")
def export(
    names: tuple[str, ...], from_ms: int | None, to_ms: int | None, width_ms: int, step_ms: int | None,
    path: str | None, json_path: str | None,
) -> None:  # fmt: skip
    """Write windows to a file: one row for each that holds documents.

    Columns: bucket_start (RFC 3339 UTC), series, n, negative, neutral, positive, mean_score, distinct_authors,
    distinct_texts, amplification, news, social, n_unread. `n` counts copies too, `distinct_texts` does not (from an hour
    on within 1 %; under an hour exact up to 64, then within 13 %), `amplification` is the difference. Windows that are not
    made of whole minutes have no distinct counts. `n` is negative + neutral + positive; documents that the model could not
    read are counted in `n_unread` and in no other column.

    A width that is made of days, hours, minutes or only of 10 s is read from windows of that level, and reaches back as
    far as its retention (400, 35, 7 and 2 days by default).
    """
    if (path is None) == (json_path is None):
        raise click.UsageError("one of --csv and --json says where to write")
    reader = _reader(load())
    _check_names(reader, names)
    rows: list[Window] = []
    with Bars(Console(stderr=True), after_s=QUIET_S) as bars:
        for name in names:
            rows += reader.sliding(name, width_ms, step_ms or width_ms, from_ms, to_ms, partial(bars.watch, name))
    with whole_file(path or json_path or "") as file:
        for chunk in _csv(rows) if path else _json_lines(rows):
            file.write(chunk)
    click.echo(f"{len(rows)} rows", err=True)


def _csv(rows: list[Window]) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_row(window) for window in rows)
    yield text.getvalue().encode()


def _json_lines(rows: list[Window]) -> Iterator[bytes]:
    for window in rows:
        yield json.dumps(dict(zip(COLUMNS, _row(window), strict=True)), ensure_ascii=False).encode() + b"\n"


def _row(window: Window) -> tuple[Any, ...]:
    mean = window.mean_score
    exact = window._replace(mean_score=None if mean is None else round(mean, 6))
    return (format_rfc3339(window.start_ms), *exact[1:])


@trends.command("list")
def list_series() -> None:
    """Name the series that have windows."""
    for name in _reader(load()).series():
        click.echo(name)


def _reader(settings: Settings) -> TrendReader:
    from redis import Redis

    return TrendReader(Redis.from_url(settings.redis), settings.prefix)


def _check_names(reader: TrendReader, names: tuple[str, ...]) -> None:
    known = reader.series()
    missing = [name for name in names if name not in known]
    if missing:
        some = ", ".join(known[:8]) + (", …" if len(known) > 8 else "")
        raise ConfigError(f"no windows for {', '.join(missing)}; there are: {some or 'none'} (streamwatch trends list)")
