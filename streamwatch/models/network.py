"""The network: one encoder, mean pooling, a head for each task.

One pass gives all tasks. The encoder is BERT-shaped (6 layers, 384 wide for MiniLM-L6); LoRA is merged into its linear
layers before inference, so that an adapted encoder costs what the plain one costs.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel, PreTrainedModel

from streamwatch.errors import ModelError
from streamwatch.models.base import CONFIG_FILE, WEIGHTS_FILE
from streamwatch.models.heads import HeadShape, make_head
from streamwatch.models.mpnet import is_mpnet, load_mpnet

_UNUSED = ("pooler.", "embeddings.position_ids")
"""Parts of the published weights that mean pooling does not need."""


class Network(nn.Module):
    """One trunk and many heads.

    Args:
        encoder: maps `(n, t)` token ids and mask to `(n, t, width)` states; a BertModel, or one wrapped by peft.
        width: of the states.
        shapes: of the heads.
        dropout: on the pooled states in training; it is off at inference.

    Raises:
        ModelError: on a head that cannot be built.
    """

    def __init__(self, encoder: nn.Module, width: int, shapes: Sequence[HeadShape], dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        try:
            self.heads = nn.ModuleDict({shape.name: make_head(shape, width) for shape in shapes})
        except (ValueError, KeyError) as error:  # KeyError: a head named as an attribute of ModuleDict
            raise ModelError(f"a head cannot be built: {error.args[0]}") from error

    def forward(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Logits `(n, k)` of each head, float32, of `(n, t)` int64 ids and their 0/1 mask."""
        return self.says(self.pooled(ids, mask))

    def pooled(self, ids: Tensor, mask: Tensor) -> Tensor:
        """The mean state `(n, width)` of each text, float32."""
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        return mean_pool(states.float(), mask)

    def says(self, pooled: Tensor) -> dict[str, Tensor]:
        """What each head says of pooled states; always in float32: heads are tiny, and decide ties."""
        with torch.autocast(pooled.device.type, enabled=False):
            states = self.dropout(pooled)
            return {name: head(states) for name, head in self.heads.items()}


def mean_pool(states: Tensor, mask: Tensor) -> Tensor:
    """The mean `(n, width)` of the states `(n, t, width)` where the mask is 1.

    >>> mean_pool(torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([[1, 1, 0]])).tolist()
    [[2.0]]
    """
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1).clamp_min(1.0)


def load_encoder(folder: Path, dropout: float = 0.0, *, drawn: bool = True) -> PreTrainedModel:
    """The encoder of `folder` in float32: built from its config, filled from its safetensors file, nothing else read.

    It is a BERT, or the MPNet of a teacher. `dropout` replaces the config's. An encoder is built of random numbers before it is
    filled; without `drawn` it is not, which is a third of the time that opening a model takes. Training draws them, and throws
    them away: else the heads, which are drawn next, would begin with other numbers than in the run that made a model.
    """
    config = _read_config(folder / CONFIG_FILE)
    weights = {name: t for name, t in read_tensors(folder / WEIGHTS_FILE).items() if not name.startswith(_UNUSED)}
    if is_mpnet(folder / CONFIG_FILE):
        return load_mpnet(folder, weights, dropout)
    _check_sizes(folder, config, weights)
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = dropout
    config._attn_implementation = "sdpa"
    try:
        encoder = _drawn(config, weights) if drawn else _filled(config, weights)
    except (RuntimeError, ValueError, KeyError, ArithmeticError) as error:
        raise ModelError(f"{folder} does not hold a BERT encoder: {str(error).splitlines()[0]}") from error
    return encoder


def _drawn(config: BertConfig, weights: dict[str, Tensor]) -> BertModel:
    encoder = BertModel(config, add_pooling_layer=False)
    encoder.load_state_dict(weights)
    return encoder


def _filled(config: BertConfig, weights: dict[str, Tensor]) -> BertModel:
    """The encoder with copies of the weights, float32: the file may be exchanged while they serve."""
    with torch.device("meta"):  # shapes without numbers
        encoder = BertModel(config, add_pooling_layer=False)
    encoder.load_state_dict({name: t.to(torch.float32, copy=True) for name, t in weights.items()}, assign=True)
    places = torch.arange(config.max_position_embeddings).expand(1, -1)
    for name, buffer in (("position_ids", places.clone()), ("token_type_ids", torch.zeros_like(places))):
        encoder.embeddings.register_buffer(name, buffer, persistent=False)  # not in the file
    return encoder


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Raises `ModelError` when it is none: empty, cut short, a pickle by that name."""
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path} is no safetensors file ({error}): restore the file, or train again") from error


def _read_config(path: Path) -> BertConfig:
    try:
        return BertConfig.from_json_file(path)  # type: ignore[no-any-return]
    except Exception as error:  # what transformers raises depends on the field that is wrong
        raise ModelError(f"{path} cannot be read ({str(error).splitlines()[0]}): use the original file") from error


def _check_sizes(folder: Path, config: BertConfig, weights: dict[str, Tensor]) -> None:
    """See that the config speaks of these weights, before memory is taken for what it speaks of."""
    layers = {name.split(".")[2] for name in weights if name.startswith("encoder.layer.")}
    width, positions = config.hidden_size, config.max_position_embeddings
    inner = weights.get("encoder.layer.0.intermediate.dense.weight")
    said = {
        "embeddings.word_embeddings.weight": (config.vocab_size, width),
        "embeddings.position_embeddings.weight": (positions, width),
        "embeddings.token_type_embeddings.weight": (config.type_vocab_size, width),
    }
    fits = all(name in weights and tuple(weights[name].shape) == shape for name, shape in said.items())
    fits = fits and inner is not None and tuple(inner.shape) == (config.intermediate_size, width)
    if not fits or len(layers) != config.num_hidden_layers:
        raise ModelError(f"{folder} does not hold a BERT encoder: its {CONFIG_FILE} does not fit its weights")
