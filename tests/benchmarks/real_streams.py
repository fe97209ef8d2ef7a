"""What `streamwatch backtest` finds in recorded streams with given labels, against what really happened in them.

    python tests/benchmarks/real_streams.py --data FOLDER [--json F] [--plots FOLDER]

FOLDER (or STREAMWATCH_DATA) holds `stream/airline_tweets_2015.csv.gz` and `stream/stockemotions_2020.csv.gz`. The rules are
those in `tests/benchmarks/rules/`: a desk that watches six airlines, and one that has days only. An incident is found when an
episode of its series, also as a member of another's alert, is firing at some time from its hour until three hours later (for
days: that day). Its delay is from the start of its hour to the onset, negative where it fired already.

An alert is low when the hour (day) of its onset has fewer than 2.5 times the median of the 24 hours (30 days) before.
"""

import argparse
import csv
import gzip
import json
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from data_folder import add_data_option, parse_with_data

from streamwatch.codec import decode
from streamwatch.records import Alert
from streamwatch.timeline import DAY_MS, HOUR_MS, bucket_start, format_rfc3339, parse_rfc3339, to_ms
from streamwatch.trends.entry import entity_series

RULES = Path(__file__).parent / "rules"
LOW = 2.5


class Incident(NamedTuple):
    """Something that happened to a series."""

    series: str
    at: str


class Stream(NamedTuple):
    """A file, how it is read, and what is known of it."""

    name: str
    file: str
    options: tuple[str, ...]
    date: str
    entity: str
    step_ms: int
    reach: int
    within_ms: int
    incidents: tuple[Incident, ...]
    traps: tuple[tuple[str, str, str], ...]
    """(series or *, from, to): an onset there is one too many."""


AIRLINE = Stream(
    "airline",
    "airline_tweets_2015.csv.gz",
    ("--column", "entities=airline", "--sentiment-column", "sentiment", "--no-model", "--rules", str(RULES / "airlines.yml")),
    "published_at", "airline", HOUR_MS, 24, 3 * HOUR_MS,
    (
        Incident("entity:Delta", "2015-02-19T15:00:00Z"),
        Incident("entity:Delta", "2015-02-22T16:00:00Z"),
        Incident("entity:Delta", "2015-02-22T22:00:00Z"),
        Incident("entity:US Airways", "2015-02-22T16:00:00Z"),
        Incident("entity:United", "2015-02-20T16:00:00Z"),
        Incident("entity:Southwest", "2015-02-21T15:00:00Z"),
    ),
    (
        ("entity:American", "2015-02-22T00:00:00Z", "2015-02-23T00:00:00Z"),
        ("*", "2015-02-17T00:00:00Z", "2015-02-18T00:00:00Z"),
    ),
)  # fmt: skip
EMOTIONS = Stream(
    "stockemotions",
    "stockemotions_2020.csv.gz",
    ("--column", "published_at=date", "--column", "entities=ticker", "--sentiment-column", "sentiment", "--no-model",
     "--bucket", "1d", "--rules", str(RULES / "days.yml")),
    "date", "ticker", DAY_MS, 30, DAY_MS - 1,
    (
        Incident("ticker:TSLA", "2020-05-01T00:00:00Z"),
        Incident("ticker:TSLA", "2020-09-03T00:00:00Z"),
        Incident("ticker:AAPL", "2020-09-03T00:00:00Z"),
        Incident("ticker:BA", "2020-06-11T00:00:00Z"),
        Incident("all", "2020-03-12T00:00:00Z"),
    ),
    (),
)  # fmt: skip


class Episode(NamedTuple):
    """One series of an alert."""

    series: str
    kind: str
    onset_ms: int
    end_ms: float
    root: bool


Counts = Mapping[str, Mapping[int, int]]


def main() -> None:
    """Print what was found in each stream; exit code 1 where an incident was missed or a trap fired."""
    options = _options()
    reports = [examine(stream, options.data / "stream", options.plots) for stream in (AIRLINE, EMOTIONS)]
    if options.json:
        Path(options.json).write_text(json.dumps(reports, indent=2) + "\n")
    sys.exit(any(report["missed"] or report["traps"] for report in reports))


