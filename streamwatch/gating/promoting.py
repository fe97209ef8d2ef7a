"""Letting a model serve, in the one order that is right: the gate first, then the detectors are told, then the pointer moves.

The detectors must know what the new model says of each series before its first document comes, so that the promotion itself
raises no alert. The command line and the dashboard both go this way.
"""

from collections.abc import Callable
from pathlib import Path

from streamwatch.gating.shift_file import read_shift
from streamwatch.models import registry as room
from streamwatch.models.gated import GATES
from streamwatch.models.pointer import Pointer, read_current
from streamwatch.models.registry import SHIPPED_NAME
from streamwatch.records import Promotion

Tell = Callable[[Promotion], None]
"""Writes the promotion into `decisions`; says itself where it cannot, and the promotion goes on: detectors then allow for a
model that nobody measured."""


def serving(registry: Path) -> str:
    """The id of the model that serves."""
    pointer = read_current(registry)
    return pointer.model if pointer else SHIPPED_NAME


def let_serve(
    registry: Path, model: str, now: str, tell: Tell, *, force: str = "", by: str = "", reason: str = ""
) -> Pointer:
    """Let `model`, which was opened before, serve from now on. Raises `ModelError` where the gate did not let it through.

    Args:
        force: the reason to promote it past a gate that failed or is missing.
        by: who does it, and `reason` why, for the history.
    """
    if model != SHIPPED_NAME:
        room.may_be_promoted(registry, model, serving(registry), force)
        told = read_shift(registry / GATES / model)
        if told is not None:
            tell(told)
    return room.promote(registry, model, now, force=force, by=by, reason=reason)
