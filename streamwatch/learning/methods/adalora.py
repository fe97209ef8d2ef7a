"""AdaLoRA (Zhang et al., arXiv 2303.10512): LoRA whose ranks move in training to the matrices that need them, by peft.

It starts with half as much rank again as the plan says and takes it away step by step between a tenth and seven tenths of the
run. What it remembers of every factor's importance is a part of the run's state, so that a killed run goes on to the same bits.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertModel

from streamwatch.errors import ConfigError
from streamwatch.learning.methods.lora import TARGETS

START = 1.5
"""The rank at first over the rank in the end, as in the source's experiments."""

BEGIN, END = 0.1, 0.7
"""The shares of the run between which ranks move; the rest trains what is left."""

ORTHOGONAL = 0.1
"""Of the penalty that keeps factors orthogonal, so that one number tells a factor's importance (the source: .1 to .5)."""

FEWEST_STEPS = 10
"""A shorter run has no time to move anything."""

_KEPT, _MASKS = ("exp_avg_ipt", "exp_avg_unc"), "rank_pattern"


def with_adalora(encoder: BertModel, rank: int, n_steps: int) -> nn.Module:
    """`encoder` with AdaLoRA matrices whose mean rank ends at `rank` after `n_steps`. Raises `ConfigError` on too few."""
    if n_steps < FEWEST_STEPS:
        raise ConfigError(f"--method adalora moves ranks over {FEWEST_STEPS} steps or more, this run has {n_steps}")
    from peft import AdaLoraConfig, get_peft_model

    config = AdaLoraConfig(
        init_r=round(START * rank),
        target_r=rank,
        lora_alpha=2 * rank,
        target_modules=list(TARGETS["bert"]),
        total_step=n_steps,
        tinit=max(1, round(BEGIN * n_steps)),
        tfinal=max(1, round((1 - END) * n_steps)),
        deltaT=max(1, n_steps // 200),
        orth_reg_weight=ORTHOGONAL,
    )
    adapted: nn.Module = get_peft_model(encoder, config)
    return adapted


class Ranks:
    """Moves the ranks of an encoder with AdaLoRA matrices."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._factors = [p for name, p in model.named_parameters() if "lora_A" in name or "lora_B" in name]

    def penalty(self) -> Tensor:
        """How far the factors are from orthogonal, weighted."""
        return ORTHOGONAL * torch.stack([_skew(p) for p in self._factors]).mean()

    def move(self, step: int) -> None:
        """After the optimiser's step number `step` (from 0), the gradients still there."""
        self._model.update_and_allocate(step)

    def state(self) -> dict[str, Tensor]:
        """What must be kept for a run that goes on: the importance of every factor, and which are masked."""
        kept = {f"{kind}/{name}": t for kind in _KEPT for name, t in getattr(self._allocator, kind).items()}
        masks = self._config.rank_pattern or {}
        return kept | {f"{_MASKS}/{name}": torch.tensor(mask) for name, mask in masks.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Put the state back."""
        for kind in _KEPT:
            setattr(self._allocator, kind, _under(kind, state))
        self._allocator.ipt = {name: torch.zeros_like(t) for name, t in self._allocator.exp_avg_ipt.items()}
        self._config.rank_pattern = {name: mask.tolist() for name, mask in _under(_MASKS, state).items()} or None

    @property
    def _config(self) -> Any:
        return self._allocator.peft_config

    @property
    def _allocator(self) -> Any:
        return self._model.rankallocator


def _under(kind: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{kind}/"): t for name, t in state.items() if name.startswith(f"{kind}/")}


def _skew(factor: Tensor) -> Tensor:
    square = factor @ factor.T if factor.shape[0] < factor.shape[1] else factor.T @ factor
    return (square - torch.eye(len(square))).norm()


def ranks_of(encoder: nn.Module) -> Ranks | None:
    """What moves the ranks of `encoder`; None where these stand."""
    inner = getattr(encoder, "base_model", None)
    return Ranks(inner) if hasattr(inner, "rankallocator") else None
