"""What is compared: a variant takes texts and names a sentiment and a topic for each.

Examples:
    >>> Spec("ours", "fp32", lambda: None).name
    'fp32'
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import msgspec

from streamwatch.errors import StreamwatchError

Said = dict[str, list[str]]
"""Label names by task (`sentiment`, `topic`), one for each text."""
Group = Literal["ours", "peers"]


class Variant(Protocol):
    """Something that classifies, opened and ready."""

    def classify(self, texts: Sequence[str]) -> Said:
        """Both tasks for all of `texts`, in their order; tokenising included."""
        ...


class Measured(msgspec.Struct, frozen=True):
    """What a variant said of some texts, and the wall and CPU seconds that its process took for it."""

    said: Said
    wall_s: float
    cpu_s: float


def measured(variant: Variant, texts: Sequence[str]) -> Measured:
    """Let a variant of this process classify `texts`, and time it."""
    wall, cpu = time.perf_counter(), time.process_time()
    said = variant.classify(texts)
    return Measured(said, time.perf_counter() - wall, time.process_time() - cpu)


class Missing(StreamwatchError):
    """A variant that cannot run here; its text says why, and what would change that."""


class Spec(msgspec.Struct, frozen=True):
    """A variant that may be opened. `open` raises `Missing`, or gives the variant."""

    group: Group
    name: str
    open: Callable[[], Any]


class Opened(msgspec.Struct, frozen=True):
    """An open variant, and the settings that won on a slice of the stream, in words.

    `counts_for_quality` is off for what is timed beside another variant and says the same.
    """

    group: Group
    name: str
    variant: Any
    choice: str = ""
    counts_for_quality: bool = True
