"""LoRA (Hu et al., arXiv 2106.09685): W + alpha / r · B·A on all linear layers, by peft, W held fast."""

from torch import nn
from transformers import PreTrainedModel

TARGETS = {"bert": ("query", "key", "value", "dense"), "mpnet": ("q", "k", "v", "o", "dense")}
"""All linear layers of an encoder: Dettmers et al. (arXiv 2305.14314) find that all of them are needed to match full tuning."""


def with_lora(encoder: PreTrainedModel, rank: int) -> nn.Module:
    """`encoder` with LoRA matrices of `rank`, alpha twice that."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=rank, lora_alpha=2 * rank, target_modules=list(TARGETS[encoder.config.model_type]), lora_dropout=0.0
    )
    adapted: nn.Module = get_peft_model(encoder, config)
    return adapted
