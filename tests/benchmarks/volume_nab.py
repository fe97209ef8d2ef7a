"""The volume mode of `detect` under the rules of the Numenta Anomaly Benchmark, on series that it has not seen.

    python tests/benchmarks/volume_nab.py [--seeds 40] [--held-out] [--plain] [--data FOLDER]

The rules (A. Lavin, S. Ahmad, "Evaluating real-time anomaly detection algorithms: the Numenta anomaly benchmark", ICMLA
2015, the standard profile): the first alert in a window scores by its place in it, σ(y) = 2/(1 + e⁵ʸ) − 1 with y from −1
at the left end to 0 at the right, over σ(−1); a window without one −1; an alert outside of windows .11·σ(y), y counted in
widths of the window before it, −.11 where there is none; the first 15 % of rows (750 at most) do not count. 0 is what
silence scores, 100 a perfect detector. So a window that is missed costs what 9 to 18 false alarms do.

The series are simulated (`volume_streams`; anomalies of 1 to 20 times the typical rate, a third of them hardly to be seen;
`--plain`: 2.5 to 40 times) and, with `--data`, eighty days of hourly counts of stocknet's most spoken of tickers and
five-minute counts of the airlines with anomalies planted (what they have of their own counts as false). Constants were
chosen on seeds 0 to 39; `--held-out` takes others. The thresholds of the detectors it is compared with are the best for
the very series that they are scored on; ours is the default.
"""

import argparse
import os
from collections.abc import Callable, Sequence
from math import exp
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.signal import lfilter
from volume_streams import Floats, Labelled, planted, synthetic

from streamwatch.detection.offline import VolumeTest, score_rows
from streamwatch.detection.offline_rows import Row, spacing_ms
from streamwatch.timeline import DAY_MS, HOUR_MS

FALSE_POSITIVE, MISSED = 0.11, 1.0
HELD_OUT = 10_000
PART_ROWS = 80 * 24
ALLOWED = (0.3, 0.5, 1.0, 2.0)


class Result(NamedTuple):
    """The raw score of a series, its windows, those found, and alerts outside of them."""

    raw: float
    n_windows: int
    n_found: int
    n_false: int


def nab(alerts: Sequence[int], windows: Sequence[tuple[int, int]], n: int) -> Result:
    """Score alerts (row numbers, in order) against windows (inclusive, in order) in a series of n rows.

    >>> nab([60], [(50, 70)], 100).n_found, round(nab([], [(50, 70)], 100).raw, 2), round(nab([50], [(50, 70)], 100).raw, 2)
    (1, -1.0, 1.0)
    """
    first = min(int(0.15 * n), 750)
    found: set[int] = set()
    raw, n_false = 0.0, 0
    for at in (alert for alert in alerts if alert >= first):
        inside = next((i for i, (left, right) in enumerate(windows) if left <= at <= right), None)
        if inside is None:
            raw += FALSE_POSITIVE * _after(at, windows)
            n_false += 1
        elif inside not in found:
            found.add(inside)
            left, right = windows[inside]
            raw += _sigmoid(-(right - at + 1) / (right - left + 1)) / _sigmoid(-1.0)
    return Result(raw - MISSED * (len(windows) - len(found)), len(windows), len(found), n_false)


def total(results: Sequence[Result]) -> float:
    """0 for silence, 100 for perfection, over all series."""
    n = sum(result.n_windows for result in results)
    return 100 * (sum(result.raw for result in results) + MISSED * n) / ((1 + MISSED) * n)


def ours(series: Labelled, allowed: float) -> list[int]:
    """The rows at which `detect` raises an alert."""
    rows = [Row(i, "", int(at), (float(c),)) for i, (at, c) in enumerate(zip(series.at_ms, series.count, strict=True))]
    test = VolumeTest(spacing_ms(rows), allowed)
    return [row.line for row, _, alert in score_rows(rows, test) if alert]


def over(series: Labelled, scores: Floats, threshold: float) -> list[int]:
    """The rows at which a score reaches the threshold, a day apart at least."""
    found: list[int] = []
    for row in np.flatnonzero(scores >= threshold).tolist():
        if not found or series.at_ms[row] - series.at_ms[found[-1]] >= DAY_MS:
            found.append(row)
    return found


def ewma(series: Labelled) -> Floats:
    """z against an exponentially weighted mean and variance, half-life a day, the variance at least Poisson."""
    count = series.count.astype(float)
    kept = 0.5 ** (1 / _rows_a_day(series))
    weight, mean, square = (lfilter([1 - kept], [1, -kept], x) for x in (np.ones(len(count)), count, count**2))
    mean, square = mean / weight, square / weight
    z = np.zeros(len(count))
    z[1:] = (count[1:] - mean[:-1]) / np.sqrt(np.maximum(square - mean**2, np.maximum(mean, 1e-3)))[:-1]
    return z


