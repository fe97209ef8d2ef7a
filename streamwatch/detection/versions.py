"""Which model versions there are, and how to translate what one says into what another says.

A document carries its version as a code of 24 bits: of the model's name without device and numbers (`int8-cpu`), since
those are chosen so that labels stay what they are, and a fleet of different machines is one model. A first stage in front
of the model is not in the code either: it answers where it agrees with the model.

Versions are a tree. Each is introduced once, by what was measured when it was promoted: against which version, and the shift
of each series (`Table`). The way between two versions goes up to what both descend from and down again, so the way back is
the inverse, and a version that is promoted again has the shift that it always had. Nothing that was told ever changes;
what is told twice counts as it was told first. A version that is not in the tree is `UNMEASURED` from every other.

Examples:
    >>> versions = Versions()
    >>> versions.introduce(2, against=1, table=Table(Shift(0.3, 0.2), {"topic:earnings": Shift(0.5, 0.1)}))
    True
    >>> versions.introduce(3, against=2, table=Table(Shift(-0.1, 0.2), {}))
    True
    >>> [round(versions.between(name, 1, 3).log_odds, 2) for name in ("topic:earnings", "ticker:NEW")]
    [0.4, 0.2]
    >>> versions.between("all", 3, 1).log_odds == -versions.between("all", 1, 3).log_odds
    True
    >>> versions.between("all", 1, 9) == UNMEASURED, versions.between("all", 3, 3) == SAME
    (True, True)
    >>> code_of("minilm-l6+0a1b2c3d/int8-cpu") == code_of("minilm-l6+0a1b2c3d/bf16-cuda") != code_of("minilm-l6+0a1b2c3e")
    True
"""

from functools import lru_cache
from hashlib import blake2b

import msgspec

from streamwatch.detection.shift import SAME, UNMEASURED, Shift

CODE_BYTES = 3
"""Two of a hundred versions share a code with a probability of 3 in 10⁴; an entry holds it in eight digits at most."""
NO_VERSION = 0
"""Of a document that no model read: it is judged by the baseline as it is."""
KEPT_ANSWERS = 10_000


class Table(msgspec.Struct, frozen=True):
    """The shift of each series that was measured, and of all others (`pool`, whose errors hold how much series differ)."""

    pool: Shift
    series: dict[str, Shift] = {}

    def of(self, series: str) -> Shift:
        """The shift of a series."""
        return self.series.get(series, self.pool)


class Versions:
    """The tree."""

    def __init__(self) -> None:
        self._parents: dict[int, tuple[int, Table]] = {}
        self._known: set[int] = set()
        self._answers: dict[tuple[str, int, int], Shift] = {}

    def knows(self, version: int) -> bool:
        """Whether it is in the tree: introduced, or what another was measured against."""
        return version in self._known

    def introduce(self, version: int, against: int, table: Table) -> bool:
        """Add a version; False, and nothing done, where it is known already."""
        if version in self._known or version in (against, NO_VERSION):
            return False
        self._parents[version] = against, table
        self._known |= {version, against}
        self._answers.clear()
        return True

    def between(self, series: str, old: int, new: int) -> Shift:
        """How much more `new` says than `old`, of that series."""
        if old == new or NO_VERSION in (old, new):
            return SAME
        asked = series, old, new
        if asked not in self._answers:
            if len(self._answers) >= KEPT_ANSWERS:
                self._answers.clear()
            self._answers[asked] = self._found(series, old, new)
        return self._answers[asked]

    def _found(self, series: str, old: int, new: int) -> Shift:
        ups, downs = self._line(old), self._line(new)
        common = next((version for version in ups if version in downs), None)
        if common is None:
            return UNMEASURED
        way = SAME
        for version in ups[: ups.index(common)]:
            way = self._parents[version][1].of(series).inverse.after(way)
        for version in reversed(downs[: downs.index(common)]):
            way = self._parents[version][1].of(series).after(way)
        return way.bounded

    def _line(self, version: int) -> list[int]:
        """A version and what it descends from, the nearest first."""
        line = [version]
        while line[-1] in self._parents and self._parents[line[-1]][0] not in line:
            line.append(self._parents[line[-1]][0])
        return line


def name_of(model: str) -> str:
    """A model's name on records without device, numbers and first stage.

    >>> name_of("sentiment=minilm-l6+0a1b2c3d/int8-cpu;topic=bart+1f0c7de2/fp32-cpu")
    'sentiment=minilm-l6+0a1b2c3d;topic=bart+1f0c7de2'
    """
    return ";".join(part.partition("/")[0] for part in model.split(";"))


@lru_cache(maxsize=256)
def code_of(model: str) -> int:
    """The code of a model's name on records; `NO_VERSION` of none."""
    if not model:
        return NO_VERSION
    digest = blake2b(
        name_of(model).encode("utf-8", "surrogatepass"), digest_size=CODE_BYTES, person=b"version"
    ).digest()
    return int.from_bytes(digest, "big") or 1
