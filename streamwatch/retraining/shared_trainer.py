"""The training loop of a retraining: guarded by springs, and shared out over processes.

Every batch is cut into the same parts whatever the number of processes; each part has dropout of its own, seeded by step and
part, and gradients are added up. So one process and several make the same model up to the order of additions.
"""

from collections.abc import Sequence
from typing import Any

import torch

from streamwatch.learning.trainer import Trainer
from streamwatch.retraining.company import Company
from streamwatch.retraining.elastic import Springs

PARTS = 4
"""Of a batch: so many processes can share the work, and parts of eight texts still fill a core's vector units."""


class SharedTrainer(Trainer):
    """A `Trainer` that shares its steps with the processes of `company` and is held by `springs`."""

    def __init__(self, *told: Any, company: Company, springs: Springs | None = None, **more: Any) -> None:
        super().__init__(*told, **more)
        self.company, self.springs = company, springs

    def _learn(self, batch: list[int]) -> float:
        parts = _parts(batch, PARTS)
        loss = torch.zeros(1)
        for i in self.company.own(len(parts)):
            torch.manual_seed((self.plan.seed * 1_000_003 + self._state.step) * PARTS + i)
            part = self._loss(parts[i]) * (len(parts[i]) / len(batch))
            part.backward()  # type: ignore[no-untyped-call]
            loss += part.detach()
        if self.springs is not None and self.company.leads:
            held = self.springs.penalty()
            held.backward()  # type: ignore[no-untyped-call]
            loss += held.detach()
        self.company.add_up([*self._gradients(), loss])
        return float(loss)

    def _gradients(self) -> list[torch.Tensor]:
        """All gradients; one that no part of the batch touched is zero, since another process may have touched it."""
        for parameter in self.parameters.values():
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        return [parameter.grad for parameter in self.parameters.values() if parameter.grad is not None]

    def _score(self) -> float:
        return self.company.same(super()._score())

    def _asked(self) -> bool:
        return self.company.any(super()._asked())

    def _save(self) -> None:
        if self.company.leads:
            super()._save()


def _parts(batch: Sequence[int], n: int) -> list[list[int]]:
    """`batch` in at most `n` parts of neighbours: it is sorted by length, so that each part pads little.

    >>> _parts([1, 2, 3, 4, 5], 2)
    [[1, 2, 3], [4, 5]]
    """
    size = -(-len(batch) // n)
    return [list(batch[i : i + size]) for i in range(0, len(batch), size)]
