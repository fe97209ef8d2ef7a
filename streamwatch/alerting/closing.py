"""Closed buckets, to the evaluator and to the drift monitors, in the order of event time.

The monitors' buckets are longer than the evaluator's. So that what they find meets the alerts that fire at that moment, and
not those of some minutes later, the evaluator stops at the end of each: how it is called changes nothing for it.

    10 s buckets   ├┼┼┼┼┼┤├┼┼┼┼┼┤├┼┼┼┤      the evaluator
    minutes        ├─────┤├─────┤           the monitors, which see the evaluator as it stands there
"""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from streamwatch.alerting.drift_watch import DriftWatch
from streamwatch.alerting.evaluator import Evaluator
from streamwatch.alerting.transition import Transition
from streamwatch.alerting.voices import Voice
from streamwatch.drift.stored import DRIFT_BUCKET_MS
from streamwatch.drift.sums import Sums
from streamwatch.trends.entry import Entry

Counted = list[tuple[int, list[Voice]]]
"""By bucket, the texts that counted."""


class Piece(NamedTuple):
    """The texts that counted while it was one thing: drifting, or not."""

    drifting: bool
    counted: Counted


class Closed(NamedTuple):
    """What came of some closed buckets."""

    transitions: list[Transition]
    pieces: list[Piece]


def close(
    evaluator: Evaluator,
    drift: DriftWatch,
    until_ms: int,
    buckets: Sequence[tuple[int, Sequence[Entry]]],
    sums: Sequence[tuple[int, Sums]],
) -> Closed:
    """Take the non-empty buckets that closed up to `until_ms`, and the sums of the monitors' buckets that ended by then."""
    closed = Closed([], [])
    waiting, to_take = list(buckets), deque(sorted(sums, key=lambda one: one[0]))
    while (next_ms := _next_ms(drift, to_take)) <= until_ms:
        end_ms = int(next_ms)
        n = sum(start_ms < end_ms for start_ms, _ in waiting)
        _advance(evaluator, drift, end_ms, waiting[:n], closed)
        del waiting[:n]
        closed.transitions.extend(drift.pass_time(end_ms))
        if to_take and to_take[0][0] + DRIFT_BUCKET_MS == end_ms:
            closed.transitions.extend(drift.advance(*to_take.popleft(), evaluator))
    _advance(evaluator, drift, until_ms, waiting, closed)
    return closed


def _next_ms(drift: DriftWatch, to_take: deque[tuple[int, Sums]]) -> float:
    """When the monitors are asked next: a bucket of theirs ends, or an alert has lasted for long enough."""
    return min(drift.ends_ms, to_take[0][0] + DRIFT_BUCKET_MS) if to_take else drift.ends_ms


def _advance(
    evaluator: Evaluator,
    drift: DriftWatch,
    until_ms: int,
    buckets: Sequence[tuple[int, Sequence[Entry]]],
    closed: Closed,
) -> None:
    closed.transitions.extend(evaluator.advance(until_ms, buckets))
    counted = evaluator.take_counted()
    drift.hear(counted)
    if closed.pieces and closed.pieces[-1].drifting == drift.drifting:
        closed.pieces[-1].counted.extend(counted)
    elif counted:
        closed.pieces.append(Piece(drift.drifting, counted))
