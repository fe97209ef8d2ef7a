"""The numbers of a BERT encoder, as the packed pass wants them: plain tensors, the three projections of attention in one.

Examples:
    >>> from transformers import BertConfig, BertModel
    >>> config = BertConfig(hidden_size=8, num_attention_heads=2, num_hidden_layers=1, intermediate_size=16, vocab_size=9)
    >>> found = encoder_weights(BertModel(config, add_pooling_layer=False))
    >>> found.layers[0].qkv.weight.shape, found.n_heads
    (torch.Size([24, 8]), 2)
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from transformers import BertModel

from streamwatch.errors import ModelError

ACTIVATION = "gelu"
"""The exact one, by the error function; oneDNN computes it together with the product before it."""


class Affine(NamedTuple):
    """A linear layer: `weight` (out × in), `bias` (out)."""

    weight: Tensor
    bias: Tensor


class Norm(NamedTuple):
    """A layer normalisation (Ba et al., arXiv 1607.06450)."""

    weight: Tensor
    bias: Tensor
    eps: float

    def __call__(self, states: Tensor) -> Tensor:
        return torch.layer_norm(states, self.weight.shape, self.weight, self.bias, self.eps)


class LayerWeights(NamedTuple):
    """One layer: attention (`qkv`, `attended`, `norm`), then the feed-forward part (`inner`, `outer`, `outer_norm`).

    The queries' part of `qkv` carries attention's 1 / √d.
    """

    qkv: Affine
    attended: Affine
    norm: Norm
    inner: Affine
    outer: Affine
    outer_norm: Norm


class EncoderWeights(NamedTuple):
    """The whole encoder. `positions` holds the embedding of the place with that of the only token type added."""

    words: Tensor
    positions: Tensor
    norm: Norm
    layers: tuple[LayerWeights, ...]
    n_heads: int

    @property
    def width(self) -> int:
        """Of the states."""
        return self.words.shape[1]


@torch.no_grad()
def encoder_weights(encoder: nn.Module) -> EncoderWeights:
    """The weights of a merged encoder. Raises `ModelError` for one that is no BERT, or has another activation."""
    if not isinstance(encoder, BertModel):
        raise ModelError(f"a {type(encoder).__name__} is no encoder for inference: merge the adapter first")
    if encoder.config.hidden_act != ACTIVATION:
        raise ModelError(f"the encoder's activation is {encoder.config.hidden_act}, only {ACTIVATION} can be computed")
    parts = encoder.embeddings
    positions = parts.position_embeddings.weight + parts.token_type_embeddings.weight[0]
    layers = tuple(_layer(layer, encoder.config.num_attention_heads) for layer in encoder.encoder.layer)
    return EncoderWeights(
        parts.word_embeddings.weight.detach(),
        positions,
        _norm(parts.LayerNorm),
        layers,
        encoder.config.num_attention_heads,
    )


def _layer(layer: nn.Module, n_heads: int) -> LayerWeights:
    part = layer.get_submodule
    inputs = [part(f"attention.self.{name}") for name in ("query", "key", "value")]
    scales = (n_heads / len(inputs[0].get_parameter("bias"))) ** 0.5, 1.0, 1.0
    return LayerWeights(
        qkv=Affine(*(_joined(inputs, name, scales) for name in ("weight", "bias"))),
        attended=_affine(part("attention.output.dense")),
        norm=_norm(part("attention.output.LayerNorm")),
        inner=_affine(part("intermediate.dense")),
        outer=_affine(part("output.dense")),
        outer_norm=_norm(part("output.LayerNorm")),
    )


def _joined(parts: list[nn.Module], name: str, scales: tuple[float, ...]) -> Tensor:
    return torch.cat([part.get_parameter(name).detach() * scale for part, scale in zip(parts, scales, strict=True)])


def _affine(linear: nn.Module) -> Affine:
    return Affine(linear.get_parameter("weight").detach(), linear.get_parameter("bias").detach())


def _norm(norm: nn.Module) -> Norm:
    assert isinstance(norm, nn.LayerNorm)
    return Norm(norm.weight.detach(), norm.bias.detach(), norm.eps)
