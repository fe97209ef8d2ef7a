"""Cores and torch's threads: the parallel ones are ours, each of them computes on one core.

Examples:
    >>> n_cores() >= 1
    True
    >>> breathe()                      # this thread was not asked to give way: it goes on at once
"""

import os
import sys
import threading
import time

_giving_way = threading.local()


def n_cores() -> int:
    """Cores that this process may use: a container or `taskset` may give it fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def one_core() -> None:
    """Let torch compute with one thread in the calling thread, where a model has brought torch along."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


def give_way() -> None:
    """From now on the calling thread rests whenever it comes to `breathe`: others compute beside it, and go first.

    Not by a lower priority: a thread that waits for a processor while it holds the interpreter's lock makes everybody wait.
    """
    _giving_way.since_s = time.thread_time()


def breathe() -> None:
    """Between two steps of some long work: in a thread that gives way, rest for as long as it has computed since it rested."""
    since_s = getattr(_giving_way, "since_s", None)
    if since_s is not None:
        time.sleep(max(0.0, time.thread_time() - since_s))
        _giving_way.since_s = time.thread_time()
