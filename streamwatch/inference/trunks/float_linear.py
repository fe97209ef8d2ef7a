"""Multiplication in float32 or bfloat16 by oneDNN, the weights laid out for it once.

torch's own float32 `linear` goes to MKL, which takes the slow way on AMD's CPUs: on an EPYC 9005 core oneDNN was 2.3 times as
fast (240 against 104 GFLOP/s). Where torch has no oneDNN the plain calls are used.

Examples:
    >>> linear = FloatLinear(Affine(torch.eye(16), torch.ones(16)), torch.float32)
    >>> linear.plus(torch.zeros(2, 16), torch.full((2, 16), 2.0))[0, :3].tolist()
    [3.0, 3.0, 3.0]
"""

import torch
from torch import Tensor
from torch.nn import functional

from streamwatch.inference.trunks.packing import PIECE_TOKENS
from streamwatch.inference.trunks.weights import Affine


class FloatLinear:
    """A linear layer in `dtype`; its input and output are of that type."""

    def __init__(self, affine: Affine, dtype: torch.dtype) -> None:
        weight = affine.weight.to(dtype)
        self._bias = affine.bias.to(dtype)
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight, PIECE_TOKENS)

    def __call__(self, x: Tensor) -> Tensor:
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, "none", [], "")
        return y

    def gelu(self, x: Tensor) -> Tensor:
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, "gelu", [], "none")
        return y

    def plus(self, x: Tensor, states: Tensor) -> Tensor:
        y: Tensor = torch.ops.mkldnn._linear_pointwise.binary(x, states, self._weight, self._bias, "add")
        return y


class PlainLinear:
    """A linear layer by torch's plain calls, for a torch without oneDNN."""

    def __init__(self, affine: Affine, dtype: torch.dtype) -> None:
        self._weight, self._bias = affine.weight.to(dtype), affine.bias.to(dtype)

    def __call__(self, x: Tensor) -> Tensor:
        return functional.linear(x, self._weight, self._bias)

    def gelu(self, x: Tensor) -> Tensor:
        return functional.gelu(self(x))

    def plus(self, x: Tensor, states: Tensor) -> Tensor:
        return self(x).add_(states)


def float_linear(affine: Affine, dtype: torch.dtype) -> FloatLinear | PlainLinear:
    """The fastest multiplication in `dtype` that this torch has."""
    return FloatLinear(affine, dtype) if torch.backends.mkldnn.is_available() else PlainLinear(affine, dtype)
