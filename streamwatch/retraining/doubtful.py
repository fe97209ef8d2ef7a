"""Which labels look like slips: confident learning (Northcutt, Jiang and Chuang, JAIR 2021) by cleanlab.

A simple model over the incumbent's pooled states is fitted on four fifths of the answers and asked about the last, five times
over; a label that it firmly contradicts is doubtful. Doubtful is not wrong: they are listed for people to look at, and weigh
less or nothing only where that is asked for.

Examples:
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> labels = np.repeat([0, 1], 40)
    >>> states = rng.normal(size=(80, 4)) + 6 * labels[:, None]
    >>> labels[3] = 1  # a slip
    >>> doubtful_rows(states, labels).tolist()
    [3]
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from streamwatch.errors import ConfigError
from streamwatch.retraining.known import KnownText

Doubt = Literal["list", "weigh", "drop", "off"]
DOUBTS: tuple[Doubt, ...] = ("list", "weigh", "drop", "off")

WEIGHT = 0.3
"""Of a doubtful label that is weighed: cleanlab's authors find about half of those it lists to be wrong in ten sets they had
looked at by people (arXiv 2103.14749), so less than an even chance, and not nothing."""

FOLDS = 5
FEWEST_OF_CLASS = 5
"""One for each fold. Of a rarer class nobody can say which of its labels is the odd one."""

INSTALL = "looking for doubtful labels needs cleanlab: pip install streamwatch[retrain], or --doubtful off"


class Doubtful(msgspec.Struct, frozen=True):
    """A label that the others contradict, and the one that they suggest."""

    id: str
    task: str
    label: str
    rather: str


def doubtful_rows(states: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows whose label is doubtful, of states `(n, width)` and labels `(n,)`; the worst first.

    Rows of classes with too few examples take no part. Raises `ConfigError` without cleanlab.
    """
    return _found(states, labels)[0]


def _found(states: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Doubtful rows, and for every row the class that the others suggest."""
    find, logistic, predict = _cleanlab()
    classes, counts = np.unique(labels, return_counts=True)
    common = classes[counts >= FEWEST_OF_CLASS]
    rows = np.flatnonzero(np.isin(labels, common))
    suggested = labels.copy()
    if len(common) < 2:
        return np.array([], dtype=np.int64), suggested
    y = np.searchsorted(common, labels[rows])
    p = predict(logistic, states[rows], y, cv=_folds(y), method="predict_proba")
    suggested[rows] = common[p.argmax(1)]
    worst = find(y, p, return_indices_ranked_by="self_confidence", n_jobs=1)
    return rows[worst], suggested


def _folds(y: NDArray[np.int64]) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Every class dealt out to the folds in turn: no chance in it, so a repeated run doubts the same labels."""
    fold = np.zeros(len(y), dtype=np.int64)
    for label in np.unique(y):
        rows = np.flatnonzero(y == label)
        fold[rows] = np.arange(len(rows)) % FOLDS
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(FOLDS)]


def doubtful(
    texts: Sequence[KnownText], states: NDArray[np.float64], labels: Mapping[str, Sequence[str]]
) -> list[Doubtful]:
    """The doubtful labels of `texts` with pooled states `(n, width)`, for each of the tasks in `labels`."""
    made: list[Doubtful] = []
    for task, names in labels.items():
        rows = [i for i, text in enumerate(texts) if text.said(task)]
        if not rows:
            continue
        given = np.array([names.index(texts[i].said(task)) for i in rows])
        worst, suggested = _found(states[rows], given)
        made += [
            Doubtful(texts[rows[i]].id, task, names[given[i]], names[suggested[i]])
            for i in worst.tolist()
            if suggested[i] != given[i]
        ]
    return made


def weighed(texts: Sequence[KnownText], found: Sequence[Doubtful], doubt: Doubt) -> list[KnownText]:
    """`texts` with the doubtful ones weighed less or dropped, as `doubt` says."""
    ids = {one.id for one in found}
    if doubt == "drop":
        return [text for text in texts if text.id not in ids]
    if doubt == "weigh":
        return [
            msgspec.structs.replace(text, weight=WEIGHT * text.weight) if text.id in ids else text for text in texts
        ]
    return list(texts)


def _cleanlab():  # type: ignore[no-untyped-def]
    try:
        from cleanlab.filter import find_label_issues
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import cross_val_predict
    except ImportError:
        raise ConfigError(INSTALL) from None
    return find_label_issues, LogisticRegression(max_iter=300, C=1.0), cross_val_predict
