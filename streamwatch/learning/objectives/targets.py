"""All that the loss asks of an example, as tensors: made once, so that a step picks rows and loops over no example.

Examples:
    >>> looks_financial("$DAL cuts its outlook"), looks_financial("my bag is lost, thanks @user")
    (True, False)
"""

import re
from collections.abc import Mapping, Sequence

import msgspec
import torch
from torch import Tensor

from streamwatch.learning.datasets.entry import DOMAINS, DataSet
from streamwatch.learning.datasets.rows import NO_LABEL, Example
from streamwatch.learning.material import label_indices
from streamwatch.models.manifest import HeadEntry

NO_DOMAIN = -1.0

_FINANCIAL = re.compile(
    r"\$[a-z]{1,5}\b|\b(?:stocks?|shares?|earnings|markets?|investors?|nasdaq|nyse|dow|ipo|dividends?|profits?|revenues?"
    r"|bonds?|hedge funds?|bull(?:ish)?|bear(?:ish)?|traders?|trading|economy|economic|inflation|fed|gdp|tariffs?|quarterly"
    r"|merger|acquisition|acquires?|analysts?|ceo|banks?|oil|gold|crude|currency|dollar|euro)\b"
)
"""Words after which nobody may say that a post is none of the finance topics; rather too many than too few: a text
with one of them teaches nothing about `unclear`."""


class Targets(msgspec.Struct):
    """What `n` examples ask for. All but `teacher` and `part` are known from the data.

    Args:
        labels: of each task, `(n,)` int64, `NO_LABEL` where the example has none of it.
        lacks: of each task, `(n, k)` bool: labels that could not be given.
        weight: `(n,)` of the example's label.
        domain: `(n,)`, 1 for the first reading (market), 0 for the second, `NO_DOMAIN` where nobody says.
        outside: `(n,)`, the weight of the label that says "none of these topics".
        teacher: of each task, `(n, k)` probabilities; a row of zeros where no teacher speaks.
        part: `(n,)`, the teachers' part where there is a label; None: the objective's for all.
    """

    labels: dict[str, Tensor]
    lacks: dict[str, Tensor]
    weight: Tensor
    domain: Tensor
    outside: Tensor
    teacher: dict[str, Tensor] = {}
    part: Tensor | None = None

    def rows(self, batch: Tensor) -> "Targets":
        """Those of the examples with the indices `batch`."""
        return Targets(
            {task: t[batch] for task, t in self.labels.items()},
            {task: t[batch] for task, t in self.lacks.items()},
            self.weight[batch],
            self.domain[batch],
            self.outside[batch],
            {task: t[batch] for task, t in self.teacher.items()},
            None if self.part is None else self.part[batch],
        )


def targets(
    examples: Sequence[Example], entries: Mapping[str, DataSet], heads: Sequence[HeadEntry], unclear_weight: float
) -> Targets:
    """What `examples` ask of `heads`."""
    return Targets(
        labels={head.name: torch.tensor(_labels(examples, entries, head)) for head in heads},
        lacks={head.name: _lacks(examples, entries, head) for head in heads},
        weight=torch.tensor([example.weight for example in examples]),
        domain=torch.tensor([_domain(entries[example.source]) for example in examples]),
        outside=torch.tensor([unclear_weight * _is_outside(example, entries) for example in examples]),
    )


def _labels(examples: Sequence[Example], entries: Mapping[str, DataSet], head: HeadEntry) -> list[int]:
    places = {name: label_indices(e, head) for name, e in entries.items() if e.task == head.name}
    return [places[e.source][e.label] if e.source in places else NO_LABEL for e in examples]


def _lacks(examples: Sequence[Example], entries: Mapping[str, DataSet], head: HeadEntry) -> Tensor:
    """`(n, k)`: what the example's data set lacks, except for a text that has it all the same."""
    none = [False] * len(head.labels)
    masks = {name: [label in e.lacks for label in head.labels] for name, e in entries.items() if e.task == head.name}
    lacks = torch.tensor([masks.get(example.source, none) for example in examples])
    for row, label in enumerate(_labels(examples, entries, head)):
        if label != NO_LABEL and lacks[row, label]:
            lacks[row] = False
    return lacks


def _domain(entry: DataSet) -> float:
    return float(entry.domain == DOMAINS[0]) if entry.domain else NO_DOMAIN


def _is_outside(example: Example, entries: Mapping[str, DataSet]) -> bool:
    """Whether an example is a post of a customer about nothing financial: an outlier for the topics."""
    entry = entries[example.source]
    return entry.domain == DOMAINS[1] and entry.task != "topic" and not looks_financial(example.text)


def looks_financial(text: str) -> bool:
    """Whether a text has a cashtag or a word of the markets."""
    return _FINANCIAL.search(text.casefold()) is not None
