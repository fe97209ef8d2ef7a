"""What is kept of each scored row: its label, the predicted one, how sure the model was. 17 bytes a row.

Examples:
    >>> tally = Tally()
    >>> tally.add(0, Said(0, 0.9, confident=True), "plain")
    >>> tally.add(1, None, "emoji")
    >>> len(tally), tally.predicted.tolist(), tally.groups()
    (2, [0, -1], {'emoji': (1, 0.0), 'plain': (1, 1.0)})
"""

from array import array
from collections import Counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamwatch.errors import ConfigError
from streamwatch.learning.metrics import Floats, Ints

NO_ANSWER = -1
MAX_GROUPS = 200
"""More values than that are no kinds of text but texts."""


class Said(NamedTuple):
    """The number of the label that the model says, its probability, and whether it counts as confident."""

    label: int
    p: float
    confident: bool


class Tally:
    """Grows by one row at a time."""

    def __init__(self) -> None:
        self._labels = array("i")
        self._predicted = array("i")
        self._p = array("d")
        self._confident = bytearray()
        self._of_group: Counter[str] = Counter()
        self._right_of_group: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._labels)

    def add(self, label: int, said: Said | None, group: str = "") -> None:
        """A row with this label; `said` is None where there is no answer, which is wrong and least confident."""
        predicted, p, confident = said or Said(NO_ANSWER, 0.0, confident=False)
        self._labels.append(label)
        self._predicted.append(predicted)
        self._p.append(p)
        self._confident.append(confident)
        self._count(group, label == predicted)

    def _count(self, group: str, right: bool) -> None:
        self._of_group[group] += 1
        self._right_of_group[group] += right
        if len(self._of_group) > MAX_GROUPS:
            raise ConfigError(f"--by: more than {MAX_GROUPS} different values: choose a column with fewer")

    @property
    def labels(self) -> Ints:
        """`(n,)` numbers of labels."""
        return np.array(self._labels, dtype=np.int64)

    @property
    def predicted(self) -> Ints:
        """`(n,)` numbers of labels, -1 where there was no answer."""
        return np.array(self._predicted, dtype=np.int64)

    @property
    def p(self) -> Floats:
        """`(n,)` probabilities of the predicted labels, 0 where there was no answer."""
        return np.array(self._p, dtype=np.float64)

    @property
    def confident(self) -> NDArray[np.bool_]:
        """`(n,)`."""
        return np.frombuffer(bytes(self._confident), dtype=np.bool_)

    def groups(self) -> dict[str, tuple[int, float]]:
        """Of each group the number of rows and the accuracy, by name."""
        return {name: (n, self._right_of_group[name] / n) for name, n in sorted(self._of_group.items())}
