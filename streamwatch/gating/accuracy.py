"""Is the candidate better on what is new, and not worse on what was known? The checks that rest on people's labels.

**Gain.** Over fresh answers, drawn uniformly and never learned from, the lower bound of the difference lies above 0.

**Past.** For each task the lower bound lies above −2 points on 2,000 documents of the past: non-inferiority, since "no difference
was found" also holds where nothing was measured. Where a task has fewer, nothing can be shown; then what the incumbent is sure of
and the check set stand for it (`streamwatch.gating.change`), unless even these few show a loss.

**Slices.** A part of the documents (a source, a true label) is refused that lost 4 points or more, and surely lost: p < .05
after Holm. To ask of each slice the proof that it lost less than 4 points would refuse most equal candidates, as a slice of 200
cannot give it (measured in docs/gate.md). Slices of fewer than 200 documents are one, `the rest`.

Examples:
    >>> equal = np.array([1.0] * 80 + [-1.0] * 80 + [0.0] * 1840)
    >>> not_worse({"topic": equal}, {"topic": np.ones(2000)}).status, gain(equal, np.ones(2000)).status
    ('passed', 'failed')
    >>> gain(equal[:150], np.ones(150)).missing
    50
"""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from streamwatch.gating.compared import Compared, Hits
from streamwatch.gating.limits import USUAL_LIMITS, Limits
from streamwatch.gating.looks import level
from streamwatch.gating.report import Check, Row
from streamwatch.gating.statistics import Resampled, documents_needed, holm, resampled, worth

Floats = NDArray[np.float64]
REST = "the rest"
"""The slice of all that are too small."""


def points(fraction: float) -> str:
    """A difference for people.

    >>> points(-0.0213), points(0.04)
    ('−2.1 points', '+4.0 points')
    """
    return f"{100 * fraction:+.1f} points".replace("-", "−")


def gain(
    difference: Floats,
    weight: Floats,
    limits: Limits = USUAL_LIMITS,
    rows: Sequence[Row] = (),
    remark: str = "",
    asked_before: float = 0.0,
) -> Check:
    """Whether fresh answers show a gain, at a level that shrinks with every look that was taken at them before."""
    n, at = len(difference), level(limits.fresh_level, asked_before)
    found = resampled(difference, weight)
    low = found.lower(at)
    told = Check(
        "gain", "Better on fresh answers", "short", "", n, limit=0.0, rows=(_row("all tasks", found, low), *rows)
    )
    equal = worth(weight)
    if equal < limits.fresh_least:
        missing = limits.fresh_least - equal
        heavy = f" (worth {equal} of equal weight)" if equal < n else ""
        says = (
            f"{n} fresh answers{heavy} that nobody learned from, {limits.fresh_least} are needed: {missing} are missing"
        )
        return replace(told, status="short", says=says + remark, missing=missing)
    if asked_before > limits.fresh_looks:
        return _used_up(told, asked_before, limits)
    says = f"{points(found.mean)} on {n} fresh answers, at least {points(low)} with {100 * (1 - at):.3g} % confidence"
    says += f" (asked {asked_before:.1f} times before)" if asked_before else ""
    if low > 0:
        return replace(told, status="passed", says=says + remark)
    return replace(
        told,
        status="failed",
        says=f"{says}: a gain is not shown{_how_many_more(difference, 0.0, at)}{remark}",
    )


def _used_up(told: Check, asked_before: float, limits: Limits) -> Check:
    """These answers judged too many candidates; with so many new ones the parts that were seen are small enough again."""
    missing = ceil(told.n * (asked_before / limits.fresh_looks - 1))
    says = f"{told.n} fresh answers have judged {asked_before:.1f} candidates before: {missing} new ones are missing"
    return replace(told, status="short", says=says, missing=missing)


def _how_many_more(difference: Floats, target: float, level: float) -> str:
    needed = documents_needed(difference, target, level)
    if needed is None or needed <= len(difference):
        return ""
    return f"; if it is what it seems, some {needed - len(difference):,} more documents would show it"


def not_worse(differences: Mapping[str, Floats], weights: Mapping[str, Floats], limits: Limits = USUAL_LIMITS) -> Check:
    """Whether the past is kept, in each task that has documents of it."""
    found = {task: resampled(difference, weights[task]) for task, difference in differences.items()}
    rows = tuple(_past_row(task, one, differences[task], worth(weights[task]), limits) for task, one in found.items())
    n = sum(one.n for one in found.values())
    told = Check("past", "Not worse on the past", "noted", "", n, limit=-limits.past_margin, rows=rows)
    lost = [row for row in rows if row.failed]
    if lost:
        says = "; ".join(f"{row.name}: {points(row.value or 0)}, {row.remark}" for row in lost)
        return replace(told, status="failed", says=says)
    shown = [row for row in rows if row.n >= limits.past_least]
    if not shown:
        says = f"{n} labelled documents of the past, {limits.past_least} of a task are needed to show it"
        missing = limits.past_least - max((row.n for row in rows), default=0)
        return replace(
            told, says=f"{says}: what the incumbent is sure of and the check set stand for it", missing=missing
        )
    says = "; ".join(f"{row.name} at least {points(row.low or 0)} on {row.n:,} documents" for row in shown)
    return replace(told, status="passed", says=says)


