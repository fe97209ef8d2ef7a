"""Which of the same labelled documents each of two models gets right, task by task.

Examples:
    >>> from streamwatch.gating.paired import score_pair
    >>> from streamwatch.inference.engine import NullEngine
    >>> documents = [Known("$AAPL falls", {"sentiment": "neutral"}), Known("Oil climbs", {"topic": "ipo"})]
    >>> made = compared(documents, score_pair(NullEngine(), NullEngine(), [d.text for d in documents]))
    >>> made.tasks["sentiment"].incumbent.tolist(), made.differences().difference.tolist()
    ([True], [0.0, 0.0])
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamwatch.gating.evidence import TASKS, Known
from streamwatch.gating.paired import Paired

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Hits(NamedTuple):
    """One task over the n documents that have a label of it: right or not, and how sure each model was.

    Args:
        place: `(n,)` where each document stands among all.
        weight: `(n,)` how much of the stream each stands for.
        slices: of each document.
    """

    place: NDArray[np.int64]
    incumbent: Bools
    candidate: Bools
    incumbent_p: Floats
    candidate_p: Floats
    weight: Floats
    slices: tuple[tuple[str, ...], ...]

    @property
    def difference(self) -> Floats:
        """The candidate's hits minus the incumbent's: −1, 0 or 1 of each document."""
        return self.candidate.astype(np.float64) - self.incumbent

    @property
    def accuracies(self) -> tuple[float, float]:
        """The weighted share of right labels, of the incumbent and of the candidate."""
        if not len(self.place):
            return 0.0, 0.0
        of_both = (np.average(hits, weights=self.weight) for hits in (self.incumbent, self.candidate))
        first, second = of_both
        return float(first), float(second)


class Differences(NamedTuple):
    """Of each document the mean difference over its tasks, and its weight."""

    difference: Floats
    weight: Floats


class Compared(NamedTuple):
    """The hits by task, over `n` documents."""

    n: int
    tasks: dict[str, Hits]

    def differences(self) -> Differences:
        """One number of each document, so that one test speaks of all tasks."""
        total, n_tasks, weight = np.zeros(self.n), np.zeros(self.n), np.ones(self.n)
        for hits in self.tasks.values():
            total[hits.place] += hits.difference
            n_tasks[hits.place] += 1
            weight[hits.place] = hits.weight
        some = n_tasks > 0
        return Differences(total[some] / n_tasks[some], weight[some])


def compared(documents: Sequence[Known], both: Paired) -> Compared:
    """What both models say of `documents`, in their order, against what people say. Tasks without any label are left out."""
    hits = {task: _hits(documents, task, both) for task in TASKS}
    return Compared(len(documents), {task: found for task, found in hits.items() if len(found.place)})


def joined(*parts: Compared) -> Compared:
    """Several sets of documents as one."""
    tasks: dict[str, Hits] = {}
    starts = np.cumsum([0, *(part.n for part in parts)])
    for start, part in zip(starts, parts, strict=False):
        for task, hits in part.tasks.items():
            moved = hits._replace(place=hits.place + start)
            tasks[task] = _behind(tasks[task], moved) if task in tasks else moved
    return Compared(int(starts[-1]), tasks)


def _hits(documents: Sequence[Known], task: str, both: Paired) -> Hits:
    place = np.array([i for i, document in enumerate(documents) if task in document.labels], dtype=np.int64)
    labels = np.array([documents[i].labels[task] for i in place], dtype=np.str_)
    return Hits(
        place,
        both.incumbent.labels(task)[place] == labels,
        both.candidate.labels(task)[place] == labels,
        both.incumbent.p(task)[place],
        both.candidate.p(task)[place],
        np.array([documents[i].weight for i in place], dtype=np.float64),
        tuple(documents[i].slices for i in place),
    )


def _behind(first: Hits, second: Hits) -> Hits:
    arrays = (np.concatenate(pair) for pair in zip(first[:-1], second[:-1], strict=True))
    return Hits._make([*arrays, first.slices + second.slices])
