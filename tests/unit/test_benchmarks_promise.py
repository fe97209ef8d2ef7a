"""What the benchmark of the promise says of run lengths is right before it says it of a detector."""

import sys
from math import inf
from pathlib import Path

import numpy as np
import pytest
from pytest import approx

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import peers
from null_streams import BUCKET_MS, Null, Stream, wander
from run_lengths import EPISODE_MS, RunLengths, config_of, drive, first, poisson_interval


class Crosses:
    """Crosses at given buckets; notes what it was told."""

    def __init__(self, at):
        self.at, self.crossed, self.told = at, False, []

    def update(self, start_ms, n, k):
        self.crossed = start_ms // BUCKET_MS in self.at
        self.told.append((start_ms // BUCKET_MS, n, k))

    def begin(self):
        self.told.append("begin")

    def end(self, at_ms, new_level):
        self.told.append(("end", at_ms // BUCKET_MS, new_level))


def stream_of(n, k):
    return Stream(0, n, k)


def test_the_mean_of_censored_exponential_runs_is_found_and_the_interval_holds_it():
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(300):
        lengths = rng.exponential(1000, 100)
        watched = RunLengths.of([(min(length, 1500), length < 1500) for length in lengths])
        held += watched.interval[0] <= 1000 <= watched.interval[1]
    assert watched.mean == approx(1000, rel=0.35)
    assert held >= 0.93 * 300


def test_without_an_alarm_the_mean_has_a_lower_bound_only():
    assert RunLengths(3000, 0, 3).mean == inf
    assert RunLengths(3000, 0, 3).interval == (approx(3000 / 3.689, rel=1e-3), inf)
    assert poisson_interval(0)[0] == 0


def test_runs_in_parts_add_up():
    runs = [(10, True), (20, False), (30, True)]
    assert RunLengths.of(runs[:1]) + RunLengths.of(runs[1:]) == RunLengths.of(runs) == (60, 2, 3)


def test_an_episode_lasts_an_hour_in_which_no_crossing_is_another_alarm():
    n_buckets = EPISODE_MS // BUCKET_MS
    detector = Crosses(at=set(range(2, 20)))
    length = 2 + n_buckets + 3
    assert drive(detector, stream_of([1] * length, [1] * length), 0, length) == [2, 2 + n_buckets]
    ends = [told for told in detector.told if told[0] == "end"]
    assert ends == [("end", 2 + n_buckets, False), ("end", length, False)]


def test_empty_buckets_are_not_updated_and_buckets_without_negatives_do_not_alarm():
    detector = Crosses(at={0, 1, 2})
    assert drive(detector, stream_of([0, 5, 5], [0, 0, 1]), 0, 3, first_only=True) == [2]
    assert detector.told == [(1, 5, 0), (2, 5, 1)]


def test_a_run_that_is_watched_later_counts_from_there():
    assert first([14], since=10, until=50) == (5, True)
    assert first([], since=10, until=50) == (40, False)


def test_the_setting_of_a_run_length_promises_it():
    assert config_of(1008).share_run_length == approx(1008)
    assert config_of(1000).detection_bucket_ms == BUCKET_MS


@pytest.mark.parametrize("rho", [0.0, 0.05])
def test_a_stream_has_the_mean_and_the_agreement_that_it_says(rho):
    stream = Null(50, rho=rho, fixed=True).stream(20_000, np.random.default_rng(5))
    k = np.array(stream.k)
    assert set(stream.n) == {50}
    assert k.mean() == approx(15, rel=0.02)
    assert k.var() == approx(50 * 0.3 * 0.7 * (1 + 49 * rho), rel=0.06)


def test_the_busiest_moment_of_a_day_has_three_times_the_documents_of_the_quietest():
    stream = Null(1000, daily=True, fixed=True).stream(144, np.random.default_rng(5))
    assert max(stream.n) / min(stream.n) == approx(3, rel=0.01)


def test_a_swing_keeps_its_variance_and_forgets_in_its_time():
    swing = wander(200_000, 18 * BUCKET_MS, np.random.default_rng(5))
    assert swing.var() == approx(1, rel=0.05)
    assert np.mean(swing[18:] * swing[:-18]) == approx(np.exp(-1), abs=0.05)


def test_the_chart_runs_as_long_as_its_limit_says():
    z = np.random.default_rng(5).normal(size=(300, 1500))
    alarms = peers._ewma(z, np.ones_like(z, dtype=bool)) >= peers.ewma_limit(200)
    runs = [first(np.flatnonzero(row).tolist(), 0, 1500) for row in alarms]
    assert RunLengths.of(runs).mean == approx(200, rel=0.15)


def test_history_knows_nothing_of_the_bucket_itself():
    n, k = np.full((1, 5), 10), np.array([[0, 0, 0, 0, 10]])
    assert peers.history(n, k)[0, 0] == 0.5
    assert peers.history(n, k)[0, 4] < 0.05
