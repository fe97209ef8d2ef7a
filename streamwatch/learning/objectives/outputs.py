"""What the heads say in training: logits, and of a head with two readings its parts too."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from streamwatch.models.heads import GatedHead, mixture
from streamwatch.models.network import Network


class Mixed(NamedTuple):
    """The readings' logits `(n, k)`, the gate's `(n,)`, and the log probabilities of their mixture `(n, k)`."""

    first: Tensor
    second: Tensor
    gate: Tensor
    mixture: Tensor


Outputs = Mapping[str, Tensor | Mixed]


def outputs(network: Network, pooled: Tensor, heads: nn.ModuleDict | None = None) -> dict[str, Tensor | Mixed]:
    """What each head says of pooled states `(n, width)`, in float32, with the network's dropout.

    `heads` are others than the network's own.
    """
    with torch.autocast(pooled.device.type, enabled=False):
        states = network.dropout(pooled)
        return {name: _said(head, states) for name, head in (heads or network.heads).items()}


def _said(head: nn.Module, states: Tensor) -> Tensor | Mixed:
    gated = gated_head(head)
    if gated is None:
        said: Tensor = head(states)
        return said
    before = head[:-1](states) if isinstance(head, nn.Sequential) else states
    first, second, gate = gated.parts(before)
    return Mixed(first, second, gate, mixture(first, second, gate))


def gated_head(head: nn.Module) -> GatedHead | None:
    """The gated head in `head`, behind its norm if it has one; None when it is another kind."""
    last = head[-1] if isinstance(head, nn.Sequential) else head
    return last if isinstance(last, GatedHead) else None


def final(said: Tensor | Mixed) -> Tensor:
    """The logits that the worker would see."""
    return said.mixture if isinstance(said, Mixed) else said
