"""Ids that people type: the beginning is enough where only one begins so.

Examples:
    >>> known = {"8c1f": 1, "8c20": 2, "91aa": 3}
    >>> by_prefix(known, "9", "alert", "streamwatch alerts list")
    3
    >>> by_prefix(known, "8c", "alert", "streamwatch alerts list")
    Traceback (most recent call last):
      ...
    streamwatch.errors.ConfigError: 2 alerts begin with '8c': 8c1f, 8c20
    >>> by_prefix(known, "ff", "alert", "streamwatch alerts list")
    Traceback (most recent call last):
      ...
    streamwatch.errors.ConfigError: no alert 'ff': streamwatch alerts list names them
"""

from collections.abc import Mapping
from typing import TypeVar

from streamwatch.errors import ConfigError

T = TypeVar("T")
SHOWN = 5


def by_prefix(known: Mapping[str, T], prefix: str, what: str, command: str) -> T:
    """The one whose id is `prefix` or alone begins with it. Raises `ConfigError`."""
    if prefix in known:
        return known[prefix]
    found = [name for name in sorted(known) if prefix and name.startswith(prefix)]
    if not found:
        raise ConfigError(f"no {what} {prefix!r}: {command} names them")
    if len(found) > 1:
        more = ", …" if len(found) > SHOWN else ""
        raise ConfigError(f"{len(found)} {what}s begin with {prefix!r}: {', '.join(found[:SHOWN])}{more}")
    return known[found[0]]
