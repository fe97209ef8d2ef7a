"""A promotion as a decision: what a new model version says of each series, beside the version before it.

It is written before the pointer moves, so before any document of the version comes. An evaluator that meets the version has
it, and so has every replay; what it does takes effect by the version on each document, and no time is in it. A version is
told once. One that nobody told of is told of by the worker that meets it, as `unmeasured`.

Examples:
    >>> from streamwatch.detection.shift import Shift
    >>> table = Table(Shift(0.3, 0.1, 0.2, 0.1, 0.0, 0.1), {"all": Shift(0.25, 0.02, 0.2, 0.02, 0.0, 0.0)})
    >>> told = promotion("minilm+0a", "minilm+0b", table, n_documents=2000, made_by="ana", made_at_ms=0)
    >>> versions = Versions()
    >>> introduce(versions, told), versions.between("all", code_of("minilm+0a"), code_of("minilm+0b")).log_odds
    (True, 0.25)
    >>> introduce(versions, unmeasured(7, 9, made_at_ms=0)), versions.between("all", 9, 7) == UNMEASURED
    (True, True)
"""

import msgspec

from streamwatch.detection.shift import UNMEASURED, Shift
from streamwatch.detection.versions import Table, Versions, code_of, name_of
from streamwatch.records import Promotion, ShiftOf
from streamwatch.timeline import from_ms

DIGITS = 4
"""Of a shift on the wire: its error is in the second."""
MADE_BY = "worker"


def promotion(
    old: str, new: str, table: Table, *, n_documents: int, made_by: str, made_at_ms: int, comment: str = ""
) -> Promotion:
    """The record of a measured promotion of the model `new` over `old` (names as on records).

    Raises `ValueError` where both are one version: there is nothing to tell.
    """
    if code_of(old) == code_of(new):
        raise ValueError(f"{name_of(new)} is the version that serves already")
    return Promotion(
        version=code_of(new),
        against=code_of(old),
        model=name_of(new),
        against_model=name_of(old),
        n_documents=n_documents,
        pool=_written(table.pool),
        series={name: _written(shift) for name, shift in sorted(table.series.items())},
        made_by=made_by,
        made_at=from_ms(made_at_ms),
        comment=comment,
    )


def unmeasured(version: int, against: int, *, made_at_ms: int) -> Promotion:
    """The record of a version that came without one: no move, and wide errors."""
    return Promotion(
        version=version,
        against=against,
        pool=_written(UNMEASURED),
        made_by=MADE_BY,
        made_at=from_ms(made_at_ms),
        comment="nobody measured this version before its documents came",
    )


def introduce(versions: Versions, told: Promotion) -> bool:
    """Add it to the tree of versions; False where the version is known already."""
    series = {name: _read(shift) for name, shift in told.series.items()}
    return versions.introduce(told.version, told.against, Table(_read(told.pool), series))


def _written(shift: Shift) -> ShiftOf:
    return ShiftOf(**{name: round(value, DIGITS) for name, value in msgspec.structs.asdict(shift).items()})


def _read(shift: ShiftOf) -> Shift:
    return Shift(**msgspec.structs.asdict(shift))
