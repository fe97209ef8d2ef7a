"""`streamwatch detect`: the detectors over a file of counts, offline."""

import csv
import json
import re
from collections.abc import Iterable
from io import StringIO
from math import isfinite
from typing import BinaryIO

import click
from rich.console import Console

from streamwatch.commands.bars import Bars
from streamwatch.commands.output_file import whole_file
from streamwatch.detection.offline import RowTest, Scored, ShareTest, VolumeTest, score_rows
from streamwatch.detection.offline_rows import Row, read_rows, spacing_ms
from streamwatch.errors import ConfigError
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

COLUMNS = {"volume": ("value",), "share": ("n", "k")}
UNITS_MS = {"s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
LONGEST_MS = 366 * DAY_MS
SILENT_S = 2.0
"""A file that is done sooner shows no progress."""
WATCH_EVERY = 1000


class Duration(click.ParamType):
    """A length of time such as 90s, 20m, 24h or 1d, up to a year."""

    name = "90s|20m|24h|1d"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds."""
        match = re.fullmatch(r"(\d{1,9})([smhd])", str(value))
        ms = int(match[1]) * UNITS_MS[match[2]] if match else -1
        if not 0 <= ms <= LONGEST_MS:
            self.fail(f"{value!r} is no length of time such as 90s, 20m, 24h or 1d (at most 366d)", param, ctx)
        return ms


@click.command()
@click.argument("file", metavar="F.csv")
@click.option("--out", required=True, metavar="G.csv", help="File to write (.gz compresses); - for standard output.")
@click.option("--mode", type=click.Choice(list(COLUMNS)), default="volume", show_default=True,
              help="volume: counts against what is usual. share: k of n, a larger part than usual.")  # fmt: skip
@click.option("--false-alarms-per-week", "allowed", type=float, default=1.0, show_default=True, metavar="X",
              help="How many you allow when nothing happens: fewer, and an alert needs more evidence.")  # fmt: skip
@click.option("--refractory", "refractory_ms", type=Duration(), default="24h", show_default=True,
              help="After an onset there is no other one for so long.")  # fmt: skip
@click.option("--bucket", "bucket_ms", type=Duration(), help="Add rows up to buckets of this width first (1h, 1d); the "
              "one that is open is tested at each row. Default: each row is a bucket.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The summary as JSON on standard output.")
def detect(
    file: str, out: str, mode: str, allowed: float, refractory_ms: int, bucket_ms: int | None, as_json: bool
) -> None:
    """Find where the counts of F.csv begin to be unusually high.

    \b
    volume  F.csv has the columns timestamp,value     2015-02-22 16:00:00,39
    share   F.csv has the columns timestamp,n,k       2015-02-22 16:00:00,120,39

    A timestamp is UTC (2015-02-22 16:00:00), RFC 3339, or seconds or milliseconds since 1970. Rows may lie at any regular
    distance; missing rows, empty values and NaN are measurements that are missing.

    G.csv has one row for each row of F.csv, in its order, timestamps as they were:

    \b
      timestamp,score,alert
      2015-02-22 15:40:00,0.0312,0
      2015-02-22 16:00:00,4.71,1

    score is the evidence over what is needed: from 1 on it is enough. alert is 1 where an onset is, else 0. The usual
    level, its shape over the day and the threshold are learnt from the rows before; in the first day (and 24 rows)
    there are no alerts. Rows further apart than usual are a gap; where the count has been 0 from the start, the first
    rows above it are the beginning of collection, and no alert.

    \b
    Examples:
      streamwatch detect mentions.csv --out scored.csv
      streamwatch detect mentions.csv --out scored.csv --false-alarms-per-week 0.1
      streamwatch detect days.csv --out - --mode share --bucket 1d | grep ',1$'
    """
    if not (isfinite(allowed) and 0 < allowed <= 1e6):
        raise ConfigError(f"--false-alarms-per-week {allowed:g}: expected a number above 0")
    if bucket_ms is not None and bucket_ms < SECOND_MS:
        raise ConfigError("--bucket 0s: a bucket has a width")
    if as_json and out == "-":
        raise ConfigError("--json and --out -: both would write to standard output")
    rows = read_rows(file, COLUMNS[mode])
    width_ms = bucket_ms or spacing_ms(rows)
    test = make_test(mode, width_ms, allowed, aligned=bucket_ms is not None)
    with Bars(Console(stderr=True), after_s=SILENT_S) as bars, whole_file(out) as output:
        scored = watched(score_rows(rows, test, refractory_ms), len(rows), bars)
        write(rows, scored, output)
    say(summary(rows, scored, width_ms), as_json)


def make_test(mode: str, width_ms: int, allowed: float, aligned: bool) -> RowTest:
    """The test of a mode."""
    return ShareTest(width_ms, allowed) if mode == "share" else VolumeTest(width_ms, allowed, aligned)


def watched(scored: Iterable[Scored], n_rows: int, bars: Bars) -> list[Scored]:
    """All of them, with progress."""
    done: list[Scored] = []
    for one in scored:
        done.append(one)
        if len(done) % WATCH_EVERY == 0:
            bars.watch("detect", len(done), n_rows, f"{len(done):,} rows")
    return done


def write(rows: list[Row], scored: list[Scored], output: BinaryIO) -> None:
    """A line for each row, in the order of the file."""
    by_line = {one.row.line: one for one in scored}
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("timestamp", "score", "alert"))
    for row in rows:
        one = by_line[row.line]
        writer.writerow((row.text, f"{one.score:.6g}", int(one.alert)))
    output.write(text.getvalue().encode())


def summary(rows: list[Row], scored: list[Scored], width_ms: int) -> dict[str, object]:
    """What was read and found."""
    return {
        "rows": len(rows),
        "missing": sum(row.counts is None for row in rows),
        "copies": len(rows) - len({row.at_ms for row in rows}),
        "bucket_s": width_ms / SECOND_MS,
        "alerts": [one.row.text for one in scored if one.alert],
    }


def say(told: dict[str, object], as_json: bool) -> None:
    """The summary, for a program or for people."""
    if as_json:
        click.echo(json.dumps(told))
        return
    alerts = told["alerts"]
    assert isinstance(alerts, list)
    first = f", the first at {alerts[0]}" if alerts else ""
    click.echo(f"{told['rows']} rows ({told['missing']} missing, {told['copies']} copies): "
               f"{len(alerts)} alerts{first}", err=True)  # fmt: skip
