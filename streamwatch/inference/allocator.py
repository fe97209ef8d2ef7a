"""Keep the memory that a pass has used: glibc gives it back to the system after each, and the next one pays for new pages.

A pass of the encoder allocates matrices of some megabytes and frees them at once. glibc's `malloc` maps such blocks anew or trims
its heap behind them, and every page that is touched again is a fault: an eighth of the time of a pass in int8 was spent
on that. So the thresholds are raised, once for the process. What is kept is what the largest batch needs, some tens
of megabytes a thread, and it is used again: memory stays flat.

Examples:
    >>> keep_freed_memory() in (True, False)
    True
"""

import ctypes
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
"""Parameters of `mallopt` (malloc.h)."""
NEVER_BYTES = (1 << 31) - 1
TOP_PAD_BYTES = 64 << 20
"""By which the heap grows at once: about what a pass of one thread needs."""


def keep_freed_memory() -> bool:
    """Raise the thresholds; whether the allocator took them. Elsewhere than with glibc nothing is done."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # musl has none
        return False
    wanted = {M_MMAP_THRESHOLD: NEVER_BYTES, M_TRIM_THRESHOLD: NEVER_BYTES, M_TOP_PAD: TOP_PAD_BYTES}
    return all(mallopt(name, value) for name, value in wanted.items())
