"""What the negative-volume detector finds in real streams with given labels, one set of defaults.

    python tests/benchmarks/volume_real.py --data FOLDER [--allowed 1]

FOLDER (or STREAMWATCH_DATA) holds `stream/airline_tweets_2015.csv.gz` and `stream/stockemotions_2020.csv.gz`. `--allowed` is the
false alarms allowed a week for each series. The detector alone: no texts are compared, no share is asked for. An episode
begins at a crossing, ends after half an hour of calm, and becomes the new level after a day (airline); days have no half hours:
there it ends at the first calm day, after a week at the latest.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pandas as pd
from data_folder import add_data_option, parse_with_data

from streamwatch.config import BUCKET_MS
from streamwatch.detection.settings import DetectionConfig
from streamwatch.detection.volume import VolumeDetector
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS, WEEK_MS, bucket_start, from_ms, parse_rfc3339

AIRLINE = (
    ("Delta", "2015-02-19T15:00:00Z"),
    ("Delta", "2015-02-22T16:00:00Z"),
    ("Delta", "2015-02-22T22:00:00Z"),
    ("US Airways", "2015-02-22T16:00:00Z"),
    ("United", "2015-02-20T16:00:00Z"),
    ("Southwest", "2015-02-21T15:00:00Z"),
)
DAYS = (
    ("TSLA", "2020-05-01"),
    ("TSLA", "2020-09-03"),
    ("AAPL", "2020-09-03"),
    ("BA", "2020-06-11"),
    ("all", "2020-03-12"),
)


class Episode(NamedTuple):
    """From the crossing to the end."""

    series: str
    onset_ms: int
    until_ms: int
    n: int
    k: int
    expected: float
    weeks: float


class Life(NamedTuple):
    """How episodes end: ticks of `step_ms`, calm for `calm_ms`, the new level after `most_ms`."""

    step_ms: int
    calm_ms: int
    most_ms: int


def episodes(series: str, heaps: list[tuple[int, int, int]], config: DetectionConfig, life: Life) -> Iterator[Episode]:
    """The episodes of one series: heaps of documents (start, n, k) in time order."""
    detector = VolumeDetector(config)
    fired: tuple[int, int, int, float, float] | None = None
    calm_ms = tick_ms = -1
    for at_ms, n, k in [*heaps, (heaps[-1][0] + life.most_ms * 2, 0, 0)]:
        while fired is not None and tick_ms <= at_ms:
            calm_ms = (calm_ms if calm_ms >= 0 else tick_ms) if detector.calm(tick_ms) else -1
            lasted = tick_ms - fired[0] >= life.most_ms
            if lasted or (calm_ms >= 0 and tick_ms - calm_ms >= life.calm_ms):
                detector.end(tick_ms, new_level=lasted)
                yield Episode(series, fired[0], tick_ms, *fired[1:])
                fired, calm_ms = None, -1
            tick_ms += life.step_ms
        detector.update(at_ms, n, k)
        if fired is None and k and detector.crossed:
            reading = detector.reading()
            fired = at_ms, reading.n, reading.k, reading.k_expected, 2.718281828 ** min(reading.log_e, 60)
            detector.begin()
            tick_ms = bucket_start(at_ms, life.step_ms) + life.step_ms


def airline(folder: Path, allowed: float) -> None:
    """Print the airlines' episodes, what was found, and what stands in a low hour."""
    frame = pd.read_csv(folder / "stream" / "airline_tweets_2015.csv.gz")
    frame["ms"] = [parse_rfc3339(text) for text in frame.published_at]
    found: list[Episode] = []
    config = DetectionConfig(false_alarms_per_week=allowed, max_series=1, n_kinds=1)
    for name, rows in _series(frame, "airline"):
        life = Life(MINUTE_MS, 30 * MINUTE_MS, DAY_MS)
        some = list(episodes(name, _heaps(rows, BUCKET_MS), config, life))
        negatives = [int(ms) for ms in rows.ms[rows.sentiment == "negative"]]
        for one in some:
            lift = _lift(negatives, one.onset_ms)
            print(f"  {_told(one)} day lift {lift:.1f}{' LOW' if lift < 2.5 else ''}")
        found += some
    missing = [f"{s} {at}" for s, at in AIRLINE if not _firing(found, s, parse_rfc3339(at), 3 * HOUR_MS)]
    traps = [one for one in found if one.onset_ms < parse_rfc3339("2015-02-18T00:00:00Z")]
    traps += [one for one in found if one.series == "American" and from_ms(one.onset_ms).day == 22]
    print(f"airline at {allowed:g} a week and series: {len(AIRLINE) - len(missing)} of {len(AIRLINE)} found, "
          f"{len(found)} episodes, missing {missing}, traps {len(traps)}")  # fmt: skip


