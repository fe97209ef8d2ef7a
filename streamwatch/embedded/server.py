"""A server as a child process: started on a free loopback port, waited for, stopped by its own process id.

Examples:
    >>> port = free_port()
    >>> 1024 < port < 65536
    True
"""

import atexit
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from streamwatch.embedded import launch
from streamwatch.errors import FatalError

START_TIMEOUT_S = 20.0
"""Both servers answer within 0.1 s on an idle machine; a busy one may be a hundred times slower."""

STOP_TIMEOUT_S = 5.0
"""What a server may take after SIGTERM before it is killed. Nothing is lost by that: neither keeps data on disk."""

ATTEMPTS = 5
"""Starts that are tried. Only another program that takes the free port first makes a second one necessary."""


class EmbeddedError(FatalError):
    """An embedded server cannot be started here; the text says what to do."""


class PortTakenError(Exception):
    """The server ended at once, or another one answers on its port: try a new port."""


def free_port() -> int:
    """A loopback port that nobody listens on now. Somebody may before it is used: see `ATTEMPTS`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def accepts(port: int) -> bool:
    """Whether somebody listens on a loopback port: a cheap question before a client with threads of its own asks."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class EmbeddedServer(ABC):
    """A context manager around one server process; its temporary folder goes with it.

    The server is in a session of its own, so that Ctrl-C reaches the program and not its servers: the program ends
    first, then stops them. It dies when the *thread* that started it ends (so Linux defines it), also by SIGKILL: start
    it from the main thread, or from one that lives as long as the server should.
    """

    name: str
    """What it is, in a message."""

    def __init__(self) -> None:
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None

    @abstractmethod
    def command(self, port: int, folder: Path) -> list[str]:
        """The program and its arguments. Raises `EmbeddedError` where the program is not installed."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether the process we started answers. Raises `PortTakenError` when another one does."""

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients find it."""

    @property
    def pid(self) -> int:
        """The server's process id."""
        if self.process is None:
            raise RuntimeError(f"{self.name} is not running")
        return self.process.pid

    @property
    def log(self) -> Path:
        """What the server has said."""
        if self._folder is None:
            raise RuntimeError(f"{self.name} is not running")
        return self._folder / "log"

    def start(self) -> Self:
        """Start it and wait until it answers. Raises `EmbeddedError`."""
        self._folder = Path(tempfile.mkdtemp(prefix=f"streamwatch-{self.name.lower()}-"))
        atexit.register(self.stop)
        try:
            self._start_on_a_free_port()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End it: SIGTERM, then SIGKILL; remove its folder. Does nothing when it is not running."""
        atexit.unregister(self.stop)
        self._end_process()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def check(self) -> None:
        """Raise `EmbeddedError` with its last words when it has ended by itself: what it held is lost."""
        if self.process is not None and (code := self.process.poll()) is not None:
            raise EmbeddedError(f"{self.name} ended with code {code}, and what it held is lost: {self._last_words()}")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _start_on_a_free_port(self) -> None:
        for _ in range(ATTEMPTS):
            self.port = free_port()
            self._spawn()
            try:
                return self._wait()
            except PortTakenError:
                self._end_process()
        raise EmbeddedError(f"{self.name} does not start: {self._last_words()}")

    def _spawn(self) -> None:
        command = self.command(self.port, self.log.parent)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.log.parent, start_new_session=True,
            )  # fmt: skip

    def _wait(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                raise PortTakenError
            if self.answers():
                return
            time.sleep(0.02)
        raise EmbeddedError(f"{self.name} gave no answer in {START_TIMEOUT_S:g} s: {self._last_words()}")

    def _end_process(self) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _last_words(self) -> str:
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1][:200] if lines else "it said nothing"
