"""The model's files, and the device it would run on. Nothing is loaded but torch itself."""

import os
from collections.abc import Iterator
from pathlib import Path

from streamwatch.config import Settings
from streamwatch.doctor.finding import Finding, fail, ok, warn
from streamwatch.errors import FatalError, ModelError
from streamwatch.inference.opening import describe_model, locate
from streamwatch.models.registry import listing, promoted


def check_model(settings: Settings) -> Iterator[Finding]:
    """The model's files are found and have the hashes that its manifest names; classifiers know what their labels mean."""
    found = describe_model(settings)
    if found.problem:
        yield fail("model", found.problem, "see docs/models.md")
    elif found.model == "null":
        yield warn("model", "null: labels are drawn by a hash, for tests", "STREAMWATCH_MODEL=default for real labels")
    elif not found.adapter:
        yield ok("model", found.model)
    else:
        yield ok("model", f"{found.model}: adapter {found.adapter}, encoder {found.base}, hashes right")


def check_registry(settings: Settings) -> Iterator[Finding]:
    """The registry's pointer can be read, and names a model that is what was added."""
    if not settings.registry:
        yield ok("registry", "none: the model is the one that STREAMWATCH_MODEL names")
        return
    registry = Path(settings.registry)
    try:
        serving = promoted(registry)
        n_models = len(listing(registry))
    except ModelError as error:
        yield fail("registry", str(error), "`streamwatch models roll-back`, or promote another model")
        return
    seen = f"{n_models} models, {serving.name if serving else 'shipped'} serves"
    if settings.model != "default":
        yield warn("registry", f"{seen}, but not here: STREAMWATCH_MODEL={settings.model}", "STREAMWATCH_MODEL=default")
    else:
        yield ok("registry", seen)


def check_device(settings: Settings) -> Iterator[Finding]:
    """Where the model would run, in which numbers, with how many threads."""
    if settings.model == "null":
        yield ok("device", "the null model needs none")
        return
    import torch

    from streamwatch.inference.numeric import place

    try:
        placement = place(settings.device)
    except ModelError as error:
        yield fail("device", "there is no CUDA device", str(error))
        return
    name = torch.cuda.get_device_name() if placement.device == "cuda" else "CPU"
    numbers = placement.format if placement.device == "cuda" else _numbers(settings)
    yield ok("device", f"{name}, {numbers}, torch {torch.__version__}")
    if placement.device == "cpu":
        yield _threads(settings.threads or torch.get_num_threads(), _cores())


def _numbers(settings: Settings) -> str:
    """In which numbers a CPU would compute the model: as the setting says, or as the probe has found."""
    from streamwatch.inference.numeric import remembered

    if settings.precision != "auto":
        return settings.precision
    try:
        found = remembered(locate(settings).manifest, settings)
    except FatalError:  # `check_model` says what is wrong with it
        found = ""
    return found or "numbers chosen at the first start"


def _threads(n: int, cores: int) -> Finding:
    if n > cores:
        return warn("threads", f"{n} on {cores} cores: they wait for each other", f"STREAMWATCH_THREADS={cores}")
    return ok("threads", f"{n} on {cores} cores")


def _cores() -> int:
    """The cores that this process may use, which in a container are fewer than the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
