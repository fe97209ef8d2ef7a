"""Heads: the mixture is one of probabilities, and the adaptive norm is its formula."""

import math

import pytest
import torch

from streamwatch.errors import ModelError
from streamwatch.models.adaptive_norm import AdaptiveDynamicNorm
from streamwatch.models.heads import GatedHead, HeadShape, make_head
from streamwatch.models.network import Network

LABELS = ("negative", "neutral", "positive")


def gain_by_hand(z: list[float]) -> list[float]:
    s = [1 / (1 + math.exp(-x)) for x in z]
    gains = []
    for j in range(len(z)):
        numerator = sum(s[j] ** 2 + 1 for _ in range(j + 1))
        denominator = s[j] ** 2 + sum(s[k] ** 2 + 1 for k in range(j + 1))
        gains.append(math.sqrt(numerator / denominator) * s[j])
    return gains


def test_the_adaptive_norm_is_its_formula() -> None:
    rows = torch.randn(5, 7, generator=torch.Generator().manual_seed(1)) * 3
    normed = AdaptiveDynamicNorm()(rows)
    for row, got in zip(rows.tolist(), normed.tolist(), strict=True):
        assert got == pytest.approx([x * g for x, g in zip(row, gain_by_hand(row), strict=True)], abs=1e-5)


def test_a_gated_head_mixes_probabilities_by_its_gate() -> None:
    torch.manual_seed(2)
    head = GatedHead(4, 3)
    states = torch.randn(6, 4)
    first, second, gate = head.parts(states)
    g = gate.sigmoid()[:, None]
    expected = g * first.softmax(1) + (1 - g) * second.softmax(1)
    assert torch.allclose(head(states).softmax(1), expected, atol=1e-6)


def test_a_network_has_a_head_for_each_shape() -> None:
    class Flat(torch.nn.Module):
        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> "Flat":
            self.last_hidden_state = torch.ones(*input_ids.shape, 4)
            return self

    shapes = [HeadShape("sentiment", LABELS, ("market", "customer")), HeadShape("urgency", ("low", "high"), norm="adn")]
    logits = Network(Flat(), 4, shapes)(torch.ones(2, 3, dtype=torch.long), torch.ones(2, 3, dtype=torch.long))
    assert {name: tuple(t.shape) for name, t in logits.items()} == {"sentiment": (2, 3), "urgency": (2, 2)}


@pytest.mark.parametrize(
    "shape",
    [
        HeadShape("a", ("one",)),
        HeadShape("a", LABELS, ("alone",)),
        HeadShape("a", LABELS, norm="batch"),
    ],
    ids=["one label", "one domain", "unknown norm"],
)
def test_a_head_that_cannot_be_built_is_refused(shape: HeadShape) -> None:
    with pytest.raises(ValueError, match="two labels or more"):
        make_head(shape, 4)
    with pytest.raises(ModelError):
        Network(torch.nn.Identity(), 4, [shape])
