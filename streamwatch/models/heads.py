"""Heads: from the pooled state of a text to the logits of one task.

Every head maps `(n, width)` float32 states to `(n, k)` logits; a softmax of logits / temperature gives probabilities.

Examples:
    >>> head = make_head(HeadShape("sentiment", ("negative", "neutral", "positive"), ("market", "customer")), width=4)
    >>> head(torch.zeros(2, 4)).shape
    torch.Size([2, 3])
"""

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional

from streamwatch.models.adaptive_norm import AdaptiveDynamicNorm


class HeadShape(msgspec.Struct, frozen=True):
    """What a head says, and how it is built.

    Args:
        name: of the task, and of the head's tensors in the adapter file.
        labels: by their place in the logits.
        domains: empty for one linear layer; two names for a `GatedHead` that mixes a layer for each.
        norm: `adn` puts an `AdaptiveDynamicNorm` before the head.
    """

    name: str
    labels: tuple[str, ...]
    domains: tuple[str, ...] = ()
    norm: str = ""


class LinearHead(nn.Module):
    """One linear layer. `(n, width)` → `(n, k)`."""

    def __init__(self, width: int, n_labels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, n_labels)

    def forward(self, states: Tensor) -> Tensor:
        """Logits."""
        return self.linear(states)  # type: ignore[no-any-return]


class GatedHead(nn.Module):
    """Two readings of one task, mixed by a gate that sees the text alone.

    "Neutral" is no news for the price in one reading and no feeling in the other. With the gate's g(x) the label has
    P(y | x) = g(x) P_first(y | x) + (1 − g(x)) P_second(y | x), a mixture of experts (Jacobs et al., Neural Computation
    1991); its logarithm is given as logits. The channel a text came by is no input: a prediction is a function of the
    text.
    """

    def __init__(self, width: int, n_labels: int) -> None:
        super().__init__()
        self.first = nn.Linear(width, n_labels)
        self.second = nn.Linear(width, n_labels)
        self.gate = nn.Linear(width, 1)

    def forward(self, states: Tensor) -> Tensor:
        """The mixture's log probabilities."""
        return mixture(*self.parts(states))

    def parts(self, states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of the two readings, `(n, k)` each, and the gate's, `(n,)`: positive towards the first."""
        return self.first(states), self.second(states), self.gate(states).squeeze(1)


def mixture(first: Tensor, second: Tensor, gate: Tensor) -> Tensor:
    """log(g · softmax(first) + (1 − g) · softmax(second)) with g = sigmoid(gate), computed in logarithms.

    >>> mixture(torch.tensor([[0.0, 0.0]]), torch.tensor([[9.0, 0.0]]), torch.tensor([30.0])).exp()
    tensor([[0.5000, 0.5000]])
    """
    log_g, log_rest = functional.logsigmoid(gate)[:, None], functional.logsigmoid(-gate)[:, None]
    readings = torch.stack((first.log_softmax(1) + log_g, second.log_softmax(1) + log_rest))
    return readings.logsumexp(0)  # and not logaddexp, which exporters to ONNX do not know


def make_head(shape: HeadShape, width: int) -> nn.Module:
    """The head of that shape, with fresh weights. Raises `ValueError` on a shape that there is no head for."""
    if len(shape.domains) not in (0, 2) or shape.norm not in ("", "adn") or len(shape.labels) < 2:
        raise ValueError(f"head {shape.name}: two labels or more, no domains or two, norm empty or adn")
    head = GatedHead(width, len(shape.labels)) if shape.domains else LinearHead(width, len(shape.labels))
    if not shape.norm:
        return head
    return nn.Sequential(AdaptiveDynamicNorm(), head)
