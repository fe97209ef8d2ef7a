"""The right to write a store: one process has it, and says who it is.

The lock is the kernel's, on an open file, so it goes with the process however that ends.
"""

import fcntl
import os
import socket
from pathlib import Path
from typing import IO

from streamwatch.errors import FatalError

FILE = "writer.lock"


class WriterLock:
    """Held from its making until `release`. Raises `FatalError` where somebody else holds it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file: IO[str] = (folder / FILE).open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.seek(0)
            holder = self._file.read().strip() or "another process"
            self._file.close()
            raise FatalError(
                f"{folder} is being written by {holder}: one indexer is enough, stop that one first"
            ) from error
        self._file.truncate(0)
        self._file.write(f"process {os.getpid()} on {socket.gethostname()}")
        self._file.flush()

    def release(self) -> None:
        """Let others write."""
        self._file.close()
