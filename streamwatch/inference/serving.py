"""Which model each worker serves, and why it does not serve the one that it should: a note in Redis, for `doctor`.

A worker renews its note; that of a worker that has ended goes by itself.

Examples:
    >>> note = Serving("host-7", "minilm-l6+0a1b2c3d/fp32-cpu", refusal="current.json cannot be read", n_refused=1)
    >>> msgspec.json.decode(msgspec.json.encode(note), type=Serving) == note
    True
    >>> key("", "host-7")
    'sw:serving:host-7'
"""

from collections.abc import Iterator
from typing import Any

import msgspec

RENEW_S = 5.0
LIFE_MS = 20_000
"""A worker that is silent for so long has ended: it had four tries."""


class Serving(msgspec.Struct, frozen=True):
    """A worker's note. `refusal` is empty, or one line on why the model that the registry points at does not serve."""

    worker: str
    model: str
    refusal: str = ""
    n_swapped: int = 0
    n_refused: int = 0


def key(prefix: str, worker: str) -> str:
    """Where a worker's note lies."""
    return f"{prefix}sw:serving:{worker}"


def read_notes(client: Any, prefix: str) -> Iterator[Serving]:
    """The notes of all workers, in the order of their names. `client` is a `redis.Redis`."""
    for name in sorted(client.scan_iter(match=key(prefix, "*"), count=1000)):
        found = client.get(name)
        if found:
            yield msgspec.json.decode(found, type=Serving)