def examine(stream: Stream, folder: Path, plots: Path | None) -> dict[str, Any]:
    """Run the backtest and say what it found."""
    alerts, summary = backtest(stream, folder, plots)
    found = [one for alert in newest(alerts) for one in episodes(alert)]
    counts = negatives(stream, folder / stream.file)
    delays = {f"{i.series} {i.at}": delay(i, found, stream.within_ms) for i in stream.incidents}
    roots = [one for one in found if one.root]
    low = [one for one in roots if lift(counts.get(one.series, {}), one.onset_ms, stream) < LOW]
    report = {
        "stream": stream.name, "alerts": len(roots), "series_in_alerts": len(found),
        "delays_h": delays, "missed": [name for name, hours in delays.items() if hours is None],
        "low": [label(one) for one in low],
        "others": [f"{label(one)} {lift(counts.get(one.series, {}), one.onset_ms, stream):.1f}" for one in roots
                   if not belongs(one, stream) and one not in low],
        "traps": [label(one) for one in found if trapped(one, stream)], "summary": summary,
    }  # fmt: skip
    show(report, stream)
    return report


def backtest(stream: Stream, folder: Path, plots: Path | None) -> tuple[list[Alert], dict[str, Any]]:
    """The alerts and the summary of the command."""
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "alerts.jsonl"
        command = [sys.executable, "-m", "streamwatch", "backtest", str(folder / stream.file), *stream.options,
                   "--out", str(out), "--json"]  # fmt: skip
        if plots is not None:
            command += ["--plot", str(plots / f"{stream.name}.png")]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        return [decode(line, Alert) for line in out.read_bytes().splitlines()], json.loads(done.stdout)


def newest(alerts: list[Alert]) -> list[Alert]:
    """The newest revision of each."""
    return list({alert.id: alert for alert in alerts}.values())


def episodes(alert: Alert) -> Iterator[Episode]:
    """The alert's series, and its members as long as the incident lasts."""
    if alert.resolution == "withdrawn":
        return
    end_ms = to_ms(alert.at) if alert.state == "resolved" else float("inf")
    yield Episode(alert.series, alert.kind, to_ms(alert.onset), end_ms, True)
    for member in alert.members:
        yield Episode(member.series, member.kind, to_ms(member.onset), end_ms, False)


def negatives(stream: Stream, path: Path) -> Counts:
    """Negatives by series and step, from the file itself."""
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["sentiment"] == "negative":
                step = bucket_start(parse_rfc3339(row[stream.date]), stream.step_ms)
                counts["all"][step] += 1
                counts[entity_series(row[stream.entity])][step] += 1
    return counts


def lift(counts: Mapping[int, int], onset_ms: int, stream: Stream) -> float:
    """Negatives of the onset's step against the median of those before."""
    step = bucket_start(onset_ms, stream.step_ms)
    usual = median(counts.get(step - i * stream.step_ms, 0) for i in range(1, stream.reach + 1))
    return counts.get(step, 0) / max(usual, 0.5)


def delay(incident: Incident, found: list[Episode], within_ms: int) -> float | None:
    """Hours from the incident's beginning to the onset of the episode that is firing then; None: there is none."""
    at_ms = parse_rfc3339(incident.at)
    firing = [e for e in found if e.series == incident.series and e.onset_ms <= at_ms + within_ms and e.end_ms > at_ms]
    return min(((e.onset_ms - at_ms) / HOUR_MS for e in firing), key=abs) if firing else None


def belongs(episode: Episode, stream: Stream) -> bool:
    """Whether it is one of the listed incidents."""
    return any(delay(incident, [episode], stream.within_ms) is not None for incident in stream.incidents)


def trapped(episode: Episode, stream: Stream) -> bool:
    """Whether nothing happened there, only what looks like it."""
    return any(
        series in ("*", episode.series) and parse_rfc3339(begin) <= episode.onset_ms < parse_rfc3339(end)
        for series, begin, end in stream.traps
    )


def label(episode: Episode) -> str:
    """For people."""
    return f"{episode.series} {episode.kind.removeprefix('negative_')} {format_rfc3339(episode.onset_ms)}"


def show(report: Mapping[str, Any], stream: Stream) -> None:
    """One stream's part."""
    print(f"{stream.name}: {report['alerts']} alerts, {report['series_in_alerts']} series in them")
    for name, hours in report["delays_h"].items():
        print(f"  {name}: {'MISSED' if hours is None else f'onset {hours:+.1f} h'}")
    print(f"  traps: {', '.join(report['traps']) or 'none fired'}")
    print(f"  low (below {LOW:g} times): {', '.join(report['low']) or 'none'}")
    print(f"  others: {', '.join(report['others']) or 'none'}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_option(parser)
    parser.add_argument("--json", metavar="F")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="draw each stream there")
    return parse_with_data(parser)


if __name__ == "__main__":
    main()
