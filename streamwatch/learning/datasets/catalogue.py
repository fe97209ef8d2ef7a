"""The data sets that the project knows by name, and which of them a model that ships may learn from.

Examples:
    >>> find("fiqa").lacks
    ('neutral',)
    >>> "airline" in names(), "airline" in [entry.name for entry in permissive()]
    (True, False)
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from streamwatch.errors import ConfigError
from streamwatch.learning.datasets.entry import DataSet, read_entry


@cache
def _shipped() -> dict[str, DataSet]:
    folder = files("streamwatch.learning.datasets")
    paths = sorted((path for path in folder.iterdir() if path.name.endswith(".yml")), key=lambda path: path.name)
    entries = [read_entry(path.read_bytes(), path.name) for path in paths]
    return {entry.name: entry for entry in entries}


def names() -> list[str]:
    """All names, sorted."""
    return list(_shipped())


def find(name: str) -> DataSet:
    """A known data set by name, or the one that a YAML file of that path describes. Raises `ConfigError`."""
    if name in _shipped():
        return _shipped()[name]
    path = Path(name)
    if path.suffix in (".yml", ".yaml") and path.is_file():
        return read_entry(path.read_bytes(), name)
    raise ConfigError(f"{name} is no data set: name a YAML file, or one of {', '.join(names())}")


def permissive() -> list[DataSet]:
    """The labelled data sets whose licence lets a model that ships learn from them."""
    return [entry for entry in _shipped().values() if entry.permissive and entry.task]


def check_trainable(entries: Sequence[DataSet], *, release: bool) -> None:
    """Raises `ConfigError` when a data set may not be learned from; with `release`, when a shipped model may not.

    The list is the project's own: that a user's YAML file calls itself permissive is no proof.
    """
    for entry in entries:
        if entry.never_train:
            raise ConfigError(f"{entry.name} is never learned from: it is there to measure on")
        if release and (entry != _comparable(entry) or not entry.permissive):
            allowed = ", ".join(known.name for known in _shipped().values() if known.permissive)
            raise ConfigError(f"--release learns from none but {allowed}; {entry.name} is not of these")


def _comparable(entry: DataSet) -> DataSet | None:
    """The shipped entry of that name with this one's choices of weight: those are nobody's licence."""
    known = _shipped().get(entry.name)
    if known is None:
        return None
    choices = {name: getattr(entry, name) for name in ("repeat", "balance", "weight")}
    return type(known)(**{field: getattr(known, field) for field in known.__struct_fields__} | choices)
