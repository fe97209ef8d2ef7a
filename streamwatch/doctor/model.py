"""The model's files, and the device it would run on. Nothing is loaded but torch itself."""

import os
from collections.abc import Iterator

from streamwatch.config import Settings
from streamwatch.doctor.finding import Finding, fail, ok, warn
from streamwatch.errors import ModelError
from streamwatch.inference.opening import describe_model


def check_model(settings: Settings) -> Iterator[Finding]:
    """Adapter and encoder are found and have the hashes that the manifest names."""
    found = describe_model(settings)
    if found.problem:
        yield fail("model", found.problem, "see STREAMWATCH_MODEL and STREAMWATCH_BASE in docs/settings.md")
    elif found.model == "null":
        yield warn("model", "null: labels are drawn by a hash, for tests", "STREAMWATCH_MODEL=default for real labels")
    else:
        yield ok("model", f"{found.model}: adapter {found.adapter}, encoder {found.base}, hashes right")


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
    yield ok("device", f"{name}, {placement.format}, torch {torch.__version__}")
    if placement.device == "cpu":
        yield _threads(settings.threads or torch.get_num_threads(), _cores())


def _threads(n: int, cores: int) -> Finding:
    if n > cores:
        return warn("threads", f"{n} on {cores} cores: they wait for each other", f"STREAMWATCH_THREADS={cores}")
    return ok("threads", f"{n} on {cores} cores")


def _cores() -> int:
    """The cores that this process may use, which in a container are fewer than the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
