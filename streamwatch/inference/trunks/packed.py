"""The encoder's pass on the CPU, over texts packed without padding; one pass for all formats of numbers.

It is BERT's (Devlin et al., arXiv 1810.04805): after attention and after the feed-forward part the input is added and
the sum normalised. What differs between precisions is only what a `Linear` does.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from streamwatch.inference.trunks.attention import Attention, attend, blocks, fused
from streamwatch.inference.trunks.linear import Linear
from streamwatch.inference.trunks.packing import PIECE_TOKENS, Packed, pack, padding_of
from streamwatch.inference.trunks.trunk import Row
from streamwatch.inference.trunks.weights import Affine, EncoderWeights, LayerWeights, Norm

MakeLinear = Callable[[str, Affine], Linear]
"""Makes the multiplication of a layer by its name: `0.qkv`."""


class Layer(NamedTuple):
    """One layer of the encoder, ready to compute; named as in `LayerWeights`."""

    qkv: Linear
    attended: Linear
    norm: Norm
    inner: Linear
    outer: Linear
    outer_norm: Norm


class PackedTrunk:
    """A `Trunk` on the CPU. Nothing changes after it is made, so any number of threads may use it.

    Args:
        name: for the model's version.
        weights: float32; kept are the embeddings and the norms.
        make: the multiplications.
        dtype: of the states between them.
        attention: that computes in the type which the multiplications give to it.
        piece_tokens: of one matrix.
    """

    def __init__(
        self,
        name: str,
        weights: EncoderWeights,
        make: MakeLinear,
        dtype: torch.dtype = torch.float32,
        attention: Attention = fused,
        piece_tokens: int = PIECE_TOKENS,
    ) -> None:
        self.name = name
        self._words, self._positions, self._norm = weights.words, weights.positions, weights.norm
        self._n_heads = weights.n_heads
        self._layers = [_layer(str(i), layer, make) for i, layer in enumerate(weights.layers)]
        self._dtype = dtype
        self._attention = attention
        self._piece_tokens = piece_tokens

    @torch.inference_mode()
    def pooled(self, rows: Sequence[Row]) -> Tensor:
        """The mean state `(n, width)` of each row, float32."""
        result = torch.empty(len(rows), self._words.shape[1])
        for packed in pack(rows, self._piece_tokens):
            result[packed.order] = self._pooled(packed)
        return result

    def n_padding(self, lengths: Sequence[int]) -> int:
        """Tokens that it computes for nothing in a batch of rows of these lengths."""
        return padding_of(lengths, self._piece_tokens)

    def _pooled(self, packed: Packed) -> Tensor:
        states = self._states(packed).float()
        width = states.shape[1]
        return torch.cat([
            states[start : start + n * length].view(n, length, width).mean(1) for start, n, length in packed.groups
        ])  # fmt: skip

    def _states(self, packed: Packed) -> Tensor:
        embedded = self._words[packed.ids].add_(self._positions[packed.positions])
        states = self._norm(embedded).to(self._dtype)
        found = blocks(packed.groups, len(embedded), self._n_heads)
        for layer in self._layers:
            context = attend(layer.qkv(states), found, self._attention)
            states = layer.norm(layer.attended.plus(context, states))
            states = layer.outer_norm(layer.outer.plus(layer.inner.gelu(states), states))
        return states


def _layer(name: str, layer: LayerWeights, make: MakeLinear) -> Layer:
    return Layer(
        make(f"{name}.qkv", layer.qkv),
        make(f"{name}.attended", layer.attended),
        layer.norm,
        make(f"{name}.inner", layer.inner),
        make(f"{name}.outer", layer.outer),
        layer.outer_norm,
    )
