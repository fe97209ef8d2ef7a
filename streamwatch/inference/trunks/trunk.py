"""The door to the encoder: rows of token ids in, the mean state of each out."""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

Row = Sequence[int]


class Trunk(Protocol):
    """Computes the encoder's pass in some format of numbers. Safe for several threads at once."""

    @property
    def name(self) -> str:
        """Numbers and device, as they stand in the model's version: `int8-cpu`."""
        ...

    def pooled(self, rows: Sequence[Row]) -> Tensor:
        """The mean state `(n, width)` of each row, float32, on the CPU.

        A row's numbers depend on that row alone: not on its neighbours, their number or its place among them.
        """
        ...
