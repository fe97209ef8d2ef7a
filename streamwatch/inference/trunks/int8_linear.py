"""Multiplication in 8 bits by oneDNN: activations 0…255 in one scale that is fixed beforehand, weights in one a row.

    x ─ round(x / scale) + zero ─ u8 · s8 → s32 (exact) ─ · scale · weight scale + bias ─ y

A scale that was found on the batch would make a text's label depend on its neighbours, so it is calibrated when the
model is made (`calibration`) and stored with it. The sums are of integers and exact, and everything else goes element by
element: a text has the same bits in every batch.

Activations are unsigned because that is what the hardware multiplies (`vpdpbusd`); with signed ones oneDNN falls back to a
reference loop, thousands of times slower. On AVX512 without VNNI sums of two products saturate at 16 bits and come out wrong:
the probe (`streamwatch.inference.probe`) compares with stored logits before it trusts a machine.

Examples:
    >>> Scale.of(-1.0, 1.0)
    Scale(scale=0.007843137718737125, zero=127)
    >>> linear = Int8Linear(Affine(torch.eye(16), torch.ones(16)), Scale.of(-1.0, 1.0))
    >>> [round(y, 2) for y in linear(torch.full((1, 16), 0.5))[0, :3].tolist()]
    [1.5, 1.5, 1.5]
"""

import warnings
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from streamwatch.inference.trunks.weights import Affine

LEVELS = 255
"""Of an unsigned byte, less one: the steps of a scale."""
WEIGHT_LEVELS = 127
"""Weights use −127…127, symmetric, so that they need no zero."""


class Scale(NamedTuple):
    """How numbers are written in a byte: x ≈ (byte − zero) · scale."""

    scale: float
    zero: int

    @classmethod
    def of(cls, low: float, high: float) -> "Scale":
        """The scale whose bytes reach from `low` to `high`; 0 is always among them, and is exact."""
        low, high = min(low, 0.0), max(high, 0.0)
        scale = float(torch.tensor((high - low) / LEVELS or 1.0))  # a number that float32 holds, as it is stored
        return cls(scale, round(-low / scale))

    @property
    def highest(self) -> float:
        """What the highest byte stands for: more saturates there."""
        return (LEVELS - self.zero) * self.scale


class Int8Linear:
    """A linear layer of bytes.

    Args:
        affine: float32 weights.
        scale: of its input.
        gelu_scale: of what `gelu` gives, which is bytes for the layer after: no float is written between the two.
        dtype: of what a plain call gives.
        smooth: factors for the columns of its input, before it becomes bytes; the weights of `affine` are divided by them.
    """

    def __init__(
        self,
        affine: Affine,
        scale: Scale,
        gelu_scale: Scale | None = None,
        dtype: torch.dtype = torch.float32,
        smooth: Tensor | None = None,
    ) -> None:
        _hear_the_deprecation()
        weight, self._weight_scales = quantised_weight(affine.weight)
        self._weight = torch.ops.onednn.qlinear_prepack(weight, None)
        self._weight_zeros = torch.zeros(len(weight), dtype=torch.int64)
        self._bias = affine.bias.float().contiguous()
        self._scale = scale
        self._gelu_scale = gelu_scale
        self._dtype = dtype
        self._smooth = smooth

    def __call__(self, x: Tensor) -> Tensor:
        return self._pointwise(x, Scale(1.0, 0), self._dtype, "none")

    def gelu(self, x: Tensor) -> Tensor:
        assert self._gelu_scale is not None, "this layer was not made to be followed by gelu"
        return self._pointwise(x, self._gelu_scale, torch.uint8, "gelu")

    def plus(self, x: Tensor, states: Tensor) -> Tensor:
        y: Tensor = torch.ops.onednn.qlinear_pointwise.binary(
            self._bytes(x), *self._scale, self._weight, self._weight_scales, self._weight_zeros, states, self._bias,
            1.0, 0, torch.float32, 1.0, 0, "add", 1.0, "none", [], "",
        )  # fmt: skip
        return y

    def _pointwise(self, x: Tensor, out: Scale, dtype: torch.dtype, after: str) -> Tensor:
        y: Tensor = torch.ops.onednn.qlinear_pointwise(
            self._bytes(x), *self._scale, self._weight, self._weight_scales, self._weight_zeros, self._bias,
            *out, dtype, after, [], "none",
        )  # fmt: skip
        return y

    def _bytes(self, x: Tensor) -> Tensor:
        if x.dtype == torch.uint8:
            return x
        return quantised(x.float() if self._smooth is None else x * self._smooth, self._scale)


def quantised_weight(weight: Tensor) -> tuple[Tensor, Tensor]:
    """The rows of a weight in signed bytes, and the scale of each row.

    >>> quantised_weight(torch.tensor([[1.0, -0.5]]))[0].tolist()
    [[127, -64]]
    """
    scales = weight.abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny) / WEIGHT_LEVELS
    return (weight / scales[:, None]).round().to(torch.int8).contiguous(), scales


@cache
def _hear_the_deprecation() -> None:
    """torch says once in a process that these tensors will go. It is heard when a layer is made, and not in a pass: filters of
    warnings are the whole process's, and threads that change them for each product undo each other's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantised(torch.zeros(1), Scale(1.0, 0))


def quantised(x: Tensor, scale: Scale) -> Tensor:
    """`x` in unsigned bytes.

    torch's quantised tensors are only passed through, for their kernel: it is five times as fast as a multiplication, a
    rounding, two bounds and a conversion. The bytes are taken out of them as they lie in memory.

    >>> quantised(torch.tensor([[-9.0, 0.0, 0.5]]), Scale.of(-1.0, 1.0)).tolist()
    [[0, 127, 191]]
    """
    made = torch.quantize_per_tensor(x.contiguous(), *scale, torch.quint8)
    return torch.empty(0, dtype=torch.uint8).set_(made.untyped_storage(), 0, made.shape, made.stride())
