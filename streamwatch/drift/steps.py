"""A step's documents as the tables that the monitors compute with: one row a stratum.

Examples:
    >>> model = ModelSums(n=3, n_unclear=1)
    >>> model.stratum("earnings\\x1fwire").counts[READ] = 2
    >>> step = table(model)
    >>> step.names, step.counts[0, ALL].item(), step.counts[1, READ].item(), step.vectors.shape
    (['', 'earnings\\x1fwire'], 3.0, 2.0, (2, 129))
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamwatch.drift.embedding import DIMENSION, UNITS
from streamwatch.drift.reference import ALL_DOCUMENTS
from streamwatch.drift.sums import N_COUNTS, READ, ModelSums, Stratum
from streamwatch.drift.watched import ALL, ALL_UNCLEAR, N_COLUMNS

Floats = NDArray[np.float64]

__all__ = ["READ", "StepTable", "table"]


class StepTable(NamedTuple):
    """Names of strata, that of all documents first; counts by column; embedded documents and the sum of their vectors."""

    names: list[str]
    counts: Floats
    vectors: Floats


def table(model: ModelSums) -> StepTable:
    """The table of some documents; strata in the order of their names, so that the order of addition leaves no trace."""
    strata = sorted(model.strata.items())
    counts = np.zeros((1 + len(strata), N_COLUMNS))
    vectors = np.zeros((1 + len(strata), 1 + DIMENSION))
    counts[0, ALL], counts[0, ALL_UNCLEAR] = model.n, model.n_unclear
    for row, (_, stratum) in enumerate(strata, 1):
        counts[row, :N_COUNTS] = stratum.counts
        if stratum.n_embedded:
            vectors[row] = _vector(stratum)
    return StepTable([ALL_DOCUMENTS, *(name for name, _ in strata)], counts, vectors)


def _vector(stratum: Stratum) -> Floats:
    made = np.empty(1 + DIMENSION)
    made[0] = stratum.n_embedded
    made[1:] = np.array(stratum.projections + stratum.features) / UNITS
    return made
