"""The processes of one run: what they do together, and who writes.

`torchrun --nproc-per-node 2 -m streamwatch retrain …` starts several processes that find each other by their environment. They
speak over gloo, on CPUs; alone, every question answers itself.

Examples:
    >>> alone = Company()
    >>> alone.leads, alone.any(True), alone.same(0.5), list(alone.own(4))
    (True, True, 0.5, [0, 1, 2, 3])
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed
from torch import Tensor

T = TypeVar("T")

PATIENCE = timedelta(hours=2)
"""How long the others wait for the one that reads and writes: hearing the incumbent of 50,000 texts takes it minutes."""


class Company:
    """`size` processes, of which this one has `rank`."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size

    @property
    def leads(self) -> bool:
        """Whether this process reads, writes and speaks for all."""
        return self.rank == 0

    def own(self, n_parts: int) -> range:
        """Which of `n_parts` parts of the work are this process's."""
        return range(self.rank, n_parts, self.size)

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Each tensor becomes its sum over all processes, the same bits for everyone."""
        if self.size == 1:
            return
        flat = torch.cat([t.flatten() for t in tensors])
        torch.distributed.all_reduce(flat)
        for t, summed in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            t.copy_(summed.view_as(t))

    def same(self, number: float) -> float:
        """The leader's number: no two processes may decide differently by a last bit."""
        if self.size == 1:
            return number
        said = torch.tensor([number], dtype=torch.float64)
        torch.distributed.broadcast(said, 0)
        return float(said)

    def any(self, flag: bool) -> bool:
        """Whether the flag is up anywhere."""
        if self.size == 1:
            return flag
        said = torch.tensor([float(flag)])
        torch.distributed.all_reduce(said)
        return bool(said > 0)

    def led(self, work: Callable[[], T], read: Callable[[], T]) -> T:
        """What the leader's `work` leaves on disk, read by the others when it is done.

        An error of the leader's is everybody's: the others end with a line that says so.
        """
        if self.size == 1:
            return work()
        made = None
        if self.leads:
            try:
                made = work()
            except BaseException:
                self.any(True)
                raise
        if self.any(False):
            raise SystemExit(1)
        return made if made is not None else read()


@contextmanager
def company() -> Iterator[Company]:
    """The company that `torchrun` made, or this process alone."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Company()
        return
    torch.distributed.init_process_group("gloo", timeout=PATIENCE)
    try:
        yield Company(torch.distributed.get_rank(), size)
    finally:
        torch.distributed.destroy_process_group()
