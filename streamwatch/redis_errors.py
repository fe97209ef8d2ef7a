"""What an error of Redis means: try again, or stop.

Examples:
    >>> with answering():
    ...     raise redis.exceptions.ConnectionError("Connection refused")
    Traceback (most recent call last):
      ...
    streamwatch.errors.StoreUnavailable: Redis does not answer: Connection refused
"""

from collections.abc import Iterator
from contextlib import contextmanager

import redis.exceptions

from streamwatch.errors import FatalError, StoreUnavailable

_PASSING = (
    redis.exceptions.ConnectionError,  # also a server that loads its data, and one that wants authentication again
    redis.exceptions.TimeoutError,
    redis.exceptions.ReadOnlyError,  # a failover in progress
    redis.exceptions.ClusterDownError,
    redis.exceptions.OutOfMemoryError,  # an operator can raise maxmemory; nothing may be dropped meanwhile
)


_PASSING_CODES = (
    "OOM",
    "MISCONF",
    "NOREPLICAS",
    "LOADING",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "READONLY",
    "BUSY",
)
"""The same where they come out of a script, whose error has another beginning, or have no class of their own."""


@contextmanager
def answering() -> Iterator[None]:
    """Map errors of Redis: what passes becomes `StoreUnavailable`, anything else `FatalError`."""
    try:
        yield
    except _PASSING as error:
        raise StoreUnavailable(f"Redis does not answer: {error}") from error
    except redis.exceptions.RedisError as error:
        if any(code in str(error).split() or f"-{code}" in str(error) for code in _PASSING_CODES):
            raise StoreUnavailable(f"Redis cannot write now: {error}") from error
        raise FatalError(f"Redis refuses what we ask: {error}") from error
