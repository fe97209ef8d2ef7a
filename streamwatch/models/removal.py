"""Which models of a registry nobody needs any more, and taking them out.

Kept are the model that serves, what served last before it, the parents of all that is kept, and what was added a short while
ago: it may wait for its gate. What a killed `add` left behind goes, too, once it is old enough to be nobody's work.

A model is renamed before its files go, so that no reader finds half of one.

Examples:
    >>> import tempfile
    >>> from streamwatch.inference.opening import SHIPPED
    >>> from streamwatch.models.registry import add
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     registry = Path(folder)
    ...     model = add(registry, SHIPPED)
    ...     young, old = removable(registry, SHIPPED), removable(registry, SHIPPED, young_s=-1)
    ...     young, [path.name for path in old] == [model]
    ([], True)
"""

import shutil
import time
from contextlib import suppress
from pathlib import Path

from streamwatch.errors import ConfigError
from streamwatch.models.gated import GATES, LOOKS_FILE
from streamwatch.models.lineage import parent
from streamwatch.models.pointer import locked, read_current
from streamwatch.models.registry import Entry, listing

KEPT_BEFORE = 3
"""Models that served before the one that does: rolling back further than that is a week's work undone."""
YOUNG_S = 30 * 86_400
"""A month: a candidate that waits longer for its answers is trained anew."""
LEFT_BEHIND_S = 3600
"""An hour: copying a model takes seconds, over a slow share minutes."""


def removable(
    registry: Path, shipped: Path, keep: int = KEPT_BEFORE, young_s: float = YOUNG_S, now_s: float | None = None
) -> list[Path]:
    """The folders that may go: models by id, then what was left behind."""
    now_s = time.time() if now_s is None else now_s
    entries = {entry.model: entry for entry in listing(registry)}
    kept = _kept(registry, entries, keep, shipped)
    old = [name for name in entries if name not in kept and _age_s(registry / "models" / name, now_s) > young_s]
    hidden = sorted((registry / "models").glob(".*"))
    return [registry / "models" / name for name in old] + [
        folder for folder in hidden if _age_s(folder, now_s) > LEFT_BEHIND_S
    ]


def remove(registry: Path, shipped: Path, keep: int = KEPT_BEFORE, young_s: float = YOUNG_S) -> list[Path]:
    """Take out what may go; gives the folders that went. Raises `ConfigError` when the registry cannot be written."""
    with locked(registry):
        gone = removable(registry, shipped, keep, young_s)
        for folder in gone:
            try:
                _remove(registry, folder)
            except OSError as error:
                raise ConfigError(f"{folder}: cannot be removed ({error.strerror})") from error
    return gone


def _kept(registry: Path, entries: dict[str, Entry], keep: int, shipped: Path) -> set[str]:
    pointer = read_current(registry)
    kept = {pointer.model, *pointer.previous[max(0, len(pointer.previous) - keep) :]} if pointer else set()
    waiting = list(kept)
    while waiting:
        entry = entries.get(waiting.pop())
        found = parent(registry, entry.manifest, shipped).model if entry and entry.manifest else ""
        if found and found not in kept:
            kept.add(found)
            waiting.append(found)
    return kept


def _age_s(folder: Path, now_s: float) -> float:
    """How old a folder is; one that somebody else took away meanwhile is nobody's to remove."""
    try:
        return now_s - folder.stat().st_mtime
    except FileNotFoundError:
        return float("-inf")


def _remove(registry: Path, folder: Path) -> None:
    hidden = folder if folder.name.startswith(".") else folder.with_name(f".gone.{folder.name}")
    if hidden != folder:
        folder.rename(hidden)
    shutil.rmtree(hidden)
    _remove_gate(registry / GATES / folder.name)


def _remove_gate(folder: Path) -> None:
    """Its report goes with a model. Which answers were asked stays: they are used up, whatever became of the candidate."""
    for path in folder.glob("*"):
        if path.name != LOOKS_FILE:
            path.unlink(missing_ok=True)
    with suppress(OSError):  # it has looks, or was never there
        folder.rmdir()