def shown_tasks(check: Check, limits: Limits = USUAL_LIMITS) -> tuple[str, ...]:
    """The tasks of which the check of the past has shown that nothing is lost."""
    return tuple(row.name for row in check.rows if not row.failed and row.n >= limits.past_least)


def _past_row(task: str, found: Resampled, difference: Floats, equal: int, limits: Limits) -> Row:
    """With enough documents the lower bound decides. Fewer cannot show that nothing is lost, but can show a loss.

    `equal` is how many documents of equal weight they are worth: where a few weigh all, a bootstrap has no sound bound.
    """
    low, high = found.lower(limits.level), found.upper(limits.level)
    enough = equal >= limits.past_least
    failed = low <= -limits.past_margin if enough else found.n > 0 and high < -limits.past_margin
    more = _how_many_more(difference, -limits.past_margin, limits.level)
    remark = f"it may be {points(low)}{more}" if enough else f"{found.n} documents, and a loss is shown"
    return Row(task, equal, value=found.mean, low=low, high=high, failed=failed, remark=remark if failed else "")


class Sliced(NamedTuple):
    """The differences of one slice."""

    name: str
    difference: Floats
    weight: Floats


def slices_kept(slices: Sequence[Sliced], limits: Limits = USUAL_LIMITS) -> Check:
    """Whether no slice is lost. Slices must be large enough (`sliced`)."""
    found = [resampled(one.difference, one.weight) for one in slices]
    adjusted = holm([one.p_at_least(0.0) for one in found])
    rows = tuple(_slice_row(one.name, made, p, limits) for one, made, p in zip(slices, found, adjusted, strict=True))
    lost = [row for row in rows if row.failed]
    n = sum(row.n for row in rows)
    told = Check("slices", "No slice is lost", "noted", "", n, limit=-limits.slice_margin, rows=rows)
    if lost:
        says = "; ".join(f"{row.name}: {points(row.value or 0)} on {row.n} documents (p = {row.p:.2g})" for row in lost)
        return replace(told, status="failed", says=says)
    if not rows:
        return replace(told, says=f"no slice has {limits.slice_least} labelled documents")
    worst = min(rows, key=lambda row: row.value or 0)
    says = f"{len(rows)} slices; the worst is {worst.name} with {points(worst.value or 0)}"
    return replace(told, status="passed", says=says)


def _slice_row(name: str, found: Resampled, p: float, limits: Limits) -> Row:
    failed = found.mean <= -limits.slice_margin and p < limits.level
    low, high = found.lower(limits.level), found.upper(limits.level)
    return Row(name, found.n, value=found.mean, low=low, high=high, p=p, failed=failed)


def sliced(made: Compared, limits: Limits = USUAL_LIMITS) -> list[Sliced]:
    """The slices of all tasks: those of fewer documents than `slice_least` are pooled, and left out if still too few."""
    return [one for task, hits in made.tasks.items() for one in _slices_of(task, hits, limits)]


def _slices_of(task: str, hits: Hits, limits: Limits) -> list[Sliced]:
    members: dict[str, list[int]] = {}
    for i, names in enumerate(hits.slices):
        for name in names:
            members.setdefault(name, []).append(i)
    large = {name: rows for name, rows in sorted(members.items()) if len(rows) >= limits.slice_least}
    small = sorted({i for name, rows in members.items() if name not in large for i in rows})
    pooled = {REST: small} if len(small) >= limits.slice_least else {}
    return [
        Sliced(f"{task} · {name}", hits.difference[rows], hits.weight[rows]) for name, rows in (large | pooled).items()
    ]


def task_rows(made: Compared, limits: Limits = USUAL_LIMITS) -> list[Row]:
    """Each task's difference on its own, for people: they decide nothing here."""
    return [_task_row(task, hits, limits) for task, hits in made.tasks.items()]


def _task_row(task: str, hits: Hits, limits: Limits) -> Row:
    found, (incumbent, candidate) = resampled(hits.difference, hits.weight), hits.accuracies
    low, high = found.lower(limits.level), found.upper(limits.level)
    return Row(task, found.n, incumbent, candidate, found.mean, low, high)


def _row(name: str, found: Resampled, low: float) -> Row:
    return Row(name, found.n, value=found.mean, low=low, high=found.upper(0.05))
