"""The network: one encoder, mean pooling, a linear head for each task.

One pass gives both tasks. The encoder is BERT-shaped (6 layers, 384 wide for MiniLM-L6); LoRA is merged into its linear
layers before inference, so that an adapted encoder costs what the plain one costs.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from streamwatch.errors import ModelError
from streamwatch.models.base import WEIGHTS_FILE

_UNUSED = ("pooler.", "embeddings.position_ids")
"""Parts of the published weights that mean pooling does not need."""


class TwoHeads(nn.Module):
    """An encoder with a sentiment head and a topic head.

    Args:
        encoder: maps `(n, t)` token ids and mask to `(n, t, width)` states; a BertModel, or one wrapped by peft.
        width: of the states.
        n_sentiments: outputs of the sentiment head.
        n_topics: outputs of the topic head.
        dropout: on the pooled states in training; it is off at inference.
    """

    def __init__(self, encoder: nn.Module, width: int, n_sentiments: int, n_topics: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.sentiment = nn.Linear(width, n_sentiments)
        self.topic = nn.Linear(width, n_topics)

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Sentiment logits `(n, 3)` and topic logits `(n, 20)`, float32, of `(n, t)` int64 ids and their 0/1 mask."""
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        with torch.autocast(ids.device.type, enabled=False):
            pooled = self.dropout(mean_pool(states.float(), mask))
            return self.sentiment(pooled), self.topic(pooled)


def mean_pool(states: Tensor, mask: Tensor) -> Tensor:
    """The mean `(n, width)` of the states `(n, t, width)` where the mask is 1.

    >>> mean_pool(torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([[1, 1, 0]])).tolist()
    [[2.0]]
    """
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1).clamp_min(1.0)


def load_encoder(folder: Path, dropout: float = 0.0) -> BertModel:
    """The encoder of `folder` in float32: built from its config, filled from its safetensors file, nothing else read.

    `dropout` replaces the config's: adapters are trained for two epochs and underfit rather than overfit.
    """
    config = BertConfig.from_json_file(folder / "config.json")
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = dropout
    config._attn_implementation = "sdpa"
    encoder = BertModel(config, add_pooling_layer=False)
    weights = {name: t for name, t in load_file(folder / WEIGHTS_FILE).items() if not name.startswith(_UNUSED)}
    try:
        encoder.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelError(f"{folder} does not hold a BERT encoder: {str(error).splitlines()[0]}") from error
    return encoder
