"""Metrics and calibration against figures worked out by hand, and against simulated truth."""

import numpy as np
import pytest
from scipy.special import softmax

from streamwatch.learning.calibration import fit_temperature
from streamwatch.learning.evaluation import set_metrics
from streamwatch.learning.metrics import accuracy, expected_calibration_error, f1, macro_f1, recall

LABELS = np.array([0, 0, 0, 1, 1, 2])
PREDICTED = np.array([0, 0, 1, 1, 2, 2])


def test_metrics_by_hand() -> None:
    assert accuracy(LABELS, PREDICTED) == pytest.approx(4 / 6)
    assert recall(LABELS, PREDICTED, 0) == pytest.approx(2 / 3)
    assert f1(LABELS, PREDICTED, 0) == pytest.approx(0.8)
    assert macro_f1(LABELS, PREDICTED, 3) == pytest.approx((0.8 + 0.5 + 2 / 3) / 3)


def test_labels_that_do_not_occur_do_not_count() -> None:
    assert macro_f1(np.array([0, 0]), np.array([0, 0]), 20) == 1.0
    assert recall(np.array([1]), np.array([1]), 0) == 0.0


def test_set_metrics_name_the_shares_of_what_is_predicted() -> None:
    p = np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1]])
    made = set_metrics(p, np.array([0, 1, 1]), ("negative", "neutral", "positive"))
    assert made.predicted == {"negative": 0.6667, "neutral": 0.3333, "positive": 0.0}
    assert made.negative_recall == 1.0


def test_a_temperature_undoes_overconfidence() -> None:
    rng = np.random.default_rng(1)
    honest = rng.normal(size=(20_000, 3))
    labels = np.array([rng.choice(3, p=row) for row in softmax(honest, axis=1)])
    sure = honest * 2.5
    temperature = fit_temperature(sure, labels)
    assert temperature == pytest.approx(2.5, rel=0.05)
    assert expected_calibration_error(softmax(sure, axis=1), labels) > 0.15
    assert expected_calibration_error(softmax(sure / temperature, axis=1), labels) < 0.02


def test_nothing_to_fit_on_leaves_the_temperature_alone() -> None:
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, dtype=np.int64)) == 1.0
