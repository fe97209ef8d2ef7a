"""Open the trunk of a network in some precision.

Examples:
    >>> sorted(PRECISIONS)
    ['bf16', 'fp32', 'int8']
"""

import time
from typing import Literal, get_args

import torch

from streamwatch.errors import ModelError
from streamwatch.inference.numeric import cpu_multiplies_bf16
from streamwatch.inference.trunks.attention import Attention, by_products, fused
from streamwatch.inference.trunks.calibration import Scales, int8_linear
from streamwatch.inference.trunks.cuda import CudaTrunk
from streamwatch.inference.trunks.float_linear import float_linear
from streamwatch.inference.trunks.int8_linear import Int8Linear, Scale
from streamwatch.inference.trunks.packed import PackedTrunk
from streamwatch.inference.trunks.trunk import Trunk
from streamwatch.inference.trunks.weights import Affine, encoder_weights
from streamwatch.models.network import Network

PrecisionName = Literal["fp32", "bf16", "int8"]
SLOW_S = 0.005
"""For 16 rows times a matrix of 384 × 384: the reference loop takes 0.04 s of one core, the kernels 0.00005 s."""
TRIALS = 5
"""The fastest counts: the first compiles the kernel. It is the thread's own CPU time, since a busy machine must not change the
precision: with some ten processes to a core no trial of five took less than 0.02 s by the clock on the wall."""
PRECISIONS: tuple[PrecisionName, ...] = get_args(PrecisionName)
DTYPES: dict[str, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16}
ATTENTION: dict[str, Attention] = {"fp32": fused, "bf16": by_products}


def open_trunk(network: Network, precision: PrecisionName, device: str = "cpu", scales: Scales | None = None) -> Trunk:
    """The trunk of a merged float32 network; int8 needs the model's `scales`. Raises `ModelError`."""
    name = f"{precision}-{device}"
    if device == "cuda":
        if precision == "int8":
            raise ModelError("int8 is for the CPU: use bf16 on a GPU")
        return CudaTrunk(name, network.encoder, DTYPES[precision])
    weights = encoder_weights(network.encoder)
    if precision != "int8":
        dtype = DTYPES[precision]
        attention = ATTENTION[precision]
        return PackedTrunk(name, weights, lambda _, affine: float_linear(affine, dtype), dtype, attention)
    if scales is None:
        raise ModelError("the model has no int8 scales: use another precision, or make the model again")
    if not has_int8():
        raise ModelError("no fast int8 kernels here: use another precision")
    between = "bf16" if cpu_multiplies_bf16() else "fp32"  # queries, keys and values are not multiplied as bytes
    dtype = DTYPES[between]
    return PackedTrunk(
        name,
        weights,
        lambda layer, affine: int8_linear(layer, affine, scales, dtype),
        attention=ATTENTION[between],
    )


def has_int8() -> bool:
    """Whether this torch multiplies bytes by oneDNN, and not in the reference loop that is there for every CPU."""
    if not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.onednn, "qlinear_pointwise")):
        return False
    linear = Int8Linear(Affine(torch.ones(384, 384), torch.ones(384)), Scale.of(-1.0, 1.0))
    return min(_seconds_of(linear) for _ in range(TRIALS)) < SLOW_S


def _seconds_of(linear: Int8Linear) -> float:
    start = time.thread_time()
    linear(torch.ones(16, 384))
    return time.thread_time() - start
