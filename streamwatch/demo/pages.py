"""The dashboard and the indexer beside a worker, as child processes.

Examples:
    >>> url_in('loading\\n{"url":"http://127.0.0.1:8080/","version":"0.1.0"}\\n'), url_in("nothing yet")
    ('http://127.0.0.1:8080/', '')
"""

import json
import threading
import time
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from streamwatch.config import Settings
from streamwatch.demo.child import Child
from streamwatch.errors import FatalError

MISSING = "no dashboard: pip install 'streamwatch[dashboard]'"
READY_S = 60.0
"""How long the dashboard may take to listen: some seconds, and several times that on a busy machine."""
LOOK_S = 0.1


def installed() -> bool:
    """Whether the packages that the dashboard stands on are there."""
    return all(find_spec(name) is not None for name in ("fastapi", "uvicorn", "authlib"))


class Pages:
    """A context manager: starts both when entered, stops both at the end.

    Args:
        settings: of the deployment; `documents` names a folder.
        folder: for what they say.
        port: to listen on; 0: any that is free.
    """

    def __init__(self, settings: Settings, folder: Path, port: int = 0) -> None:
        command = ("streamwatch", "dashboard", "--host", "127.0.0.1", "--port", str(port), "--json")
        self._dashboard = Child("dashboard", settings, command, folder / "dashboard.log")
        self._indexer = Child("indexer", settings, ("streamwatch", "index"), folder / "indexer.log")
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._indexer)
            stack.enter_context(self._dashboard)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def check(self) -> None:
        """Raise `FatalError` with the last words of one that has ended."""
        self._dashboard.check()
        self._indexer.check()

    def url(self, stop: threading.Event) -> str:
        """Where the dashboard is; waits until it listens. Empty when `stop` is set first. Raises `FatalError`."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            self.check()
            if url := url_in(self._dashboard.log.read_text(errors="replace")):
                return url
            if stop.wait(LOOK_S):
                return ""
        raise FatalError(f"the dashboard does not listen after {READY_S:g} s: {self._dashboard.last_words()}")


def url_in(said: str) -> str:
    """The address in what a dashboard has said; empty before it is ready."""
    for line in said.splitlines():
        if line.startswith('{"url"'):
            return str(json.loads(line)["url"])
    return ""
