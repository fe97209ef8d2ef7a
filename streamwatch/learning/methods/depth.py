"""An encoder with other layers than the base: fewer (layer dropping, Sajjad et al., arXiv 2004.03844) or each twice.

Examples:
    >>> parse_layers("0,0,1", 2)
    [0, 0, 1]
"""

import copy

from torch import nn
from transformers import BertModel

from streamwatch.errors import ConfigError


def parse_layers(text: str, n_layers: int) -> list[int]:
    """The layers that a plan names. Raises `ConfigError` on one that the encoder does not have."""
    try:
        layers = [int(part) for part in text.split(",")]
    except ValueError:
        raise ConfigError(f"--layers {text}: numbers of layers with commas, as 0,2,4") from None
    if not layers or not all(0 <= layer < n_layers for layer in layers):
        raise ConfigError(f"--layers {text}: the encoder has the layers 0 to {n_layers - 1}")
    return layers


def keep_layers(encoder: BertModel, layers: list[int]) -> BertModel:
    """`encoder` with copies of `layers`, in that order."""
    encoder.encoder.layer = nn.ModuleList([copy.deepcopy(encoder.encoder.layer[layer]) for layer in layers])
    encoder.config.num_hidden_layers = len(layers)
    return encoder
