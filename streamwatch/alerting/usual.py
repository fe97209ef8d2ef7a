"""What is usual for a series, as the evaluator knows it now: what lists of series and pages show.

Examples:
    >>> from streamwatch.config import Settings
    >>> from streamwatch.trends.entry import Entry
    >>> evaluator = Evaluator(Settings())
    >>> _ = evaluator.advance(20_000, [(0, [Entry("t1", "negative", ("all",), "", 0, 0)])])
    >>> usual_of(evaluator, evaluator.series["all"]).state
    'new'
"""

from typing import Literal, NamedTuple

from streamwatch.alerting.evaluator import Evaluator
from streamwatch.alerting.series import Series

SeriesState = Literal["firing", "pending", "emerging", "tested", "new"]


class Usual(NamedTuple):
    """The state of a series, its usual negative share with bounds, its overdispersion, negatives an hour, when last heard."""

    state: SeriesState
    p0: float
    p0_low: float
    p0_high: float
    rho: float
    k_expected: float
    last_ms: int


def usual_of(evaluator: Evaluator, one: Series) -> Usual:
    """As of the last closed bucket."""
    baseline, at_ms = one.share.state.baseline, max(evaluator.closed_until_ms, 0)
    return Usual(
        state=state_of(evaluator, one),
        p0=baseline.p(at_ms),
        p0_low=baseline.lower(at_ms),
        p0_high=baseline.upper(at_ms),
        rho=baseline.rho,
        k_expected=one.volume.expected,
        last_ms=one.last_ms,
    )


def state_of(evaluator: Evaluator, one: Series) -> SeriesState:
    """`new` has no history yet; `emerging` is new and loud."""
    if one.busy:
        return "firing" if one.firing else "pending"
    if one.name in evaluator.emerging:
        return "emerging"
    return "tested" if one.share.warm else "new"
