"""An exponential average of the weights (Polyak and Juditsky 1992; as in Tarvainen and Valpola, arXiv 1703.01780).

The average forgets the noise of single batches. Early on it follows quickly, else it would remember the start for long.

Examples:
    >>> weight = nn.Parameter(torch.zeros(1))
    >>> average = Average({"w": weight}, decay=0.9)
    >>> with torch.no_grad():
    ...     _ = weight.fill_(1.0)
    >>> average.update(step=0)
    >>> round(float(average.values["w"]), 2)  # 1 - min(0.9, 1 / 10)
    0.9
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

Parameters = Mapping[str, nn.Parameter]


class Average:
    """Follows `parameters` with `decay` a step."""

    def __init__(self, parameters: Parameters, decay: float) -> None:
        self.decay = decay
        self._parameters = parameters
        self.values: dict[str, Tensor] = {name: p.detach().clone() for name, p in parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the parameters after `step` (from 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        values = [self.values[name] for name in self._parameters]
        torch._foreach_lerp_(values, [p.detach() for p in self._parameters.values()], 1 - decay)


@torch.no_grad()
def put(parameters: Parameters, values: Mapping[str, Tensor]) -> None:
    """Overwrite the parameters with values of the same names."""
    for name, parameter in parameters.items():
        parameter.copy_(values[name])


@contextmanager
def replaced(parameters: Parameters, values: Mapping[str, Tensor] | None) -> Iterator[None]:
    """Within, the parameters have these values; None changes nothing."""
    if values is None:
        yield
        return
    kept = {name: p.detach().clone() for name, p in parameters.items()}
    put(parameters, values)
    try:
        yield
    finally:
        put(parameters, kept)