def hour_of_day(series: Labelled) -> Floats:
    """z by median and MAD of the last two weeks of the same hour of the day."""
    hours = series.at_ms // HOUR_MS % 24
    keep = max(14, 14 * _rows_a_day(series) // 24)
    z = np.zeros(len(series.count))
    for hour in range(24):
        where = np.flatnonzero(hours == hour)
        values = series.count[where].astype(float)
        for i in range(4, len(where)):
            before = values[max(0, i - keep) : i]
            middle = float(np.median(before))
            spread = 1.4826 * float(np.median(np.abs(before - middle)))
            z[where[i]] = (values[i] - middle) / max(spread, np.sqrt(max(middle, 1.0)))
    return z


def gaussian_tail(series: Labelled) -> Floats:
    """The mean of the last hour against mean and deviation of the last week."""
    count = series.count.astype(float)
    sums, squares = (np.concatenate([[0.0], np.cumsum(x)]) for x in (count, count**2))
    at = np.arange(1, len(count) + 1)
    week, hour = np.maximum(0, at - 7 * _rows_a_day(series)), np.maximum(0, at - max(1, _rows_a_day(series) // 24))
    mean = (sums[at] - sums[week]) / (at - week)
    sd = np.sqrt(np.maximum((squares[at] - squares[week]) / (at - week) - mean**2, 1e-6))
    return np.asarray(((sums[at] - sums[hour]) / (at - hour) - mean) / sd)


OTHERS: dict[str, tuple[Callable[[Labelled], Floats], NDArray[np.float64]]] = {
    "EWMA z, a day": (ewma, np.arange(2, 15, 0.5)),
    "median and MAD by hour of day": (hour_of_day, np.arange(2, 20, 0.5)),
    "Gaussian tail": (gaussian_tail, np.arange(0.5, 8, 0.25)),
}


def main() -> None:
    """Print the scores on each set."""
    options = _options()
    start = HELD_OUT if options.held_out else 0
    simulated = [synthetic(seed, plain=options.plain) for seed in range(start, start + options.seeds)]
    _report(f"simulated, seeds {start} to {start + options.seeds - 1}{', plain' if options.plain else ''}", simulated)
    if options.data:
        _report("real with planted anomalies", _real(Path(options.data), start, options.plain))


def _report(name: str, some: list[Labelled]) -> None:
    weeks = sum(int(one.at_ms[-1] - one.at_ms[0]) for one in some) / (7 * DAY_MS)
    print(f"{name}: {len(some)} series, {sum(len(one.windows) for one in some)} windows, {weeks:.0f} weeks")
    for allowed in ALLOWED:
        results = [nab(ours(one, allowed), one.windows, len(one.count)) for one in some]
        print(
            f"  detect, {allowed:g} a week allowed{' (default)' if allowed == 1 else '':11} {_told(results)}",
            flush=True,
        )
    for label, (scorer, thresholds) in OTHERS.items():
        scores = [scorer(one) for one in some]
        tried = {
            float(t): [nab(over(one, s, t), one.windows, len(one.count)) for one, s in zip(some, scores, strict=True)]
            for t in thresholds
        }
        best = max(tried, key=lambda t: total(tried[t]))
        print(f"  {label}, best threshold {best:g}: {_told(tried[best])}", flush=True)


def _told(results: list[Result]) -> str:
    return (f"{total(results):5.1f} of 100, {sum(r.n_found for r in results)} of {sum(r.n_windows for r in results)} windows, "
            f"{sum(r.n_false for r in results)} false")  # fmt: skip


def _real(folder: Path, start: int, plain: bool) -> list[Labelled]:
    """Hourly counts of the eight tickers with most posts, five-minute counts of the airlines, each with planted anomalies."""
    posts = pd.read_csv(folder / "stream" / "stocknet_2014_2016.csv.gz", usecols=["published_at", "ticker"])
    tweets = pd.read_csv(folder / "stream" / "airline_tweets_2015.csv.gz", usecols=["published_at", "airline"])
    made = []
    for i, ticker in enumerate([*posts.ticker.value_counts().index[:8]] * 3):
        made.append(_planted(ticker, posts.published_at[posts.ticker == ticker], HOUR_MS, start + i, plain))
    for i, airline in enumerate(sorted(set(tweets.airline) - {"American", "Virgin America"})):
        made.append(_planted(airline, tweets.published_at[tweets.airline == airline], 300_000, start + 100 + i, plain))
    return made


def _planted(name: str, published: "pd.Series[str]", width_ms: int, seed: int, plain: bool) -> Labelled:
    ms = pd.to_datetime(published, utc=True).astype("datetime64[ms, UTC]").astype("int64").to_numpy()
    first = int(ms.min()) // width_ms
    count = np.bincount(ms // width_ms - first)
    part = slice(0, len(count))
    if len(count) > PART_ROWS:
        part = slice(begins := int(np.random.default_rng(seed).integers(len(count) - PART_ROWS)), begins + PART_ROWS)
    at_ms = (first + np.arange(len(count))) * width_ms
    return planted(name, at_ms[part], count[part], seed, plain)


def _after(at: int, windows: Sequence[tuple[int, int]]) -> float:
    before = [window for window in windows if window[1] < at]
    if not before:
        return -1.0
    left, right = before[-1]
    return _sigmoid((at - right) / max(1, right - left))


def _sigmoid(y: float) -> float:
    return 2 / (1 + exp(5 * y)) - 1 if y <= 3 else -1.0


def _rows_a_day(series: Labelled) -> int:
    return int(DAY_MS // np.median(np.diff(series.at_ms)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--held-out", action="store_true", help="series on which nothing was chosen")
    parser.add_argument("--plain", action="store_true", help="anomalies that are easier to see")
    parser.add_argument("--data", type=Path, default=os.environ.get("STREAMWATCH_DATA"), help="folder with stream/")
    return parser.parse_args()


if __name__ == "__main__":
    main()
