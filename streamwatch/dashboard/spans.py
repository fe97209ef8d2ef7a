"""The span and the step of a trend: what is meant where nothing is said, and what is refused.

Examples:
    >>> keeps_all = lambda step_ms: 0
    >>> chosen = choose(0, 30 * DAY_MS, None, keeps_all)
    >>> chosen.step_ms == 30 * MINUTE_MS, chosen.why
    (True, '30 min: the smallest usual step with at most 2,000 points')
    >>> choose(0, 7 * DAY_MS, None, lambda step_ms: 0 if step_ms >= HOUR_MS else 6 * DAY_MS).why
    '1 h: the smallest usual step with at most 2,000 points whose windows reach back to the beginning'
"""

from collections.abc import Callable
from typing import NamedTuple

from streamwatch.dashboard.problems import Problem
from streamwatch.dashboard.times import said
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, format_rfc3339

USUAL_STEPS_MS = (
    10 * SECOND_MS, MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, 30 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, DAY_MS,
)  # fmt: skip
USUAL_POINTS = 2000
"""Of a series at the step that nobody chose: about what a wide screen has pixels for."""
MOST_POINTS = 20_000
"""Of a series in one answer at a step that somebody chose: more is an export."""
USUAL_SPAN_MS = DAY_MS

Reach = Callable[[int], int]
"""From when on windows of a step are kept."""


class Chosen(NamedTuple):
    """A span, a step, and why this one."""

    from_ms: int
    to_ms: int
    step_ms: int
    why: str


def span_of(from_ms: int | None, to_ms: int | None, now_ms: int) -> tuple[int, int]:
    """The span that is meant: the last day before `to`, and `to` is now. Raises `Problem` (422) for one that is none.

    >>> span_of(None, None, 2 * DAY_MS) == (DAY_MS, 2 * DAY_MS)
    True
    """
    end_ms = to_ms if to_ms is not None else max(now_ms, (from_ms or 0) + 1)
    start_ms = from_ms if from_ms is not None else max(end_ms - USUAL_SPAN_MS, 0)
    if start_ms >= end_ms:
        raise Problem(
            422, "no-span", "The span is empty",
            f"from={format_rfc3339(start_ms)} is not before to={format_rfc3339(end_ms)}",
        )  # fmt: skip
    return start_ms, end_ms


def choose(from_ms: int, to_ms: int, step_ms: int | None, reach: Reach, most: int = MOST_POINTS) -> Chosen:
    """The step for a span: the one that was asked for, else the smallest usual one. Raises `Problem` (422)."""
    if step_ms is None:
        return _usual(from_ms, to_ms, reach)
    n_points = -(-(to_ms - from_ms) // step_ms)
    if n_points > most:
        raise Problem(
            422, "too-many-points", "Too many points for one answer",
            f"{n_points:,} points at a step of {said(step_ms)}, and at most {most:,} are answered: ask for a larger step, a "
            "shorter span, or GET /api/v1/trends/export, which has no cap",
        )  # fmt: skip
    return Chosen(from_ms, to_ms, step_ms, f"{said(step_ms)}: as asked for{_cut(from_ms, step_ms, reach)}")


def _usual(from_ms: int, to_ms: int, reach: Reach) -> Chosen:
    few = [step for step in USUAL_STEPS_MS if to_ms - from_ms <= step * USUAL_POINTS]
    if not few:
        days = USUAL_STEPS_MS[-1] * USUAL_POINTS // DAY_MS
        raise Problem(
            422, "span-too-long", "The span is too long",
            f"{(to_ms - from_ms) // DAY_MS:,} days: at most {days:,} are answered without a step; ask for a shorter span",
        )  # fmt: skip
    whole = [step for step in few if reach(step) <= from_ms]
    step_ms = whole[0] if whole else few[-1]
    why = f"{said(step_ms)}: the smallest usual step with at most {USUAL_POINTS:,} points"
    if whole and whole[0] != few[0]:
        why += " whose windows reach back to the beginning"
    return Chosen(from_ms, to_ms, step_ms, why + _cut(from_ms, step_ms, reach))


def _cut(from_ms: int, step_ms: int, reach: Reach) -> str:
    """Said where windows of that step are not kept so long."""
    since_ms = reach(step_ms)
    return f"; such windows are kept from {format_rfc3339(since_ms)} on" if since_ms > from_ms else ""
