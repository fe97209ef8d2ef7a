"""Which process runs on which core: what is measured has one to itself, broker, Redis and the bench the others.

Examples:
    >>> apart({0, 1})
    Cores(measured=frozenset({1}), others=frozenset({0}))
    >>> apart({3}) is None
    True
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Cores(NamedTuple):
    """Of what is measured, and of everything else."""

    measured: frozenset[int]
    others: frozenset[int]


def apart(cores: Iterable[int]) -> Cores | None:
    """One core for what is measured; None where there is only one, or where the system cannot pin."""
    ordered = sorted(cores)
    return Cores(frozenset(ordered[-1:]), frozenset(ordered[:-1])) if len(ordered) > 1 else None


@contextmanager
def pinned_apart(wanted: bool) -> Iterator[Cores | None]:
    """Move this process, and with it the servers that it starts, off the core of what is measured."""
    mine = os.sched_getaffinity(0) if wanted and hasattr(os, "sched_setaffinity") else set()
    cores = apart(mine)
    if cores is None:
        yield None
        return
    os.sched_setaffinity(0, cores.others)
    try:
        yield cores
    finally:
        os.sched_setaffinity(0, mine)


def pin(pid: int, cores: Cores | None) -> None:
    """Give a process that has just been started, and the threads that it will start, the measured core."""
    if cores is not None:
        os.sched_setaffinity(pid, cores.measured)
