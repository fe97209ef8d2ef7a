"""How a batcher is cut for the settings, the engine and this machine.

Examples:
    >>> from streamwatch.config import load
    >>> from streamwatch.inference.engine import NullEngine
    >>> sizes_of(load(threads=3, max_in_flight=100), NullEngine())
    Sizes(n_threads=3, batch_tokens=4096, budget_s=0.1, max_waiting=100)
"""

from typing import Protocol, runtime_checkable

from streamwatch.config import Settings
from streamwatch.inference.batcher import Sizes
from streamwatch.inference.engine import Engine
from streamwatch.inference.threads import n_cores


@runtime_checkable
class Device(Protocol):
    """What an engine has that does not compute on the cores: a GPU takes two batches, one computed, one copied."""

    n_at_once: int


def sizes_of(settings: Settings, engine: Engine) -> Sizes:
    """The sizes for an engine under these settings."""
    usual = engine.n_at_once if isinstance(engine, Device) else n_cores()
    return Sizes(
        settings.threads or usual, settings.batch_tokens, settings.latency_budget_ms / 1000, settings.max_in_flight
    )
