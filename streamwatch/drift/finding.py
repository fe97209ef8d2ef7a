"""What a drift monitor says when it has found something: what moved, by how much, where, and how sure it is.

Examples:
    >>> moved = Moved("negative", 0.25, 0.46)
    >>> f"{moved.name} {moved.before:.2f} → {moved.after:.2f}"
    'negative 0.25 → 0.46'
"""

from math import exp
from typing import Literal

import msgspec

DriftKind = Literal["class_shares", "confidence", "embedding", "error_rate", "unclear_share"]
KINDS: tuple[DriftKind, ...] = ("class_shares", "confidence", "embedding", "error_rate", "unclear_share")

LARGEST_LOG = 700.0
"""Beyond it e^x is no float."""


class Moved(msgspec.Struct, frozen=True):
    """A share (or a mean) `before`: what the reference lets expect of the same topics and sources; and `after`."""

    name: str
    before: float
    after: float


class TopicMoved(msgspec.Struct, frozen=True):
    """The part of a finding that one topic carries: its share of the evidence's residual, and what moved in it most."""

    topic: str
    n: int
    part: float
    moved: Moved


class Finding(msgspec.Struct, frozen=True):
    """One alarm.

    Attributes:
        kind: which monitor.
        model: the model version whose labels moved.
        onset_ms: the bucket in which the evidence began to gather (Page's CUSUM above zero), never revised.
        at_ms: the bucket that made it an alarm.
        n: documents from the onset on, as far as they are remembered.
        moved: the classes (`class_shares`), bins (`confidence`), the distance (`embedding`) or the rate, largest change first.
        topics: those that carry it, most first.
        log_e: log of the evidence of all monitors together, which is what is tested.
        log_threshold: log of the documents to a false alarm that are promised.
        evidence: the part of the evidence that each kind has, by kind.
        toward: for `embedding`, 64 signed bytes: documents whose projection has the largest product with it are typical
            of what is new. Else empty.
    """

    kind: DriftKind
    model: str
    onset_ms: int
    at_ms: int
    n: int
    moved: tuple[Moved, ...]
    topics: tuple[TopicMoved, ...]
    log_e: float
    log_threshold: float
    evidence: dict[str, float] = {}
    toward: bytes = b""

    @property
    def e_value(self) -> float:
        """The evidence; the alarm is that it reached `threshold`."""
        return exp(min(self.log_e, LARGEST_LOG))

    @property
    def threshold(self) -> float:
        """The documents to a false alarm, at least, that all monitors together promise."""
        return exp(self.log_threshold)
