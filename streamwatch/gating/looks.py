"""How often the fresh answers were asked before: every candidate that they judge uses them up a little.

Of twenty candidates that are no better than the incumbent one passes a test at 5 % by chance, and whoever retrains until one
passes has found that one. So each gate that could judge by fresh answers leaves a note of which, and the next candidate
is asked for more certainty: at a level of .05 · ½^s, where s counts the earlier looks, each by the part of today's answers that
it saw. On the very same answers that is .05, .025, .0125 …: any number of equal candidates together pass with less than 10 %.
New answers, which nobody has seen, bring the level back. The same candidate on the very same answers is no new look.

This is spending of alpha (Lan and DeMets, Biometrika 1983) along a geometric sequence. Where the sets overlap in parts the
10 % are no theorem; the level then lies between those of the same answers and of new ones.

    gates/1f0c…/looks.json      the looks of a candidate: hashes of texts, no texts; `models gc` leaves it

Examples:
    >>> once = Look("1f0c", "2026-01-05T08:00:00Z", ("a", "b", "c", "d"))
    >>> asked_before([once], "77aa", ["a", "b", "c", "d"]), asked_before([once], "77aa", ["c", "d", "e", "f"])
    (1.0, 0.5)
    >>> asked_before([once], "1f0c", ["d", "c", "b", "a"]), level(0.05, 2.0)
    (0.0, 0.0125)
"""

from collections.abc import Collection, Iterable
from pathlib import Path

import msgspec

from streamwatch.errors import ConfigError, ModelError
from streamwatch.models.gated import GATES, LOOKS_FILE
from streamwatch.models.pointer import write_whole
from streamwatch.timeline import parse_rfc3339

HALVED = 0.5
"""What each look leaves of the level: the first gate has all 5 %, as if it were the only one, and all together less than 10 %."""


class Look(msgspec.Struct, frozen=True):
    """One gate that asked fresh answers: of which candidate, when, and which (hashes of their texts)."""

    candidate: str
    made_at: str
    answers: tuple[str, ...]


def asked_before(looks: Iterable[Look], candidate: str, answers: Collection[str]) -> float:
    """How often `answers` were asked before `candidate` came: the sum, over the looks, of the part that each saw.

    A candidate that is gated on the very same answers again has the verdict that it had: what came since does not count.
    """
    now, found = frozenset(answers), list(looks)
    if not now:
        return 0.0
    own = [_at(look) for look in found if look.candidate == candidate and frozenset(look.answers) == now]
    earlier = [look for look in found if not own or _at(look) < min(own)]
    return sum(len(now & frozenset(look.answers)) for look in earlier) / len(now)


def _at(look: Look) -> int:
    return parse_rfc3339(look.made_at)


def level(whole: float, asked: float) -> float:
    """What is left of a level after so many looks."""
    return float(whole * HALVED**asked)


def read_looks(registry: Path) -> list[Look]:
    """All looks of a registry, by candidate. Raises `ModelError` where a file cannot be read: to go on would forget looks."""
    return [look for path in sorted((registry / GATES).glob(f"*/{LOOKS_FILE}")) for look in _read(path)]


def note(registry: Path, look: Look) -> None:
    """Keep a look beside the candidate's report, once. Raises `ConfigError` where it cannot be written."""
    path = registry / GATES / look.candidate / LOOKS_FILE
    before = _read(path) if path.exists() else []
    if any(frozenset(one.answers) == frozenset(look.answers) for one in before):
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, msgspec.json.encode([*before, look]) + b"\n")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}): make room, and gate again") from error


def _read(path: Path) -> list[Look]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Look])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(
            f"{path} cannot be read ({error}): restore the file, or remove it with that candidate"
        ) from error
