"""The whole loss of a batch: labels of all tasks, the gate, texts outside of all topics, and teachers."""

from collections.abc import Sequence

import msgspec
import torch
from torch import Tensor
from torch.nn import functional

from streamwatch.learning.datasets.rows import NO_LABEL
from streamwatch.learning.objectives.distillation import speaks, teacher_loss
from streamwatch.learning.objectives.labels import label_loss
from streamwatch.learning.objectives.outputs import Mixed, Outputs, final
from streamwatch.learning.objectives.sentiment import gate_loss, gated_loss
from streamwatch.learning.objectives.targets import Targets
from streamwatch.models.manifest import HeadEntry


class Objective(msgspec.Struct, frozen=True):
    """What training minimises: the mean of `(n,)` losses over a batch, whichever task each text has a label of.

    Args:
        heads: of the network.
        smoothing: of labels.
        distil_weight: the teachers' part where a text has a label; where it has none they speak alone.
        distil_temperature: see `teacher_loss`.
    """

    heads: Sequence[HeadEntry]
    smoothing: float = 0.05
    distil_weight: float = 0.7
    distil_temperature: float = 1.0

    def loss(self, said: Outputs, asked: Targets) -> Tensor:
        """The loss `(n,)` of each text."""
        labelled = torch.zeros_like(asked.weight)
        beside = torch.zeros_like(asked.weight)
        for head in self.heads:
            labelled = labelled + self._label(head, said[head.name], asked)
            beside = beside + self._beside(head, said[head.name], asked)
        return self._with_teachers(labelled, said, asked) + beside

    def _label(self, head: HeadEntry, said: Tensor | Mixed, asked: Targets) -> Tensor:
        """The weighted loss of the labels of one task, 0 for texts that have none of it."""
        has = asked.labels[head.name] != NO_LABEL
        labels, lacks = asked.labels[head.name].clamp_min(0), asked.lacks[head.name]
        if isinstance(said, Mixed):
            loss = gated_loss(said, labels, lacks, asked.domain, self.smoothing)
        else:
            loss = label_loss(said, labels, lacks, self.smoothing)
        return asked.weight * torch.where(has, loss, torch.zeros_like(loss))

    def _beside(self, head: HeadEntry, said: Tensor | Mixed, asked: Targets) -> Tensor:
        """What is asked of texts whatever their label: whose reading they call for, that they are about no topic."""
        if isinstance(said, Mixed):
            return gate_loss(said, asked.domain)
        if not head.outside:
            return torch.zeros_like(asked.weight)
        label = said.new_full((len(said),), head.labels.index(head.outside), dtype=torch.long)
        return asked.outside * functional.cross_entropy(said, label, reduction="none")

    def _with_teachers(self, labelled: Tensor, said: Outputs, asked: Targets) -> Tensor:
        if not asked.teacher:
            return labelled
        taught = sum(
            (teacher_loss(final(said[task]), p, self.distil_temperature) for task, p in asked.teacher.items()),
            start=torch.zeros_like(labelled),
        )
        has_label = torch.stack([labels != NO_LABEL for labels in asked.labels.values()]).any(0)
        has_teacher = torch.stack([speaks(p) for p in asked.teacher.values()]).any(0)
        beside = torch.full_like(labelled, self.distil_weight) if asked.part is None else asked.part
        part = torch.where(has_label, beside, torch.ones_like(labelled))
        part = torch.where(has_teacher, part, torch.zeros_like(part))
        return torch.lerp(labelled, taught, part)
