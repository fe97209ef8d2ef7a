"""MPNet (Song et al., arXiv 2004.09297): the encoder of a teacher, eight times the work of the pinned one.

It is trained and asked here, and a small model learns from what it says; the worker has no fast pass for it and refuses it.

Examples:
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, CONFIG_FILE).write_text('{"model_type": "mpnet"}')
    ...     is_mpnet(Path(folder, CONFIG_FILE))
    True
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from torch import Tensor
from transformers import MPNetConfig, MPNetModel

from streamwatch.errors import ModelError
from streamwatch.models.base import CONFIG_FILE


def is_mpnet(config: Path) -> bool:
    """Whether that `config.json` is of an MPNet."""
    return bool(msgspec.json.decode(config.read_bytes()).get("model_type") == "mpnet")


def load_mpnet(folder: Path, weights: Mapping[str, Tensor], dropout: float) -> MPNetModel:
    """The encoder in float32, filled from `weights`. Raises `ModelError` when the two do not fit."""
    try:
        made = MPNetConfig.from_json_file(folder / CONFIG_FILE)
        made.hidden_dropout_prob = made.attention_probs_dropout_prob = dropout
        encoder = MPNetModel(made, add_pooling_layer=False)
        encoder.load_state_dict(dict(weights))
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder} does not hold an MPNet encoder: {str(error).splitlines()[0]}") from error
    return encoder
