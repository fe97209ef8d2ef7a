"""The e-values of a step for each way in which scores may have moved.

A score's residual sum S, of n documents with values in [0, 1] and of variance V in all, is tested against means that moved by as
much as the odds of a share times e^θ would move it. Its log e-value is Bennett's

    θ·(±S − margin·V) − V·(e^θ − 1 − θ)

whose exponential has mean ≤ 1 for bounded scores of that variance (Bennett 1962; Howard et al. 2020 for sequences). The
margin is what may move without being drift: odds times e^.05, as in the detector of the negative share. To a power ≤ 1 (the
spread of neighbouring steps asks for it) it stays an e-value, by Jensen.

References: G. Bennett, "Probability inequalities for the sum of independent random variables", JASA 57 (1962); S. Howard, A.
Ramdas, J. McAuliffe, J. Sekhon, "Time-uniform Chernoff bounds via nonnegative supermartingales", Probability Surveys 17 (2020).

Examples:
    >>> log_e = tilted(np.array([8.0]), np.array([5.0]), np.array([5.0]))
    >>> log_e.shape, [round(float(x), 2) for x in log_e[0]]      # up by four sizes, down by four
    ((1, 8), [1.44, 2.64, 4.07, 0.63, -1.76, -3.76, -8.73, -24.97])
"""

import numpy as np
from numpy.typing import NDArray

from streamwatch.drift.finding import KINDS, DriftKind
from streamwatch.drift.watched import NAMES, SCORES

Floats = NDArray[np.float64]

MARGIN = 0.05
"""log-odds: the detection margin of odds × 1.05 (`streamwatch.detection.share`)."""
TILTS = np.array([0.2, 0.4, 0.8, 1.6])
"""log-odds of the alternatives: odds times 1.2, 1.5, 2.2 and 5. The smallest is for large buckets, whose shares wander."""
N_SIDES = 2 * len(TILTS)
KIND_PARTS: dict[DriftKind, float] = {
    "class_shares": 0.35,
    "confidence": 0.15,
    "embedding": 0.30,
    "error_rate": 0.10,
    "unclear_share": 0.10,
}
"""Of the budget of false alarms: what a kind does not use is not given to others, so that the promise does not depend on it."""
BY_TOPIC = tuple(NAMES.index(name) for name in ("negative", "positive"))
"""These are tested in each topic alone, too: a change in one topic is diluted in the mean of all."""
MAX_TOPICS = 32
BY_TOPIC_PART = 0.25
"""Of the part of `class_shares`."""
N_SCALES = 2
"""Alternatives of the embedding: see `streamwatch.drift.embedding`."""


def tilted(sums: Floats, variance: Floats, known: Floats) -> Floats:
    """log e-values `(k, 8)` of `(k,)` residual sums: upwards by each of the tilts, then downwards."""
    signed = np.stack([sums, -sums], axis=1) - MARGIN * known[:, None]
    cost = variance[:, None, None] * (np.exp(TILTS) - 1 - TILTS)
    return (TILTS * signed[:, :, None] - cost).reshape(len(sums), N_SIDES)


def _layout() -> tuple[NDArray[np.int64], Floats]:
    """The kind (its place in KINDS) and the weight of each alternative: of the scores, of topics, of the embedding."""
    kinds = [KINDS.index(score.kind) for score in SCORES for _ in range(N_SIDES)]
    kinds += [KINDS.index("class_shares")] * (MAX_TOPICS * len(BY_TOPIC) * N_SIDES)
    kinds += [KINDS.index("embedding")] * N_SCALES
    of_kind = np.array(kinds, dtype=np.int64)
    parts = np.array([KIND_PARTS[kind] for kind in KINDS])
    weights = parts[of_kind] / np.bincount(of_kind)[of_kind]
    of_scores = (of_kind == KINDS.index("class_shares")) & (np.arange(len(kinds)) < FIRST_TOPIC)
    of_topics = np.arange(FIRST_TOPIC, FIRST_SCALE)
    weights[of_scores] = KIND_PARTS["class_shares"] * (1 - BY_TOPIC_PART) / of_scores.sum()
    weights[of_topics] = KIND_PARTS["class_shares"] * BY_TOPIC_PART / len(of_topics)
    return of_kind, weights


FIRST_TOPIC = len(SCORES) * N_SIDES
FIRST_SCALE = FIRST_TOPIC + MAX_TOPICS * len(BY_TOPIC) * N_SIDES
N_ALTERNATIVES = FIRST_SCALE + N_SCALES
KIND_OF, WEIGHTS = _layout()
