"""A program of ours as a child process that dies with its parent."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from streamwatch.config import Settings, environment
from streamwatch.embedded import launch
from streamwatch.errors import FatalError

STOP_S = 10.0
"""What a child may take to end in good order; then it is killed, which loses nothing."""


class Child:
    """`python -m …` with these settings, in a session of its own so that Ctrl-C reaches only us.

    Args:
        name: what it is, in a message.
        settings: that its environment gives it.
        module: with the arguments after it.
        log: the file that gets all it says.
    """

    def __init__(self, name: str, settings: Settings, module: tuple[str, ...], log: Path) -> None:
        self.name = name
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self._settings = settings
        self._module = module

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", *self._module]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), *command],
                env=os.environ | environment(self._settings), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.log.parent, start_new_session=True,
            )  # fmt: skip
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self.process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def check(self) -> None:
        """Raise `FatalError` with its last words if it has ended."""
        if self.process is not None and self.process.poll() is not None:
            raise FatalError(f"the {self.name} ended with code {self.process.returncode}: {self.last_words()}")

    def last_words(self) -> str:
        """The last line of its log that is ours, else the last one."""
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        ours = [line.removeprefix("streamwatch: ") for line in lines if line.startswith("streamwatch: ")]
        return (ours or lines or ["it said nothing"])[-1]
