"""int8 keeps near to float32 where a trained encoder has outliers, and a CPU that saturates its sums is found out."""

import random

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from transformers import BertConfig, BertModel

from streamwatch.inference.probe import distance, probe_tensors
from streamwatch.inference.trunks import opening
from streamwatch.inference.trunks.calibration import Scales, calibrate, prepared
from streamwatch.inference.trunks.int8_linear import Scale, quantised, quantised_weight
from streamwatch.inference.trunks.opening import has_int8, open_trunk
from streamwatch.inference.trunks.packed import PackedTrunk
from streamwatch.inference.trunks.splitting import N_PARTS, highest_part, lengthened, repeated, widened
from streamwatch.inference.trunks.weights import Affine, encoder_weights
from streamwatch.learning.precisions import LEEWAY
from streamwatch.models.heads import HeadShape
from streamwatch.models.network import Network

needs_int8 = pytest.mark.skipif(not has_int8(), reason="this CPU or this torch has no int8 kernels")
N_WORDS = 99
INT16 = -(2**15), 2**15 - 1


@pytest.fixture(scope="module")
def network() -> Network:
    """A tiny encoder with what trained ones have: a column of the states and a neuron that outgrow all others."""
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=N_WORDS, hidden_size=64, num_attention_heads=2, num_hidden_layers=2, intermediate_size=256
    )
    encoder = BertModel(config, add_pooling_layer=False)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        for layer in encoder.encoder.layer:
            layer.attention.output.LayerNorm.weight[5] = 12.0
            layer.intermediate.dense.bias[9] = 20.0
    return Network(encoder, 64, (HeadShape("sentiment", ("negative", "neutral", "positive")),)).eval()


@pytest.fixture(scope="module")
def rows() -> list[list[int]]:
    draw = random.Random(7)
    return [[draw.randrange(N_WORDS) for _ in range(draw.randrange(3, 40))] for _ in range(40)]


def of_old(scales: Scales, network: Network, rows: list[list[int]]) -> Scales:
    """The scales that a model had before inputs were smoothed and neurons split."""
    seen: dict[str, Scale] = {}

    def make(name: str, affine: Affine) -> "Watching":
        return Watching(name, affine, seen)

    PackedTrunk("fp32-cpu", encoder_weights(network.encoder), make, piece_tokens=10**6).pooled(rows)
    return {name: torch.tensor(scale) for name, scale in seen.items() if name in scales}


class Watching:
    """A plain linear layer that notes the scale which reaches over its input."""

    def __init__(self, name: str, affine: Affine, seen: dict[str, Scale]) -> None:
        self.name, self.affine, self.seen = name, affine, seen

    def __call__(self, x: Tensor) -> Tensor:
        self.seen[self.name] = Scale.of(float(x.min()), float(x.max()))
        return functional.linear(x, *self.affine)

    def gelu(self, x: Tensor) -> Tensor:
        return functional.gelu(self(x))

    def plus(self, x: Tensor, states: Tensor) -> Tensor:
        return self(x) + states


class Saturating:
    """int8 as `vpmaddubsw` computes it: each sum of two products is held to 16 bits."""

    def __init__(self, name: str, affine: Affine, scales: Scales) -> None:
        self._made = prepared(name, affine, scales)
        weight, self._weight_scales = quantised_weight(self._made.affine.weight)
        self._weight = weight.int()

    def __call__(self, x: Tensor) -> Tensor:
        made = self._made
        if x.dtype != torch.uint8:
            x = quantised(x if made.smooth is None else x * made.smooth, made.scale)
        pairs = x.int().unflatten(1, (-1, 2))[:, None] * self._weight.unflatten(1, (-1, 2))
        sums = pairs.sum(-1).clamp(*INT16).sum(-1) - made.scale.zero * self._weight.sum(1)
        return sums * made.scale.scale * self._weight_scales + made.affine.bias

    def gelu(self, x: Tensor) -> Tensor:
        assert self._made.gelu_scale is not None
        return quantised(functional.gelu(self(x)), self._made.gelu_scale)

    def plus(self, x: Tensor, states: Tensor) -> Tensor:
        return self(x) + states


def test_a_neuron_in_parts_counts_like_the_whole() -> None:
    y = torch.linspace(-3.0, 25.0, 400)[:, None]
    neurons = repeated(torch.tensor([25.0]), 3)
    c = highest_part(torch.tensor([25.0]), neurons)
    parts = functional.gelu(functional.linear(y, *widened(Affine(torch.ones(1, 1), torch.zeros(1)), neurons, c)))
    outer = lengthened(Affine(torch.ones(1, 1), torch.zeros(1)), neurons)
    assert c == pytest.approx(25 / 4)
    assert parts.shape[1] == 4
    assert (functional.linear(parts.clamp(max=c), *outer) - functional.gelu(y)).abs().max() < 0.35


def test_the_largest_neurons_are_split_most_and_there_are_as_many_parts_as_a_row_holds() -> None:
    highest = torch.full((256,), 4.0)
    highest[[3, 40]] = torch.tensor([30.0, 14.0])
    neurons = repeated(highest)
    assert len(neurons) == N_PARTS
    assert neurons.tolist() == sorted(neurons.tolist())
    assert neurons.tolist().count(3) > neurons.tolist().count(40) > 2
    assert highest_part(highest, neurons) == 4.0


@needs_int8
def test_outliers_cost_int8_less_than_they_do_with_plain_scales(network: Network, rows: list[list[int]]) -> None:
    scales, stored = calibrate(network, rows), probe_tensors(network, rows)
    old = of_old(scales, network, rows)
    found = distance(network, open_trunk(network, "int8", scales=scales), stored)
    assert found < 0.9 * distance(network, open_trunk(network, "int8", scales=old), stored)


@needs_int8
def test_a_cpu_that_saturates_sums_of_two_products_is_further_off_than_is_allowed(
    network: Network, rows: list[list[int]]
) -> None:
    scales, stored = calibrate(network, rows), probe_tensors(network, rows)
    tolerance = LEEWAY * distance(network, open_trunk(network, "int8", scales=scales), stored)
    wrong = PackedTrunk(
        "int8-cpu", encoder_weights(network.encoder), lambda name, affine: Saturating(name, affine, scales)
    )
    assert distance(network, wrong, stored) > tolerance


def test_one_slow_moment_does_not_hide_the_int8_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([3.0, 2.0, 0.001, 2.0, 2.0])
    monkeypatch.setattr(opening, "_seconds_of", lambda linear: next(seconds))
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    assert has_int8() is True
    monkeypatch.setattr(opening, "_seconds_of", lambda linear: 0.04)
    assert has_int8() is False