def days(folder: Path, allowed: float) -> None:
    """Print the episodes of StockEmotions, whose dates have no time of day."""
    frame = pd.read_csv(folder / "stream" / "stockemotions_2020.csv.gz")
    frame["ms"] = [parse_rfc3339(f"{text}T00:00:00Z") for text in frame.date]
    config = DetectionConfig(false_alarms_per_week=allowed, max_series=1, n_kinds=1, volume_bucket_ms=DAY_MS)
    found: list[Episode] = []
    for name, rows in _series(frame, "ticker"):
        found += episodes(name, _heaps(rows, DAY_MS), config, Life(DAY_MS, 0, WEEK_MS))
    wanted = {name for name, _ in DAYS}
    for one in found:
        if one.series in wanted:
            print(f"  {_told(one)}")
    missing = [f"{s} {at}" for s, at in DAYS if not _firing(found, s, parse_rfc3339(f"{at}T00:00:00Z"), 0)]
    strong = sum(one.k >= 2.5 * max(one.expected, 1) for one in found)
    print(f"days at {allowed:g} a week and series: {len(DAYS) - len(missing)} of {len(DAYS)} found, missing {missing}; "
          f"{len(found)} episodes in {frame.ticker.nunique() + 1} series, {strong} of them 2.5 times the usual")  # fmt: skip


def _series(frame: pd.DataFrame, column: str) -> Iterator[tuple[str, pd.DataFrame]]:
    for name, rows in frame.groupby(column):
        yield str(name), rows
    yield "all", frame


def _heaps(rows: pd.DataFrame, width_ms: int) -> list[tuple[int, int, int]]:
    starts = rows.ms // width_ms * width_ms
    grouped = (rows.sentiment == "negative").groupby(starts).agg(["size", "sum"])
    return [(int(ms), int(n), int(k)) for ms, n, k in grouped.itertuples()]


def _firing(found: list[Episode], series: str, at_ms: int, within_ms: int) -> bool:
    return any(
        one.series == series and one.onset_ms <= at_ms + within_ms and one.until_ms >= at_ms - within_ms
        for one in found
    )


def _lift(negatives: list[int], onset_ms: int) -> float:
    """Negatives of the onset's hour against the median of the 24 hours before."""
    hour = bucket_start(onset_ms, HOUR_MS)
    counts = [
        sum(start <= ms < start + HOUR_MS for ms in negatives) for start in range(hour - DAY_MS, hour + 1, HOUR_MS)
    ]
    return counts[-1] / max(median(counts[:-1]), 0.5)


def _told(one: Episode) -> str:
    return (f"{one.series:15} {from_ms(one.onset_ms):%m-%d %H:%M} to {from_ms(one.until_ms):%m-%d %H:%M} n={one.n:4} "
            f"k={one.k:4} expected {one.expected:6.1f} weeks {one.weeks:9.3g}")  # fmt: skip


def main() -> None:
    """Both streams."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_option(parser)
    parser.add_argument("--allowed", type=float, default=1.0, help="false alarms allowed a week and series")
    options = parse_with_data(parser)
    airline(options.data, options.allowed)
    days(options.data, options.allowed)


if __name__ == "__main__":
    main()
