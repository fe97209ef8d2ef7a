"""What changes where the incumbent was sure, how honest the probabilities are, and the check set that ships.

**Churn.** Of documents of the stream that nobody learned from and of which the incumbent was sure (p ≥ .9), at most 2 % get
another label, over 2,000 of them. It guards the past where no labels of it are at hand; where the past is shown to be
kept (`streamwatch.gating.accuracy.not_worse`) it is told and decides nothing: who mends sure mistakes changes labels.

**Calibration.** The expected calibration error, corrected for chance, is the incumbent's plus .01 at most. With few labels the
check set's are added.

**Check set.** 662 texts that come with the package. A candidate is refused that lost 2 points there, beyond chance: one hand
wrote them, so they show damage and no gain.

Examples:
    >>> sure, moved = np.ones(2500, dtype=bool), np.arange(2500) < 40
    >>> churn({"topic": Churned(sure, moved)}, shown=()).status, churn({"topic": Churned(sure[:500], moved[:500])}, ()).missing
    ('passed', 1500)
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from streamwatch.gating.compared import Compared, Hits
from streamwatch.gating.evidence import TASKS
from streamwatch.gating.limits import USUAL_LIMITS, Limits
from streamwatch.gating.paired import Paired
from streamwatch.gating.report import Check, Reliability, Row
from streamwatch.gating.statistics import resampled
from streamwatch.learning.reliability import N_BINS, calibration

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Churned(NamedTuple):
    """Of n documents: where the incumbent was sure, and whose label changed."""

    sure: Bools
    changed: Bools


def churned(both: Paired, limits: Limits = USUAL_LIMITS) -> dict[str, Churned]:
    """What changes, task by task, over the documents that both models read."""
    read = both.read
    return {
        task: Churned((both.incumbent.p(task) >= limits.churn_sure)[read], both.changed(task)[read]) for task in TASKS
    }


def churn(tasks: Mapping[str, Churned], shown: Sequence[str], limits: Limits = USUAL_LIMITS) -> Check:
    """Whether what the incumbent was sure of stays. Tasks in `shown`, whose past is known to be kept, decide nothing."""
    rows = tuple(_churn_row(task, one, task in shown, limits) for task, one in tasks.items())
    asked = [row for row in rows if row.name not in shown]
    n = min((row.n for row in asked or rows), default=0)
    told = Check("churn", "What it was sure of stays", "noted", "", n, limit=limits.churn_share, rows=rows)
    says = "; ".join(f"{row.name}: {_changed(row)} of {row.n:,} sure labels change" for row in rows)
    missing = max((limits.churn_least - row.n for row in asked), default=0)
    if not asked:
        return replace(told, says=f"{says}: the labelled past shows what is kept, this decides nothing")
    if any(row.failed for row in asked):
        return replace(told, status="failed", says=f"{says}, {limits.churn_share:.0%} are allowed")
    if missing > 0:
        least = f"{limits.churn_least:,} documents of which the incumbent was sure are needed"
        return replace(told, status="short", says=f"{n:,} so far, {least}: {missing:,} are missing", missing=missing)
    return replace(told, status="passed", says=says)


def _changed(row: Row) -> str:
    return f"{row.value:.1%}" if row.n else "none"


def _churn_row(task: str, one: Churned, shown: bool, limits: Limits) -> Row:
    n = int(one.sure.sum())
    share = float(one.changed[one.sure].mean()) if n else 0.0
    failed = not shown and n >= limits.churn_least and share > limits.churn_share
    return Row(task, n, value=share, failed=failed, remark="the past is shown to be kept" if shown else "")


def calibrated(made: Compared, limits: Limits = USUAL_LIMITS) -> Check:
    """Whether the candidate's probabilities are as honest as the incumbent's."""
    rows = tuple(_ece_row(task, hits, limits) for task, hits in made.tasks.items())
    n = sum(row.n for row in rows)
    told = Check("calibration", "Probabilities are as honest", "passed", "", n, limit=limits.ece_margin, rows=rows)
    told = replace(told, reliability={task: _reliability(hits) for task, hits in made.tasks.items()})
    says = "; ".join(f"{row.name}: error {row.candidate:.3f}, was {row.incumbent:.3f}" for row in rows)
    missing = max((limits.ece_least - row.n for row in rows), default=limits.ece_least)
    if missing > 0:
        return replace(told, status="short", says=f"{missing} labelled documents are missing", missing=missing)
    return replace(told, status="failed" if any(row.failed for row in rows) else "passed", says=says)


def _ece_row(task: str, hits: Hits, limits: Limits) -> Row:
    before, after = calibration(hits.incumbent_p, hits.incumbent), calibration(hits.candidate_p, hits.candidate)
    moved = after.shown - before.shown
    enough = len(hits.place) >= limits.ece_least
    return Row(task, len(hits.place), before.shown, after.shown, moved, failed=enough and moved > limits.ece_margin)


def _reliability(hits: Hits) -> Reliability:
    return Reliability(_bins(hits.incumbent_p, hits.incumbent), _bins(hits.candidate_p, hits.candidate))


def _bins(confidence: Floats, right: Bools) -> tuple[tuple[float, float, int], ...]:
    """Bins of equal mass: mean confidence, share right, number."""
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, min(N_BINS, len(order))) if len(part)]
    return tuple(
        (round(float(confidence[part].mean()), 4), round(float(right[part].mean()), 4), len(part)) for part in parts
    )


def check_set_kept(made: Compared, limits: Limits = USUAL_LIMITS) -> Check:
    """Whether the check set is answered as well as before."""
    rows = tuple(_check_row(task, hits, limits) for task, hits in made.tasks.items())
    told = Check("check_set", "The check set", "passed", "", made.n, limit=-limits.check_margin, rows=rows)
    says = "; ".join(f"{row.name} {row.candidate:.1%}, was {row.incumbent:.1%}" for row in rows)
    lost = any(row.failed for row in rows)
    return replace(told, status="failed" if lost else "passed", says=says)


def _check_row(task: str, hits: Hits, limits: Limits) -> Row:
    found, (before, after) = resampled(hits.difference), hits.accuracies
    low, high = found.lower(limits.level), found.upper(limits.level)
    failed = found.mean <= -limits.check_margin and high < 0
    return Row(task, found.n, before, after, found.mean, low, high, failed=failed)
