"""CPU seconds of another process."""

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
