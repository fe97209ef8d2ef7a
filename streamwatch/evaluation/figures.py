"""The figures of one evaluation, as `streamwatch evaluate --json` prints them."""

from collections.abc import Sequence

import msgspec
import numpy as np

from streamwatch.evaluation.scoring import Scored
from streamwatch.evaluation.tally import NO_ANSWER
from streamwatch.learning.metrics import (
    accuracy,
    confusion,
    macro_f1,
    macro_recall,
    precision,
    recall,
    selective_accuracy,
)
from streamwatch.learning.reliability import calibration

COVERAGES = (0.5, 0.8, 0.9)
"""Shares of the texts, surest first, at which the accuracy is given."""

NONE = "(none)"
"""What the model says of a text that it cannot read or fails on, in the confusion matrix."""


class Group(msgspec.Struct, frozen=True):
    """The rows with one value of the column `--by`."""

    n: int
    accuracy: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is measured. Texts without an answer count as wrong, and stand outside of `ece` alone.

    `recall`, `precision` and the rows of `confusion` (label → predicted → how often) are of the labels that occur;
    `coverage` is the share of texts with a confident answer, `accuracy_when_confident` theirs; `selective_accuracy` is of
    the surest part, by its share.
    """

    task: str
    data: str
    model: str
    n: int
    accuracy: float
    macro_f1: float
    macro_recall: float
    recall: dict[str, float]
    precision: dict[str, float]
    ece: float
    ece_interval: tuple[float, float]
    coverage: float
    confident_at: float
    accuracy_when_confident: float
    selective_accuracy: dict[str, float]
    confusion: dict[str, dict[str, int]]
    by: dict[str, Group]
    n_left_out: int
    n_unread: int
    n_failed: int
    seconds: float


class Subject(msgspec.Struct, frozen=True):
    """What was measured on what."""

    task: str
    data: str
    model: str
    confident_at: float


def figures(scored: Scored, names: Sequence[str], subject: Subject) -> Figures:
    """The figures of what was scored; `names` are of the labels, in the order of their numbers."""
    tally = scored.tally
    labels, predicted, p, confident = tally.labels, tally.predicted, tally.p, tally.confident
    right, answered = labels == predicted, predicted != NO_ANSWER
    reliability = calibration(p[answered], right[answered])
    occurring = [k for k in range(len(names)) if np.any(labels == k)]
    return Figures(
        **msgspec.structs.asdict(subject),
        n=len(tally),
        accuracy=_rounded(accuracy(labels, predicted)),
        macro_f1=_rounded(macro_f1(labels, predicted, len(names))),
        macro_recall=_rounded(macro_recall(labels, predicted, len(names))),
        recall={names[k]: _rounded(recall(labels, predicted, k)) for k in occurring},
        precision={names[k]: _rounded(precision(labels, predicted, k)) for k in occurring},
        ece=_rounded(reliability.shown),
        ece_interval=(_rounded(reliability.low), _rounded(reliability.high)),
        coverage=_rounded(float(np.mean(confident))),
        accuracy_when_confident=_rounded(accuracy(labels[confident], predicted[confident])),
        selective_accuracy={f"{share:g}": _rounded(selective_accuracy(p, right, share)) for share in COVERAGES},
        confusion=_confusion(scored, names),
        by={name: Group(n, _rounded(share)) for name, (n, share) in tally.groups().items() if name},
        n_left_out=scored.n_left_out,
        n_unread=scored.n_unread,
        n_failed=scored.n_failed,
        seconds=round(scored.seconds, 3),
    )


def _confusion(scored: Scored, names: Sequence[str]) -> dict[str, dict[str, int]]:
    """Label → predicted → how often, without the zeros."""
    counts = confusion(scored.tally.labels, scored.tally.predicted, len(names))
    columns = (*names, NONE)
    rows = ({said: int(n) for said, n in zip(columns, row, strict=True) if n} for row in counts)
    return {name: row for name, row in zip(names, rows, strict=True) if row}


def _rounded(number: float) -> float:
    return round(number, 4)
