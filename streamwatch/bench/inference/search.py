"""Each peer at its best: the settings that ran a slice of the stream fastest on this machine.

Examples:
    >>> seconds = {1: [3.0, 2.9], 2: [2.0, 2.1]}
    >>> fastest([1, 2], lambda setting: seconds[setting].pop())
    2
"""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from streamwatch.bench.inference.variant import Variant

Setting = TypeVar("Setting")
TRIES = 2
"""Each setting is tried so often, in turn, and its better time counts: another program's burst is not held against it."""


def fastest(settings: Sequence[Setting], seconds: Callable[[Setting], float]) -> Setting:
    """The setting whose best time is the least."""
    if len(settings) == 1:
        return settings[0]
    times = [[seconds(setting) for setting in settings] for _ in range(TRIES)]
    best = [min(column) for column in zip(*times, strict=True)]
    return settings[best.index(min(best))]


def seconds_for(variant: Variant, texts: Sequence[str]) -> float:
    """Wall seconds of one pass over `texts`."""
    started = time.perf_counter()
    variant.classify(texts)
    return time.perf_counter() - started
