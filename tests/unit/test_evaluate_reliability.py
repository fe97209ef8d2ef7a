"""The calibration error where the truth is known: outcomes are drawn from probabilities that we choose."""

import numpy as np
import pytest

from streamwatch.learning.reliability import Calibration, calibration, expected_calibration_error

N = 1000
N_RUNS = 60


def confidences(random: np.random.Generator, n: int = N) -> np.ndarray:
    """Confidences of a model with three labels, from a third to 1, most of them high."""
    return 1 / 3 + 2 / 3 * random.beta(4, 1.3, n)


def measured(off_by: float, n: int = N) -> tuple[list[Calibration], float]:
    """Sixty samples of a model that is right less often than it says, by `off_by`; and the true error."""
    random = np.random.default_rng(3)
    made, truth = [], []
    for _ in range(N_RUNS):
        says = confidences(random, n)
        true = np.clip(says - off_by, 0, 1)
        made.append(calibration(says, random.random(n) < true))
        truth.append(np.abs(says - true).mean())
    return made, float(np.mean(truth))


def test_a_calibrated_model_measures_nothing_on_average() -> None:
    made, _ = measured(0.0)
    assert abs(np.mean([c.ece for c in made])) < 0.008  # three standard errors of 60 runs
    assert np.mean([c.low == 0 for c in made]) >= 0.9


@pytest.mark.parametrize("off_by", [0.03, 0.06, 0.12])
def test_an_overconfident_model_has_the_truth_in_its_interval(off_by: float) -> None:
    made, truth = measured(off_by)
    assert np.mean([c.ece for c in made]) == pytest.approx(truth, abs=0.012)
    assert np.mean([c.low <= truth <= c.high for c in made]) >= 0.85


def test_the_interval_shrinks_with_the_number_of_texts() -> None:
    widths = [np.mean([c.high - c.low for c in measured(0.06, n)[0]]) for n in (250, 1000, 4000)]
    assert widths[0] > 1.5 * widths[1] > 2 * widths[2]


def test_a_model_that_is_too_modest_is_off_as_well() -> None:
    random = np.random.default_rng(5)
    says = np.full(5000, 0.6)
    made = calibration(says, random.random(5000) < 0.9)
    assert made.ece == pytest.approx(0.3, abs=0.02)


def test_the_same_predictions_give_the_same_figures() -> None:
    random = np.random.default_rng(6)
    says = confidences(random)
    right = random.random(N) < says
    assert calibration(says, right) == calibration(says, right)


def test_one_text_and_none_are_no_fault() -> None:
    assert calibration(np.zeros(0), np.zeros(0, dtype=bool)) == Calibration(0.0, 0.0, 1.0)
    assert calibration(np.array([1.0]), np.array([True])).shown == 0.0
    assert expected_calibration_error(np.zeros((0, 3)), np.zeros(0, dtype=np.int64)).high == 1.0


def test_a_hair_above_one_is_still_a_probability() -> None:
    assert calibration(np.full(100, 1 + 1e-12), np.ones(100, dtype=bool)).shown == 0.0


def test_only_what_people_read_is_clipped() -> None:
    says = np.full(1500, 0.5)
    made = calibration(says, np.arange(1500) % 2 == 0)  # exactly half of every bin: less than chance makes
    assert made.ece < 0
    assert (made.shown, made.low) == (0.0, 0.0)
