"""The Faust worker as a child process."""

from pathlib import Path

from streamwatch.config import Settings
from streamwatch.demo.child import Child


class Worker(Child):
    """`faust -A streamwatch worker` with these settings."""

    def __init__(self, settings: Settings, log: Path) -> None:
        super().__init__("worker", settings, ("faust", "-A", "streamwatch", "worker", "-l", "warn"), log)
