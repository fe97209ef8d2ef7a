"""`streamwatch trends`: what the windows hold."""

import re

import click

from streamwatch.commands.output_file import whole_file
from streamwatch.config import BUCKET_MS, Settings, load
from streamwatch.errors import ConfigError
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, format_rfc3339, parse_rfc3339
from streamwatch.trends.reading import TrendReader

COLUMNS = ("bucket_start", "series", "n", "negative", "neutral", "positive", "distinct_texts")
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
@click.option("--from", "from_ms", type=Instant(), help="First bucket (RFC 3339); default: the first there is.")
@click.option("--to", "to_ms", type=Instant(), help="End, not included; default: the last there is.")
@click.option("--bucket", "width_ms", type=Width(), default="1m", show_default=True, help="Width of a row.")
@click.option("--csv", "path", required=True, metavar="F", help="File to write; - for standard output.")
def export(names: tuple[str, ...], from_ms: int | None, to_ms: int | None, width_ms: int, path: str) -> None:
    """Write windows to a CSV file: one row for each bucket that holds documents.

    Columns: bucket_start (RFC 3339 UTC), series, n, negative, neutral, positive, distinct_texts. `n` counts copies too,
    `distinct_texts` does not (estimated within 1 %).
    """
    import pandas as pd

    reader = _reader(load())
    _check_names(reader, names)
    rows = [window for name in names for window in reader.windows(name, from_ms, to_ms, width_ms)]
    frame = pd.DataFrame([(format_rfc3339(w.start_ms), *w[1:]) for w in rows], columns=list(COLUMNS))
    with whole_file(path) as file:
        frame.to_csv(file, index=False)
    click.echo(f"{len(rows)} rows", err=True)


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
