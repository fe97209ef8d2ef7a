"""What a candidate must reach: every bound of the gate, in one place.

Examples:
    >>> Limits().fresh_level, Limits(past_margin=0.01).past_margin
    (0.05, 0.01)
"""

import msgspec

from streamwatch.gating.caps import USUAL, Caps


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds. Shares and differences are fractions: .02 are two points.

    Args:
        fresh_level: of the one-sided bound of the gain: so often an equal candidate passes for a better one.
        fresh_least: fresh answers at least. With fewer a bootstrap of so few differences has no sound bound, whatever the gain.
        fresh_looks: so often the same fresh answers may be asked; then the level is .0016 (`streamwatch.gating.looks`), the
            16th of 10,000 resamples, and beyond that a bootstrap knows nothing.
        past_margin, past_least: the lower bound of the difference on the past lies above −`past_margin`, over `past_least`
            documents of a task. A model retrained on fresh labels differs from its parent in some 8 % of its hits and
            misses; then an equal one passes with 2,000 documents in 95 of 100 cases (docs/gate.md).
        slice_margin, slice_least: a slice is refused that has lost `slice_margin` beyond chance; smaller ones are pooled.
        level: of all other tests; with Holm over the slices.
        ece_margin, ece_least: the calibration error is the incumbent's plus `ece_margin` at most, over `ece_least` answers
            (33 in each of the 15 bins).
        latency_ratio: CPU time of the candidate over the incumbent's.
        churn_share, churn_least, churn_sure: labels that change where the incumbent's p was `churn_sure` or more.
        check_margin: what may be lost on the check set beyond chance.
        behaviour_margin: what more of a kind's templates may fail than with the incumbent: one in twenty, so that a
            single template of twenty is forgiven.
        poison_clean, poison_flips, poison_labellers, poison_writers: of so many clean documents an n-gram may turn
            `poison_flips` more to its class than with the incumbent, unless so many people stand behind it.
        caps: on writers and labellers of what was learned.
    """

    level: float = 0.05
    fresh_level: float = 0.05
    fresh_least: int = 200
    fresh_looks: float = 5.0
    past_margin: float = 0.02
    past_least: int = 2000
    slice_margin: float = 0.04
    slice_least: int = 200
    ece_margin: float = 0.01
    ece_least: int = 500
    latency_ratio: float = 1.05
    churn_share: float = 0.02
    churn_least: int = 2000
    churn_sure: float = 0.9
    check_margin: float = 0.02
    behaviour_margin: float = 0.05
    poison_clean: int = 200
    poison_flips: float = 0.2
    poison_labellers: int = 3
    poison_writers: int = 10
    caps: Caps = USUAL


USUAL_LIMITS = Limits()
