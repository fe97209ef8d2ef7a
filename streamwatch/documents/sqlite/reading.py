"""Reading the day files."""

from pathlib import Path


class SqliteStore:
    """A store in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
