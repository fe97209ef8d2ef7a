"""ADN, the adaptive dynamic normalisation: each feature is scaled by a gain that depends on the ones before it.

Examples:
    >>> AdaptiveDynamicNorm()(torch.zeros(1, 2))
    tensor([[0., 0.]])
"""

import torch
from torch import Tensor, nn


class AdaptiveDynamicNorm(nn.Module):
    """Multiplies `(n, d)` features z by the gain γ of the same shape.

    γ_j = sqrt( Σ_{k≤j}(σ(z_j)² + 1) / (σ(z_j)² + Σ_{k≤j}(σ(z_k)² + 1)) ) · σ(z_j), j and k running over the features.
    The source of the formula drops a brace; this reading keeps the root on the fraction, and the j inside of the
    numerator's sum as it is printed, so that this sum is j · (σ(z_j)² + 1). It has no parameters.
    """

    def forward(self, features: Tensor) -> Tensor:
        """`features` times their gain."""
        return features * gain(features)


def gain(features: Tensor) -> Tensor:
    """γ of the class's docstring, `(n, d)`.

    >>> round(float(gain(torch.zeros(1, 1))), 4)  # s = 1/2: sqrt(1.25 / 1.5) / 2
    0.4564
    """
    s = features.sigmoid()
    places = torch.arange(1, features.shape[-1] + 1, dtype=features.dtype, device=features.device)
    numerator = places * (s.square() + 1)
    denominator = s.square() + (s.square() + 1).cumsum(-1)
    return (numerator / denominator).sqrt() * s
