"""Full fine-tuning: every layer moves; the embeddings stay, which are half of the encoder and met by rare words seldom."""

from torch import nn
from transformers import PreTrainedModel


def free_layers(encoder: PreTrainedModel) -> nn.Module:
    """`encoder` with its embeddings held fast."""
    for parameter in encoder.get_submodule("embeddings").parameters():
        parameter.requires_grad = False
    return encoder
