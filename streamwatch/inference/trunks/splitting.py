"""Neurons that grow large, written in several bytes, so that the others keep fine steps.

In a trained BERT one neuron of some thousand reaches 25 where the rest stays below 6, and one scale serves them all. Bytes
saturate, so such a neuron can be repeated with a lower bias: with c the largest number that a byte holds,

    gelu(y) ≈ min(gelu(y), c) + min(gelu(y − c), c) + min(gelu(y − 2c), c) + …

which is wrong by 0.17 at most, near the multiples of c. The outer layer has the neuron's weights once for each part. (Zhao et
al., arXiv 1901.09504, split such a column into halves; here it is the saturation that splits.)

Examples:
    >>> repeated(torch.tensor([1.0, 18.0, 8.0]), n=3).tolist()
    [1, 1, 2]
    >>> inner = Affine(torch.eye(2), torch.zeros(2))
    >>> widened(inner, torch.tensor([1, 1]), 3.0).bias.tolist()
    [0.0, 0.0, -3.0, -6.0]
"""

import torch
from torch import Tensor

from streamwatch.inference.trunks.weights import Affine

N_PARTS = 16
"""Neurons added to a layer: a row of bytes keeps a length that kernels like. Of 15, 32 and 64 the fewest were the nearest to
float32: each part brings its own error near c."""
LEAST_PART = 3.0
"""Below this nothing is split: the error near c would meet many texts, and gelu is no straight line there yet."""


def repeated(highest: Tensor, n: int = N_PARTS) -> Tensor:
    """Which neurons get a further part, `n` at most, ascending, by the highest that each of them reaches."""
    parts = torch.ones_like(highest)
    for _ in range(n):
        if (highest / parts).max() <= LEAST_PART:
            break
        parts[(highest / parts).argmax()] += 1
    return torch.arange(len(highest)).repeat_interleave((parts - 1).long())


def highest_part(highest: Tensor, neurons: Tensor) -> float:
    """What the largest part reaches when `neurons` are repeated: the c above."""
    return float((highest / (1 + neurons.bincount(minlength=len(highest)))).max())


def widened(inner: Affine, neurons: Tensor, c: float) -> Affine:
    """The inner layer with a row for each further part."""
    first = torch.searchsorted(neurons, neurons)
    nth = torch.arange(1, len(neurons) + 1) - first
    bias = torch.cat([inner.bias, inner.bias[neurons] - nth * c])
    return Affine(torch.cat([inner.weight, inner.weight[neurons]]), bias)


def lengthened(outer: Affine, neurons: Tensor) -> Affine:
    """The outer layer with a column for each further part."""
    return Affine(torch.cat([outer.weight, outer.weight[:, neurons]], 1), outer.bias)
