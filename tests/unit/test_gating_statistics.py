"""The gate's statistics on differences that are made up: pass rates, missing documents, slices, weights."""

import numpy as np
import pytest

from streamwatch.gating.accuracy import REST, Sliced, gain, not_worse, shown_tasks, sliced, slices_kept
from streamwatch.gating.change import Churned, churn
from streamwatch.gating.compared import Compared, Hits
from streamwatch.gating.latency import latency
from streamwatch.gating.statistics import holm, resampled

N_CANDIDATES = 60
DIFFER = 0.08


def differences(n: int, lift: float, random: np.random.Generator) -> np.ndarray:
    return random.choice([1.0, -1.0, 0.0], n, p=[(DIFFER + lift) / 2, (DIFFER - lift) / 2, 1 - DIFFER])


def passing(n: int, lift: float, past: bool) -> float:
    """The share of simulated candidates that pass the past, or the gain."""
    random, passed = np.random.default_rng(3), 0
    for _ in range(N_CANDIDATES):
        found = differences(n, lift, random)
        check = not_worse({"t": found}, {"t": np.ones(n)}) if past else gain(found, np.ones(n))
        passed += check.status == "passed"
    return passed / N_CANDIDATES


def test_equal_candidates_keep_the_past_and_show_no_gain() -> None:
    assert passing(2000, 0.0, past=True) >= 0.9
    assert passing(600, 0.0, past=False) <= 0.1


def test_candidates_that_lose_four_points_hardly_ever_pass() -> None:
    assert passing(2000, -0.04, past=True) <= 0.05


def test_candidates_that_win_four_points_mostly_show_it() -> None:
    assert passing(600, 0.04, past=False) >= 0.8


def test_the_bound_of_weighted_answers_is_that_of_the_stream_they_stand_for() -> None:
    random = np.random.default_rng(1)
    rare, common = differences(500, 0.06, random), differences(500, 0.0, random)
    weights = np.repeat([1.0, 9.0], 500)
    found = resampled(np.concatenate([rare, common]), weights)
    assert found.mean == pytest.approx((rare.mean() + 9 * common.mean()) / 10)
    assert found.lower(0.05) < found.mean < found.upper(0.05)


def test_the_same_answers_give_the_same_bound() -> None:
    found = differences(900, 0.02, np.random.default_rng(5))
    assert resampled(found).lower(0.05) == resampled(found[::-1]).lower(0.05)


def test_too_few_answers_are_refused_with_the_number_that_is_missing() -> None:
    check = gain(np.ones(150), np.ones(150))
    assert check.status == "short" and check.missing == 50 and "50 are missing" in check.says


def test_answers_of_which_few_weigh_nearly_all_are_too_few() -> None:
    weight = np.array([100.0] * 20 + [1.0] * 480)
    check = gain(np.ones(500), weight)
    assert check.status == "short" and check.missing > 150 and "of equal weight" in check.says


def test_without_a_past_the_check_says_what_stands_for_it() -> None:
    check = not_worse({}, {})
    assert check.status == "noted" and "the check set" in check.says and check.missing == 2000


def test_few_documents_of_the_past_cannot_show_that_it_is_kept_but_can_show_a_loss() -> None:
    few = np.array([-1.0] * 60 + [0.0] * 240)
    assert not_worse({"topic": few}, {"topic": np.ones(300)}).status == "failed"
    assert not_worse({"topic": np.zeros(300)}, {"topic": np.ones(300)}).status == "noted"


def test_each_task_is_shown_on_its_own() -> None:
    kept = not_worse(
        {"topic": np.zeros(2500), "sentiment": np.zeros(100)}, {"topic": np.ones(2500), "sentiment": np.ones(100)}
    )
    assert kept.status == "passed" and shown_tasks(kept) == ("topic",)
    moved = Churned(np.ones(3000, dtype=bool), np.arange(3000) < 300)
    assert churn({"topic": moved}, shown_tasks(kept)).status == "noted"
    assert churn({"topic": moved, "sentiment": moved}, shown_tasks(kept)).status == "failed"


def test_a_slice_that_is_lost_is_refused_whatever_the_whole_says() -> None:
    random = np.random.default_rng(2)
    parts = [Sliced(f"source {i}", differences(300, 0.01, random), np.ones(300)) for i in range(7)]
    lost = Sliced("source late", np.array([-1.0] * 36 + [0.0] * 264), np.ones(300))
    check = slices_kept([*parts, lost])
    assert check.status == "failed" and "source late" in check.says and "−12.0 points" in check.says
    assert slices_kept(parts).status == "passed"


def test_slices_of_equal_candidates_are_hardly_ever_refused() -> None:
    random, refused = np.random.default_rng(4), 0
    for _ in range(40):
        parts = [Sliced(str(i), differences(200, 0.0, random), np.ones(200)) for i in range(10)]
        refused += slices_kept(parts).status == "failed"
    assert refused <= 4


def test_small_slices_are_pooled() -> None:
    n = 620
    names = tuple((f"source {i % 31}",) if i < 310 else ("source large",) for i in range(n))
    hits = Hits(np.arange(n), np.ones(n, bool), np.ones(n, bool), np.ones(n), np.ones(n), np.ones(n), names)
    found = {one.name: len(one.difference) for one in sliced(Compared(n, {"topic": hits}))}
    assert found == {"topic · source large": 310, f"topic · {REST}": 310}


def test_holm_keeps_the_order_and_never_exceeds_one() -> None:
    assert holm([0.5, 0.9, 0.001]) == [1.0, 1.0, 0.003]
    assert holm([]) == []


def test_cost_is_judged_by_the_median_round() -> None:
    assert latency([(1.0, 1.0)] * 5 + [(1.0, 9.0)] * 4, 10).status == "passed"
    assert latency([(1.0, 1.2)] * 5 + [(1.0, 1.0)] * 4, 10).status == "failed"
