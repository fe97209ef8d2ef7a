"""Whether a retraining is due: for cron, which asks often and mostly hears no.

    daily        the last one was on another day (UTC)
    labels>=N    N documents were answered since the last one
    drift        an alert of kind `drift` was raised since the last one

Examples:
    >>> parse_when("labels>=200")
    When(kind='labels', n=200)
    >>> is_due(When("daily"), Last(at_ms=0), 3_600_000, lambda: 0, lambda: 0).why
    'the last retraining was today'
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from streamwatch.errors import ConfigError
from streamwatch.models.pointer import write_whole
from streamwatch.timeline import DAY_MS, format_rfc3339

LAST_FILE = "last.json"
_LABELS = re.compile(r"labels\s*>=\s*([1-9][0-9]*)")


class When(msgspec.Struct, frozen=True):
    """A condition; `n` is for `labels`."""

    kind: Literal["daily", "labels", "drift"]
    n: int = 0


class Last(msgspec.Struct, frozen=True):
    """When the last retraining ended well, and the newest answer that it learned; zeros where there was none."""

    at_ms: int = 0
    answered_until_ms: int = 0


class Due(msgspec.Struct, frozen=True):
    """Whether it is due, and why or why not, for the log."""

    due: bool
    why: str


def parse_when(text: str) -> When:
    """The condition that `--when` names. Raises `ConfigError`."""
    found = _LABELS.fullmatch(text.strip())
    if found:
        return When("labels", int(found[1]))
    if text.strip() == "daily":
        return When("daily")
    if text.strip() == "drift":
        return When("drift")
    raise ConfigError(f"--when {text!r}: drift, daily, or labels>=N")


def is_due(
    when: When, last: Last, now_ms: int, n_answered: Callable[[], int], newest_drift_ms: Callable[[], int]
) -> Due:
    """Whether a retraining is due at `now_ms`. Only what the condition needs is asked for.

    Args:
        n_answered: documents answered after what the last retraining learned.
        newest_drift_ms: when the newest drift alert was raised; 0 where there was none.
    """
    if when.kind == "daily":
        today = now_ms // DAY_MS == last.at_ms // DAY_MS
        return Due(not today, "the last retraining was today" if today else "none today yet")
    if when.kind == "labels":
        n = n_answered()
        return Due(n >= when.n, f"{n} documents were answered since the last retraining, {when.n} are wanted")
    newest = newest_drift_ms()
    if newest > last.at_ms:
        return Due(True, f"drift was told of at {format_rfc3339(newest)}")
    return Due(False, "no drift was told of since the last retraining")


def read_last(folder: Path) -> Last:
    """What is known of the last retraining. Raises `ConfigError` when the file cannot be read."""
    path = folder / LAST_FILE
    if not path.is_file():
        return Last()
    try:
        return msgspec.json.decode(path.read_bytes(), type=Last)
    except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{path}: {error}: remove it, and the next retraining is due") from error


def write_last(folder: Path, last: Last) -> None:
    """Remember a retraining. Raises `ConfigError` when it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / LAST_FILE, msgspec.json.encode(last))
    except OSError as error:
        raise ConfigError(f"{folder / LAST_FILE}: cannot be written ({error.strerror})") from error
