"""What is watched of each document: scores between 0 and 1, whose mean within a stratum should stay where it was.

    class_shares    the three labels, and the three probabilities (black-box shift, Lipton et al. 2018)
    confidence      the places of the two probabilities in their histograms
    error_rate      whether the model is wrong, of documents whose right label is known
    unclear_share   whether the model finds no topic, of all documents whatever their mix

Each score's sum and sum of squares are linear in the counts of a stratum, so that a bucket's sums are all that is needed:
`FIRST`, `SECOND` and `BASE` are the coefficients of both and of the number of documents.

Reference: Z. Lipton, Y.-X. Wang, A. Smola, "Detecting and correcting for label shift with black box predictors", ICML 2018.

Examples:
    >>> counts = np.zeros(N_COLUMNS)
    >>> counts[READ], counts[LABELS] = 4, 3               # four documents, three negative
    >>> sums = FIRST @ counts
    >>> NAMES[0], float(sums[0]), float((BASE @ counts)[0])
    ('negative', 3.0, 4.0)
"""

from typing import NamedTuple

import numpy as np

from streamwatch.drift.finding import DriftKind
from streamwatch.drift.sums import (
    CHECKED,
    LABELS,
    N_BINS,
    N_COUNTS,
    P_UNIT,
    READ,
    SENTIMENT_BINS,
    SOFT,
    SOFT_SQUARES,
    TOPIC_BINS,
    WRONG,
)
from streamwatch.records import SENTIMENTS

ALL, ALL_UNCLEAR = N_COUNTS, N_COUNTS + 1
"""Two more columns, of the one stratum that stands for all documents: how many, and how many of no topic."""
N_COLUMNS = N_COUNTS + 2


class Score(NamedTuple):
    """A score: coefficients of its sum, of the sum of its squares; the column that counts its documents."""

    name: str
    kind: DriftKind
    base: int
    first: dict[int, float]
    second: dict[int, float]


def _share(name: str, kind: DriftKind, base: int, column: int) -> Score:
    """Of a 0 or 1, the square is itself."""
    return Score(name, kind, base, {column: 1.0}, {column: 1.0})


def _mean_place(name: str, column: int) -> Score:
    """The place in a histogram, 0 the lowest bin and 1 the highest."""
    places = {column + i: i / (N_BINS - 1) for i in range(N_BINS)}
    return Score(name, "confidence", READ, places, {at: place**2 for at, place in places.items()})


def _soft(name: str, place: int) -> Score:
    return Score(f"p({name})", "class_shares", READ, {SOFT + place: 1 / P_UNIT}, {SOFT_SQUARES + place: 1 / P_UNIT**2})


SCORES: tuple[Score, ...] = (
    *(_share(name, "class_shares", READ, LABELS + place) for place, name in enumerate(SENTIMENTS)),
    *(_soft(name, place) for place, name in enumerate(SENTIMENTS)),
    _mean_place("confidence of sentiment", SENTIMENT_BINS),
    _mean_place("confidence of topic", TOPIC_BINS),
    _share("error rate", "error_rate", CHECKED, WRONG),
    _share("unclear", "unclear_share", ALL, ALL_UNCLEAR),
)
NAMES = tuple(score.name for score in SCORES)
N_SCORES = len(SCORES)


def _matrix(rows: list[dict[int, float]]) -> np.ndarray:
    made = np.zeros((len(rows), N_COLUMNS))
    for row, coefficients in enumerate(rows):
        for column, value in coefficients.items():
            made[row, column] = value
    return made


FIRST = _matrix([score.first for score in SCORES])
SECOND = _matrix([score.second for score in SCORES])
BASE = _matrix([{score.base: 1.0} for score in SCORES])
