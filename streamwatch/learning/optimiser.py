"""AdamW in groups: the encoder's layers with their own learning rates, the heads with a higher one, no decay on vectors.

Examples:
    >>> [round(schedule(p, 0.1), 2) for p in (0.0, 0.05, 0.1, 0.55, 1.0)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
"""

import re
from typing import Any

import torch
from torch import nn

from streamwatch.learning.plan import Plan

_LAYER = re.compile(r"layer\.(\d+)\.")


def make_optimiser(parameters: dict[str, nn.Parameter], plan: Plan) -> torch.optim.AdamW:
    """The optimiser of a plan; each group remembers its peak rate as `peak`."""
    top = max((_layer(name) for name in parameters), default=0)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in parameters.items():
        groups.setdefault((_peak(name, top, plan), plan.weight_decay * (parameter.ndim > 1)), []).append(parameter)
    made: list[dict[str, Any]] = [
        {"params": members, "lr": peak, "peak": peak, "weight_decay": decay}
        for (peak, decay), members in groups.items()
    ]
    return torch.optim.AdamW(made, fused=True)


def _peak(name: str, top: int, plan: Plan) -> float:
    if name.startswith(("heads.", "members.")):
        return plan.head_learning_rate
    return plan.rate * plan.layer_decay ** (top - _layer(name))


def _layer(name: str) -> int:
    match = _LAYER.search(name)
    return int(match[1]) if match else 0


def set_rates(optimiser: torch.optim.AdamW, factor: float) -> None:
    """Every group's learning rate is its peak times `factor`."""
    for group in optimiser.param_groups:
        group["lr"] = group["peak"] * factor


def schedule(progress: float, warmup: float) -> float:
    """The learning rate's factor: up from 0 during the warm-up, then down to 0 in a line."""
    return progress / warmup if progress < warmup else max(0.0, 1 - progress) / (1 - warmup)
