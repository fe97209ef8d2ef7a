"""What detection finds in the airline tweets of February 2015, and how long that takes.

    python tests/benchmarks/detection_airline.py --data FOLDER [--noise SEEDS]

FOLDER (or STREAMWATCH_DATA) holds `stream/airline_tweets_2015.csv.gz`. With `--noise` the labels are flipped as a
model of some 77 % accuracy would, and topics are drawn at random, once for each seed.
"""

import argparse
import os
import time
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

from streamwatch.alerting.transition import Transition
from streamwatch.alerting.virtual import transitions
from streamwatch.config import Settings
from streamwatch.records import Classified, Given
from streamwatch.text.clean import text_hash
from streamwatch.timeline import DAY_MS, HOUR_MS, bucket_start, format_rfc3339, parse_rfc3339, to_ms
from streamwatch.trends.entry import series_of

SENTIMENTS = ("negative", "neutral", "positive")
CONFUSION = np.array([[0.82, 0.14, 0.04], [0.24, 0.66, 0.10], [0.08, 0.14, 0.78]])
"""Rows are the file's labels, columns what is counted instead: 77 % right."""
INCIDENTS = {
    "Delta 19 15h": ("entity:Delta", "2015-02-19T15:00:00Z"),
    "Delta 22 16h": ("entity:Delta", "2015-02-22T16:00:00Z"),
    "Delta 22 22h": ("entity:Delta", "2015-02-22T22:00:00Z"),
    "US Airways 22 16h": ("entity:US Airways", "2015-02-22T16:00:00Z"),
    "United 20 16h": ("entity:United", "2015-02-20T16:00:00Z"),
    "Southwest 21 15h": ("entity:Southwest", "2015-02-21T15:00:00Z"),
}
FOUND_WITHIN_MS = 3 * HOUR_MS


def documents(folder: Path, seed: int | None = None) -> list[Classified]:
    """The tweets as classified records, in order of date. `seed` flips labels and draws topics."""
    frame = pd.read_csv(folder / "stream" / "airline_tweets_2015.csv.gz").sort_values("published_at", kind="stable")
    labels = list(frame.sentiment) if seed is None else _flipped(list(frame.sentiment), seed)
    rows = zip(frame.id, frame.published_at, frame.airline, frame.text, labels, strict=True)
    return [_classified(offset, *row, seed) for offset, row in enumerate(rows)]


def negatives_by_hour(records: list[Classified]) -> dict[str, dict[int, int]]:
    """Series to hour to negatives."""
    counts: dict[str, dict[int, int]] = {}
    for record in records:
        if record.counted_sentiment == "negative":
            for name in series_of(record):
                hours = counts.setdefault(name, {})
                hour = bucket_start(record.published_ms, HOUR_MS)
                hours[hour] = hours.get(hour, 0) + 1
    return counts


def lift_of_day(counts: dict[int, int], onset_ms: int) -> float:
    """Negatives of the onset's hour against the median of the 24 hours before."""
    hour = bucket_start(onset_ms, HOUR_MS)
    usual = median(counts.get(hour - i * HOUR_MS, 0) for i in range(1, 25))
    return counts.get(hour, 0) / max(usual, 0.5)


def found(onsets: list[tuple[str, int]]) -> list[str]:
    """The incidents whose hour has an onset of the same series within three hours."""
    return [
        name
        for name, (series, at) in INCIDENTS.items()
        if any(one == series and abs(ms - parse_rfc3339(at)) <= FOUND_WITHIN_MS for one, ms in onsets)
    ]


def traps(onsets: list[tuple[str, int]]) -> list[str]:
    """What must not fire: anything on the 17th, American on the 22nd."""
    return [
        f"{series} {format_rfc3339(ms)}"
        for series, ms in onsets
        if ms < parse_rfc3339("2015-02-18T00:00:00Z")
        or (series == "entity:American" and bucket_start(ms, DAY_MS) == parse_rfc3339("2015-02-22T00:00:00Z"))
    ]


def main() -> None:
    """Print the alerts of the file's labels, then a line for each seed."""
    options = _options()
    records = documents(options.data)
    started = time.perf_counter()
    told = list(transitions(records, Settings()))
    took = time.perf_counter() - started
    print(f"{len(records)} documents in {took:.1f} s: {took / len(records) * 1e6:.0f} µs each")
    for line in _table(told, negatives_by_hour(records)):
        print(line)
    print("found:", ", ".join(found(_onsets(told))), "| traps:", traps(_onsets(told)) or "none")
    for seed in range(options.noise):
        print(_noisy(options.data, seed))


def _noisy(folder: Path, seed: int) -> str:
    records = documents(folder, seed)
    told = list(transitions(records, Settings()))
    counts, onsets = negatives_by_hour(records), _onsets(told)
    low = [series for series, ms in onsets if lift_of_day(counts[series], ms) < 2.5]
    missing = sorted(set(INCIDENTS) - set(found(onsets)))
    return f"seed {seed}: {len(onsets)} alerts, {len(low)} low {low}, missing {missing}, traps {traps(onsets)}"


def _table(told: list[Transition], counts: dict[str, dict[int, int]]) -> Iterator[str]:
    ends = {t.alert.id: t.alert for t in told if t.alert.state == "resolved"}
    for alert in (t.alert for t in told if t.alert.state == "firing"):
        end = ends.get(alert.id)
        lift = lift_of_day(counts.get(alert.series, {}), to_ms(alert.onset))
        yield (
            f"{alert.series:18} {alert.kind:15} {alert.onset:%d %H:%M:%S} window {alert.window_s:6} s n={alert.n:4}"
            f" k={alert.k:4} expected {alert.k_expected:6.1f} p0 {alert.p0:.2f} e/A {alert.score / alert.threshold:8.2g}"
            f" {alert.severity:8} lift {lift:5.1f} until {f'{end.at:%d %H:%M} {end.resolution}' if end else ''}"
        )


def _onsets(told: list[Transition]) -> list[tuple[str, int]]:
    return [(t.alert.series, to_ms(t.alert.onset)) for t in told if t.alert.state == "firing"]


def _flipped(labels: list[str], seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return [SENTIMENTS[rng.choice(3, p=CONFUSION[SENTIMENTS.index(label)])] for label in labels]


def _classified(
    offset: int, id_: int, published: str, airline: str, text: str, sentiment: str, seed: int | None
) -> Classified:
    published_ms = parse_rfc3339(published)
    digest = blake2b(f"{id_}{seed}".encode(), digest_size=1).digest()[0]
    return Classified(
        outcome="classified",
        source_channel="social",
        source_partition=offset % 4,
        source_offset=offset // 4,
        follows=offset // 4 - 1,
        observed_ms=published_ms,
        id=str(id_),
        published_ms=published_ms,
        text=text,
        text_hash=text_hash(text),
        source="social",
        entities=(airline,),
        given=Given(sentiment=sentiment, topic=None if seed is None else f"t{digest % 12}"),
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("STREAMWATCH_DATA"), help="folder with stream/")
    parser.add_argument("--noise", type=int, default=0, help="how many seeds of flipped labels")
    options = parser.parse_args()
    if options.data is None:
        parser.error("--data or STREAMWATCH_DATA is needed")
    options.data = Path(options.data)
    return options


if __name__ == "__main__":
    main()
