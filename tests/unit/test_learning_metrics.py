"""Metrics and calibration against figures worked out by hand, and against simulated truth."""

import numpy as np
import pytest
from scipy.special import softmax

from streamwatch.learning.calibration import fit_temperature
from streamwatch.learning.evaluation import set_metrics
from streamwatch.learning.metrics import accuracy, confusion, f1, macro_f1, precision, recall, selective_accuracy
from streamwatch.learning.reliability import expected_calibration_error

LABELS = np.array([0, 0, 0, 1, 1, 2])
PREDICTED = np.array([0, 0, 1, 1, 2, 2])


def test_metrics_by_hand() -> None:
    assert accuracy(LABELS, PREDICTED) == pytest.approx(4 / 6)
    assert recall(LABELS, PREDICTED, 0) == pytest.approx(2 / 3)
    assert f1(LABELS, PREDICTED, 0) == pytest.approx(0.8)
    assert macro_f1(LABELS, PREDICTED, 3) == pytest.approx((0.8 + 0.5 + 2 / 3) / 3)


def test_precision_and_confusion_by_hand() -> None:
    assert precision(LABELS, PREDICTED, 2) == pytest.approx(1 / 2)
    assert confusion(LABELS, PREDICTED, 3).tolist() == [[2, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 0]]


def test_a_text_without_prediction_is_wrong_and_has_a_column_of_its_own() -> None:
    predicted = np.array([0, -1, -1])
    assert accuracy(np.array([0, 0, 1]), predicted) == pytest.approx(1 / 3)
    assert macro_f1(np.array([0, 0, 1]), predicted, 2) == pytest.approx((2 / 3 + 0) / 2)
    assert confusion(np.array([0, 0, 1]), predicted, 2).tolist() == [[1, 0, 1], [0, 0, 1]]


def test_the_surest_part_is_scored_alone() -> None:
    confidence, right = np.array([0.5, 0.9, 0.8, 0.6]), np.array([False, True, True, False])
    assert [selective_accuracy(confidence, right, share) for share in (0.25, 0.5, 0.75, 1.0)] == [1, 1, 2 / 3, 0.5]


def test_nothing_measured_is_zero_and_no_fault() -> None:
    none = np.zeros(0, dtype=np.int64)
    assert (accuracy(none, none), macro_f1(none, none, 3), recall(none, none, 0)) == (0, 0, 0)


def test_labels_that_do_not_occur_do_not_count() -> None:
    assert macro_f1(np.array([0, 0]), np.array([0, 0]), 20) == 1.0
    assert recall(np.array([1]), np.array([1]), 0) == 0.0


def test_set_metrics_name_the_shares_of_what_is_predicted() -> None:
    p = np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1]])
    made = set_metrics(p, np.array([0, 1, 1]), ("negative", "neutral", "positive"))
    assert made.predicted == {"negative": 0.6667, "neutral": 0.3333, "positive": 0.0}
    assert made.recall["negative"] == 1.0
    assert made.ece_interval is not None
    assert made.ece_interval[0] <= made.ece_interval[1]


def test_a_temperature_undoes_overconfidence() -> None:
    rng = np.random.default_rng(1)
    honest = rng.normal(size=(20_000, 3))
    labels = np.array([rng.choice(3, p=row) for row in softmax(honest, axis=1)])
    sure = honest * 2.5
    temperature = fit_temperature(sure, labels)
    assert temperature == pytest.approx(2.5, rel=0.05)
    assert expected_calibration_error(softmax(sure, axis=1), labels).ece > 0.15
    assert expected_calibration_error(softmax(sure / temperature, axis=1), labels).ece < 0.02


def test_nothing_to_fit_on_leaves_the_temperature_alone() -> None:
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, dtype=np.int64)) == 1.0
