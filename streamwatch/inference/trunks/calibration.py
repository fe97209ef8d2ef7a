"""What int8 needs to know of the activations, found on texts when a model is made, and stored with it.

Three tensors by linear layer, of which old models have the first alone:

- `0.qkv`: scale and zero of its input, float32 `(2,)`;
- `0.qkv.smooth`, `(in,)`: factors for the columns of a normalised input, whose inverse goes into the weights (SmoothQuant, Xiao
  et al., arXiv 2211.10438). One column of a BERT's states reaches 30 where the others stay below 6;
- `0.outer.split`, 16 at most: the neurons that are written in several bytes (`splitting`).

Examples:
    >>> seen = Recorder()
    >>> seen.see("0.attended", torch.tensor([[-1.0, 0.5]])); seen.see("0.attended", torch.tensor([[1.0, 0.0]]))
    >>> {name: scale.tolist() for name, scale in seen.scales({}).items()}
    {'0.attended': [0.007843137718737125, 127.0]}
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from streamwatch.errors import ModelError
from streamwatch.inference.trunks.float_linear import float_linear
from streamwatch.inference.trunks.int8_linear import Int8Linear, Scale
from streamwatch.inference.trunks.linear import Linear
from streamwatch.inference.trunks.packed import PackedTrunk
from streamwatch.inference.trunks.splitting import highest_part, lengthened, repeated, widened
from streamwatch.inference.trunks.trunk import Row
from streamwatch.inference.trunks.weights import Affine, encoder_weights
from streamwatch.models.network import Network

Scales = Mapping[str, Tensor]
"""By name, as above."""
SMOOTHED = ("qkv", "inner")
"""Layers whose inputs are smoothed: the normalised states, which have the outlying columns; that of `attended` has none."""
SMOOTHING = 0.7
"""How much of the columns' differences goes into the weights. 0.5 left a tenth more error, 0.85 the same."""
LEAST = 1e-3
"""A column or a weight is taken for no smaller than this: one that is always zero needs no factor."""


class Recorder:
    """Remembers the lowest and the highest number in each column that each linear layer was given."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Tensor, Tensor]] = {}

    def see(self, name: str, x: Tensor) -> None:
        """Take note of the input of layer `name`."""
        low, high = x.amin(0), x.amax(0)
        if name in self._seen:
            low, high = torch.minimum(low, self._seen[name][0]), torch.maximum(high, self._seen[name][1])
        self._seen[name] = low, high

    def scales(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Everything that int8 needs, for what was seen; `weights` are those of the smoothed layers."""
        found: dict[str, Tensor] = {}
        for name, (low, high) in self._seen.items():
            if name.endswith(SMOOTHED):
                found |= _smoothed(name, low, high, weights[name])
            elif name.endswith("outer"):
                found |= _split(name, low, high)
            else:
                found[name] = _reaching(low, float(high.max()))
        return found


def _smoothed(name: str, low: Tensor, high: Tensor, weight: Tensor) -> dict[str, Tensor]:
    given = torch.maximum(low.abs(), high.abs()).clamp_min(LEAST)
    factors = weight.abs().amax(0).clamp_min(LEAST) ** (1 - SMOOTHING) / given**SMOOTHING
    factors = (factors / factors.mean()).half().float()  # as they are stored
    return {name: _reaching(low * factors, float((high * factors).max())), f"{name}.smooth": factors.half()}


def _split(name: str, low: Tensor, high: Tensor) -> dict[str, Tensor]:
    neurons = repeated(high.clamp_min(0.0))
    return {name: _reaching(low, highest_part(high, neurons)), f"{name}.split": neurons.int()}


def _reaching(low: Tensor, high: float) -> Tensor:
    return torch.tensor(Scale.of(float(low.min()), high))


class RecordingLinear:
    """A float32 `Linear` that shows its inputs to a recorder."""

    def __init__(self, name: str, affine: Affine, recorder: Recorder) -> None:
        self._linear: Linear = float_linear(affine, torch.float32)
        self._name, self._recorder = name, recorder

    def __call__(self, x: Tensor) -> Tensor:
        self._recorder.see(self._name, x)
        return self._linear(x)

    def gelu(self, x: Tensor) -> Tensor:
        self._recorder.see(self._name, x)
        return self._linear.gelu(x)

    def plus(self, x: Tensor, states: Tensor) -> Tensor:
        self._recorder.see(self._name, x)
        return self._linear.plus(x, states)


def calibrate(network: Network, rows: Sequence[Row]) -> dict[str, Tensor]:
    """The scales of a merged float32 network, from its pass over some hundred typical texts."""
    recorder = Recorder()
    affines: dict[str, Tensor] = {}

    def make(name: str, affine: Affine) -> RecordingLinear:
        affines[name] = affine.weight
        return RecordingLinear(name, affine, recorder)

    PackedTrunk("fp32-cpu", encoder_weights(network.encoder), make).pooled(rows)
    return recorder.scales(affines)


class Prepared(NamedTuple):
    """A linear layer as bytes want it; `Int8Linear` says what the parts are."""

    affine: Affine
    scale: Scale
    gelu_scale: Scale | None = None
    smooth: Tensor | None = None


def prepared(name: str, affine: Affine, scales: Scales) -> Prepared:
    """Layer `name` with its columns smoothed and its neurons split. Raises `ModelError` when `scales` lacks it."""
    scale, smooth, gelu_scale = _scale(name, scales), scales.get(f"{name}.smooth"), None
    if smooth is not None:
        smooth = smooth.float()
        affine = Affine(affine.weight / smooth, affine.bias)
    if name.endswith("inner"):
        outer = name.replace("inner", "outer")
        gelu_scale = _scale(outer, scales)
        affine = widened(affine, _neurons(outer, scales), gelu_scale.highest)
    elif name.endswith("outer"):
        affine = lengthened(affine, _neurons(name, scales))
    return Prepared(affine, scale, gelu_scale, smooth)


def int8_linear(name: str, affine: Affine, scales: Scales, dtype: torch.dtype = torch.float32) -> Int8Linear:
    """The int8 multiplication of layer `name`. Raises `ModelError` when `scales` lacks it."""
    made = prepared(name, affine, scales)
    return Int8Linear(made.affine, made.scale, made.gelu_scale, dtype, made.smooth)


def _neurons(name: str, scales: Scales) -> Tensor:
    """The neurons in several parts; none in a model that was made before there were such."""
    return scales.get(f"{name}.split", torch.empty(0)).long()


def _scale(name: str, scales: Scales) -> Scale:
    if name not in scales:
        raise ModelError(
            f"the model has no int8 scale for layer {name}: make the model again, or use another precision"
        )
    scale, zero = scales[name].tolist()
    return Scale(scale, int(zero))
