"""Cores and torch's threads: the parallel ones are ours, each of them computes on one core.

Examples:
    >>> n_cores() >= 1
    True
"""

import os
import sys


def n_cores() -> int:
    """Cores that this process may use: a container or `taskset` may give it fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def one_core() -> None:
    """Let torch compute with one thread in the calling thread, where a model has brought torch along."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
