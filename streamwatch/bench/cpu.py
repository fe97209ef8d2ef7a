"""CPU seconds and memory of another process."""

import os
from pathlib import Path

from streamwatch.errors import FatalError


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process so far.

    >>> cpu_seconds(os.getpid()) > 0
    True
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError as error:
        raise FatalError(
            f"CPU time of process {pid} cannot be read (/proc, as on Linux, is needed): {error}"
        ) from error
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Memory that a process holds now, in megabytes.

    >>> resident_mb(os.getpid()) > 1
    True
    """
    try:
        n_pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError as error:
        raise FatalError(f"memory of process {pid} cannot be read (/proc, as on Linux, is needed): {error}") from error
    return n_pages * os.sysconf("SC_PAGE_SIZE") / 1e6
