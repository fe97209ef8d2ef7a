"""What a search has tried so far, in the folder of the model to be, so that a killed search goes on where it was.

Examples:
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tried = Tried(Path(folder), run="ab12")
    ...     first = tried.score(Plan(), 1 / 3, lambda: 0.5)
    ...     Tried(Path(folder), run="ab12").score(Plan(), 1 / 3, lambda: 0.9), Tried(Path(folder), "another").n
    (0.5, 0)
"""

from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import msgspec

from streamwatch.learning.plan import Plan

SEARCH_FILE = "search.json"


class _Kept(msgspec.Struct, frozen=True):
    """The file: of which run (its data and its settings), and the dev score of each trial."""

    run: str
    scores: dict[str, float]


class Tried:
    """The scores of a search.

    Args:
        folder: of the model; made with the first score.
        run: a hash of everything that two searches have in common when they are the same. A file of another is not read.
    """

    def __init__(self, folder: Path, run: str) -> None:
        self._path, self._run = folder / SEARCH_FILE, run
        self._scores = self._read()

    @property
    def n(self) -> int:
        """Trials that are known."""
        return len(self._scores)

    def score(self, plan: Plan, share: float, find: Callable[[], float]) -> float:
        """The dev score of a plan with this share of the texts: the known one, or the one that `find` gives, kept at once."""
        name = _name(plan, share)
        if name not in self._scores:
            self._scores[name] = find()
            self._write()
        return self._scores[name]

    def _read(self) -> dict[str, float]:
        with suppress(OSError, msgspec.DecodeError):
            kept = msgspec.json.decode(self._path.read_bytes(), type=_Kept)
            return kept.scores if kept.run == self._run else {}
        return {}

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(_Kept(self._run, self._scores)))
        new.replace(self._path)


def _name(plan: Plan, share: float) -> str:
    return sha256(msgspec.json.encode((plan, round(share, 6)))).hexdigest()[:16]
