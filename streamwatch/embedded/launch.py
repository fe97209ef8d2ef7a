"""Become another program, and die with the parent: `python launch.py PARENT_PID PROGRAM ARGUMENT…`.

A small program instead of a `preexec_fn`, because code between fork and exec can deadlock in a process with threads,
and whoever starts a broker has already started torch's. The process id stays the same through `exec`, so the parent
holds the id of the program itself. Standard library only: it runs isolated (`python -I -S`), in some 15 ms.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent(parent_pid: int) -> None:
    """Ask Linux for SIGKILL when the parent dies, however it dies. Elsewhere this does nothing.

    The parent may have died before the request was made: then the process has already been given to another parent.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:
        sys.exit(1)


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])
