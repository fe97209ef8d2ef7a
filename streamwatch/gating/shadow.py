"""What a candidate would have said of the stream's recent documents, beside the incumbent: nothing is decided, all is shown.

Examples:
    >>> from streamwatch.gating.paired import score_pair
    >>> from streamwatch.inference.engine import NullEngine
    >>> made = shadowed(score_pair(NullEngine(), NullEngine(), ["Oil climbs"]), ["Oil climbs"])
    >>> made.n, made.tasks["sentiment"].changed, made.examples
    (1, 0.0, ())
"""

from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from streamwatch.gating.evidence import TASKS
from streamwatch.gating.paired import Paired

N_EXAMPLES = 10
SHOWN_CHARS = 160


class Task(msgspec.Struct, frozen=True):
    """One task: the share of labels that change, and the shares of each label with either model."""

    changed: float
    incumbent: dict[str, float]
    candidate: dict[str, float]


class Example(msgspec.Struct, frozen=True):
    """A text whose label changes, and how sure both models are together."""

    text: str
    task: str
    incumbent: str
    candidate: str
    p: float


class Shadow(msgspec.Struct, frozen=True):
    """Both models over `n` documents that both read."""

    incumbent: str
    candidate: str
    n: int
    tasks: dict[str, Task]
    examples: tuple[Example, ...]


def shadowed(both: Paired, texts: Sequence[str]) -> Shadow:
    """What changes, and the texts on which both models are surest and differ."""
    read = np.flatnonzero(both.read)
    tasks = {task: _task(both, task, read) for task in TASKS}
    found = sorted((one for task in TASKS for one in _examples(both, task, texts)), key=lambda one: -one.p)
    return Shadow(both.incumbent.model, both.candidate.model, len(read), tasks, tuple(found[:N_EXAMPLES]))


def _task(both: Paired, task: str, read: np.ndarray) -> Task:
    changed = float(both.changed(task)[read].mean()) if len(read) else 0.0
    shares = [_shares(said.labels(task)[read].tolist()) for said in both]
    return Task(round(changed, 4), shares[0], shares[1])


def _shares(labels: Sequence[str]) -> dict[str, float]:
    return {label: round(n / len(labels), 4) for label, n in Counter(labels).most_common()}


def _examples(both: Paired, task: str, texts: Sequence[str]) -> list[Example]:
    places = np.flatnonzero(both.changed(task) & both.read)
    p = np.sqrt(both.incumbent.p(task) * both.candidate.p(task))
    labels = [said.labels(task) for said in both]
    best = places[np.argsort(-p[places], kind="stable")][:N_EXAMPLES]
    return [
        Example(texts[i][:SHOWN_CHARS], task, str(labels[0][i]), str(labels[1][i]), round(float(p[i]), 4)) for i in best
    ]
