"""What a check has seen.

Examples:
    >>> warn("lag classify", "12,000 documents behind", "start a worker")
    Finding(check='lag classify', status='warn', saw='12,000 documents behind', todo='start a worker')
"""

from collections.abc import Callable, Iterator
from typing import Literal

import msgspec

from streamwatch.config import Settings

Status = Literal["ok", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True):
    """One line: what was looked at, how it is, what was seen, and what to do unless it is well."""

    check: str
    status: Status
    saw: str
    todo: str = ""


Check = Callable[[Settings], Iterator[Finding]]


def ok(check: str, saw: str) -> Finding:
    """It is well."""
    return Finding(check, "ok", saw)


def warn(check: str, saw: str, todo: str) -> Finding:
    """It works, but somebody should know."""
    return Finding(check, "warn", saw, todo)


def fail(check: str, saw: str, todo: str) -> Finding:
    """A worker would not start, or would count wrongly."""
    return Finding(check, "fail", saw, todo)
