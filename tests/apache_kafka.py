"""A real Apache Kafka for tests, by the `kafka` script in the folder that STREAMWATCH_TEST_KAFKA_HOME names."""

import atexit
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Self

HOME_VARIABLE = "STREAMWATCH_TEST_KAFKA_HOME"


def kafka_home() -> Path | None:
    """Where the script is, or None when tests against Apache Kafka are to be skipped."""
    home = os.environ.get(HOME_VARIABLE)
    return Path(home) if home else None


class ApacheKafka:
    """One cluster of `nodes` nodes in `folder`, stopped at the end however the tests end (but for SIGKILL)."""

    def __init__(self, home: Path, folder: Path, nodes: int = 1) -> None:
        self._script = home / "kafka"
        self._folder = folder
        self._nodes = nodes
        self.cluster: dict[str, Any] = {}

    @property
    def url(self) -> str:
        """`kafka://127.0.0.1:PORT[,…]`."""
        return f"kafka://{self.cluster['bootstrap']}"

    def kill(self, node: int) -> None:
        """A crash of one node (SIGKILL)."""
        self._run("kill", "--node", str(node))

    def restart(self, node: int) -> None:
        """Start a killed node again on its own data."""
        self._run("restart", "--node", str(node))

    def pause(self, node: int) -> None:
        """Stop a node without killing it (SIGSTOP)."""
        self._run("pause", "--node", str(node))

    def resume(self, node: int) -> None:
        """Let a paused node go on (SIGCONT)."""
        self._run("resume", "--node", str(node))

    def start(self) -> Self:
        """Start the cluster and wait until it answers."""
        self.cluster = json.loads(self._started())
        atexit.register(self.stop)
        return self

    def _started(self) -> str:
        """What the script says. The cluster's id is drawn at random, and one that begins with a dash passes for an option."""
        try:
            return self._run("start", "--nodes", str(self._nodes))
        except RuntimeError as error:
            if "expected one argument" not in str(error):
                raise
            shutil.rmtree(self._folder, ignore_errors=True)
            return self._run("start", "--nodes", str(self._nodes))

    def stop(self) -> None:
        """Stop every node."""
        atexit.unregister(self.stop)
        self._run("stop")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _run(self, command: str, *arguments: str) -> str:
        # The nodes inherit what they are given, so their output must not be our pipe: it goes to their own logs.
        done = subprocess.run(
            [str(self._script), command, "--dir", str(self._folder), *arguments],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"kafka {command}: {done.stderr.strip()}")
        return done.stdout
