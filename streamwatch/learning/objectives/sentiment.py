"""The loss of a head with two readings: the text's own reading, their mixture, and the gate that mixes.

The reading of the text's own domain learns the label in its own sense, the mixture learns to be right without being told the
domain, and the gate learns to tell it from the text alone.
"""

import torch
from torch import Tensor
from torch.nn import functional

from streamwatch.learning.objectives.labels import NEVER, label_loss
from streamwatch.learning.objectives.outputs import Mixed
from streamwatch.learning.objectives.targets import NO_DOMAIN
from streamwatch.models.heads import mixture

OWN_READING = 0.5
"""The part of the own reading's loss; the mixture's is the rest. By halves: neither may be had at the other's cost."""

GATE = 0.2
"""Of the gate's loss: it is an easy task and must not crowd out the labels'."""


def gated_loss(said: Mixed, labels: Tensor, lacks: Tensor, domain: Tensor, smoothing: float) -> Tensor:
    """The loss `(n,)` of texts that all have a label; the mixture's alone where the domain is not known."""
    first, second = said.first.masked_fill(lacks, NEVER), said.second.masked_fill(lacks, NEVER)
    mixed = -mixture(first, second, said.gate).gather(1, labels[:, None]).squeeze(1)
    own = label_loss(torch.where(domain[:, None] > 0, said.first, said.second), labels, lacks, smoothing)
    return torch.where(domain == NO_DOMAIN, mixed, torch.lerp(mixed, own, OWN_READING))


def gate_loss(said: Mixed, domain: Tensor) -> Tensor:
    """The weighted loss `(n,)` of the gate, 0 where the domain is not known."""
    loss = functional.binary_cross_entropy_with_logits(said.gate, domain.clamp_min(0), reduction="none")
    return GATE * torch.where(domain == NO_DOMAIN, torch.zeros_like(loss), loss)
