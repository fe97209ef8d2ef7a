"""What is usual: sums of every stratum so far, and how far a step's documents lie from what they let expect.

A step's residual is what its scores sum up to, less what the documents *before it* in the same strata let expect. Such
recursive residuals (Brown, Durbin, Evans 1975) are uncorrelated as long as nothing changes, although the reference is learnt
from the same stream: what is not known of a stratum's mean counts as variance, `1 + n/(N + m)` times that of its n documents,
when N are known, and is known better as soon as they are learnt. So a topic that was rare and is now half of the stream is
tested as carefully as little is known of it, and needs no false alarm to be learnt.

A mean is shrunk towards that of all strata with the weight of `PRIOR_DOCUMENTS`. A stratum of fewer than `WARM_DOCUMENTS`
is learnt only.

Reference: R. L. Brown, J. Durbin, J. M. Evans, "Techniques for testing the constancy of regression relationships over time",
JRSS B 37 (1975).

Examples:
    >>> from streamwatch.drift.sums import LABELS, READ
    >>> reference = Reference()
    >>> at = reference.places(["earnings\\x1fwire"])
    >>> counts = np.zeros((1, N_COLUMNS))
    >>> counts[0, READ], counts[0, LABELS] = 100, 30
    >>> reference.learn(at, counts)
    >>> counts[0, READ], counts[0, LABELS] = 10, 8
    >>> residuals = reference.residuals(at, counts)
    >>> [round(float(x[0, 0]), 2) for x in (residuals.n, residuals.sums, residuals.variance)]
    [10.0, 5.0, 2.3]
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamwatch.drift.sums import stratum_of, topic_of
from streamwatch.drift.watched import BASE, FIRST, N_COLUMNS, SECOND

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

ALL_DOCUMENTS = ""
"""The name of the stratum that stands for all documents, whatever their topic and source."""
MAX_STRATA = 128
"""Of one reference: further ones of a topic are counted as one without a source, or as one of all topics together."""
PRIOR_DOCUMENTS = 5.0
"""Shares of topics differ by some .2 (standard deviation) and documents by .45: the ratio of their variances."""
WARM_DOCUMENTS = 20.0
LEAST_VARIANCE = 1e-6


class Residuals(NamedTuple):
    """By stratum (rows) and score (columns): documents tested, what was expected of them, residual sums, their variance,
    and what the variance would be were the means known."""

    n: Floats
    expected: Floats
    sums: Floats
    variance: Floats
    known: Floats


class Reference:
    """Sums by stratum; rows in the order in which strata appeared."""

    def __init__(self, names: list[str] | None = None, counts: Floats | None = None) -> None:
        self.names = [*names] if names else [ALL_DOCUMENTS]
        self.counts = counts if counts is not None else np.zeros((1, N_COLUMNS))
        self._places = {name: place for place, name in enumerate(self.names)}

    def places(self, names: list[str]) -> Places:
        """The row of each stratum, a new one where it is met for the first time."""
        found = np.array([self._place(name) for name in names], dtype=np.int64)
        missing = len(self.names) - len(self.counts)
        if missing:
            self.counts = np.concatenate([self.counts, np.zeros((missing, N_COLUMNS))])
        return found

    def residuals(self, at: Places, counts: Floats) -> Residuals:
        """How far `counts` of the strata `at` lie from what was learnt so far."""
        known_n, known_sums, known_squares = (self.counts @ of.T for of in (BASE, FIRST, SECOND))
        pool = known_n.sum(0) + 1.0
        prior_mean, prior_square = (known_sums.sum(0) + 0.5) / pool, (known_squares.sum(0) + 0.5) / pool
        weight = known_n[at] + PRIOR_DOCUMENTS
        means = (known_sums[at] + PRIOR_DOCUMENTS * prior_mean) / weight
        variances = (known_squares[at] + PRIOR_DOCUMENTS * prior_square) / weight - means**2
        n = (counts @ BASE.T) * (known_n[at] >= WARM_DOCUMENTS)
        expected = n * means
        sums = np.where(n > 0, counts @ FIRST.T - expected, 0.0)
        known = n * np.maximum(variances, LEAST_VARIANCE)
        return Residuals(n, expected, sums, known * (1 + n / weight), known)

    def learn(self, at: Places, counts: Floats) -> None:
        """Add a step's counts."""
        np.add.at(self.counts, at, counts)

    def discount(self, kept: float) -> None:
        """Let all that was learnt weigh `kept` times as much."""
        self.counts *= kept

    def _place(self, name: str) -> int:
        for candidate in (name, stratum_of(topic_of(name), ""), stratum_of("", "")):
            held = self._places.get(candidate)
            if held is not None:
                return held
            if len(self.names) < MAX_STRATA:
                break
        self._places[candidate] = len(self.names)
        self.names.append(candidate)
        return self._places[candidate]
