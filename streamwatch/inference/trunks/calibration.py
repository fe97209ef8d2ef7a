"""The scales of int8 activations, found on texts when a model is made, and stored with it.

Examples:
    >>> seen = Recorder()
    >>> seen.see("0.qkv", torch.tensor([-1.0, 0.5])); seen.see("0.qkv", torch.tensor([1.0]))
    >>> {name: scale.tolist() for name, scale in seen.scales().items()}
    {'0.qkv': [0.007843137718737125, 127.0]}
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from streamwatch.errors import ModelError
from streamwatch.inference.trunks.float_linear import float_linear
from streamwatch.inference.trunks.int8_linear import Int8Linear, Scale
from streamwatch.inference.trunks.linear import Linear
from streamwatch.inference.trunks.packed import PackedTrunk
from streamwatch.inference.trunks.trunk import Row
from streamwatch.inference.trunks.weights import Affine, encoder_weights
from streamwatch.models.network import Network

Scales = Mapping[str, Tensor]
"""By linear layer (`0.qkv`): scale and zero of its input, float32 `(2,)`."""


class Recorder:
    """Remembers the lowest and the highest number that each linear layer was given."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, float]] = {}

    def see(self, name: str, x: Tensor) -> None:
        """Take note of the input of layer `name`."""
        low, high = self._seen.get(name, (0.0, 0.0))
        self._seen[name] = min(low, float(x.min())), max(high, float(x.max()))

    def scales(self) -> dict[str, Tensor]:
        """The scales that reach over what was seen."""
        return {name: torch.tensor(Scale.of(*ends)) for name, ends in self._seen.items()}


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
    weights = encoder_weights(network.encoder)
    PackedTrunk("fp32-cpu", weights, lambda name, affine: RecordingLinear(name, affine, recorder)).pooled(rows)
    return recorder.scales()


def int8_linear(name: str, affine: Affine, scales: Scales, dtype: torch.dtype = torch.float32) -> Int8Linear:
    """The int8 multiplication of layer `name`. Raises `ModelError` when `scales` lacks it."""
    gelu = _scale(name.replace("inner", "outer"), scales) if name.endswith("inner") else None
    return Int8Linear(affine, _scale(name, scales), gelu, dtype)


def _scale(name: str, scales: Scales) -> Scale:
    if name not in scales:
        raise ModelError(
            f"the model has no int8 scale for layer {name}: make the model again, or use another precision"
        )
    scale, zero = scales[name].tolist()
    return Scale(scale, int(zero))
