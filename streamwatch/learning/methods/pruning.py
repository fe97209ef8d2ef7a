"""Pruning the encoder's wide layers: of each feed-forward layer the units that say the most are kept.

A unit's part in the output is at most its incoming times its outgoing weights; units are ranked by the product of the two norms
(the magnitude criterion of Han et al., arXiv 1506.02626, for whole units, so that what is left is a smaller dense matrix
and not one with holes). The feed-forward layers are two thirds of the work of a layer.

Examples:
    >>> kept_units(torch.tensor([[3.0], [1.0], [2.0]]), torch.ones(1, 3), 2).tolist()
    [0, 2]
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertModel

from streamwatch.errors import ConfigError


@torch.no_grad()
def narrow(encoder: BertModel, n_units: int) -> BertModel:
    """`encoder` with `n_units` in each feed-forward layer. Raises `ConfigError` when it has not as many."""
    if n_units > encoder.config.intermediate_size:
        raise ConfigError(f"--units {n_units}: the encoder has {encoder.config.intermediate_size}")
    layers: Any = encoder.encoder.layer
    for layer in layers:
        up, down = layer.intermediate.dense, layer.output.dense
        kept = kept_units(up.weight, down.weight, n_units)
        layer.intermediate.dense = _linear(up.weight[kept], up.bias[kept])
        layer.output.dense = _linear(down.weight[:, kept], down.bias)
    encoder.config.intermediate_size = n_units
    return encoder


def kept_units(up: Tensor, down: Tensor, n_units: int) -> Tensor:
    """The units, in order, with the largest product of the norms of `up` (units × in) and `down` (out × units)."""
    return (up.norm(dim=1) * down.norm(dim=0)).topk(n_units).indices.sort().values


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    made = nn.Linear(weight.shape[1], weight.shape[0])
    made.weight.copy_(weight)
    made.bias.copy_(bias)
    return made
