"""What the packed pass asks of a multiplication, whatever numbers it computes in."""

from typing import Protocol

from torch import Tensor


class Linear(Protocol):
    """y = x·Wᵀ + b for the rows of a matrix, with what follows it in an encoder fused to it.

    `x` is what the pass before gave: the states in the pass's numbers, or what `gelu` gave.
    """

    def __call__(self, x: Tensor) -> Tensor:
        """y."""
        ...

    def gelu(self, x: Tensor) -> Tensor:
        """gelu(y), in the form that the layer after wants."""
        ...

    def plus(self, x: Tensor, states: Tensor) -> Tensor:
        """y + states."""
        ...
