"""Whether a model runs with its first stage: by the setting, by whether it has one, and by whether that one is a gain."""

from pathlib import Path
from typing import Literal

from streamwatch.errors import ModelError
from streamwatch.inference.cascade.engine import CascadeEngine
from streamwatch.inference.cascade.first_stage import CASCADE_FILE, LEAST_COVERAGE, FirstStage, read_first_stage
from streamwatch.inference.engine import Engine
from streamwatch.models.manifest import Manifest

Wanted = Literal["auto", "on", "off"]


def with_cascade(engine: Engine, wanted: Wanted, folder: Path, manifest: Manifest) -> Engine:
    """The engine, with the first stage of the model in `folder` before it where that is wanted.

    `auto` takes one that answers enough to be a gain, a property of its file: a restart changes no label. Raises
    `ModelError` when it is of another model, and with `on` when there is none.
    """
    first = read_first_stage(folder) if wanted != "off" else None
    if first is None:
        if wanted == "on":
            raise ModelError(f"{folder} has no {CASCADE_FILE}: make one with `streamwatch train-cascade`, or use auto")
        return engine
    _check_fits(first, folder, manifest)
    if wanted == "auto" and first.card.coverage < LEAST_COVERAGE:
        return engine
    return CascadeEngine(first, engine)


def _check_fits(first: FirstStage, folder: Path, manifest: Manifest) -> None:
    """It repeats one model's labels: beside another adapter, or without one of its heads, its answers would be wrong."""
    its = {head.name: head.labels for head in first.card.heads}
    if first.card.adapter != manifest.adapter.sha256 or its != {head.name: head.labels for head in manifest.heads}:
        raise ModelError(
            f"{folder / CASCADE_FILE} was made for another model: make it again with `streamwatch train-cascade`"
        )
