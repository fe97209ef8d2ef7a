"""A search of settings by successive halving (Jamieson and Talwalkar, arXiv 1502.07943), small and seeded.

Many plans are tried on few texts, the better third again on three times as many, until one is left. What they are judged
by is the dev part; nothing of the reported part is seen. The winner's settings stand in its manifest's command, so that
its training can be repeated without the search.

Examples:
    >>> plans = [Plan(learning_rate=rate) for rate in (1e-5, 1e-4, 1e-3)]
    >>> halve(plans, lambda plan, share: -abs(plan.learning_rate - 1e-4)).learning_rate
    0.0001
"""

import random
from collections.abc import Callable, Sequence

import msgspec

from streamwatch.learning.plan import Plan

KEPT = 3
"""One of three goes on: the source's η, and the usual choice since Hyperband."""

Score = Callable[[Plan, float], float]
"""The dev score of a plan that sees this share of the texts for one epoch; higher is better."""


def neighbours(plan: Plan, n: int) -> list[Plan]:
    """`plan`, and `n - 1` others around it, drawn by its seed: rates on a log scale, the rest from what papers use.

    >>> neighbours(Plan(), 3) == neighbours(Plan(), 3)
    True
    """
    rng = random.Random(plan.seed)
    return [plan, *(_drawn(plan, rng) for _ in range(n - 1))]


def _drawn(plan: Plan, rng: random.Random) -> Plan:
    return msgspec.structs.replace(
        plan,
        learning_rate=_rounded(plan.rate * 3 ** rng.uniform(-1, 1)),
        head_learning_rate=_rounded(plan.head_learning_rate * 3 ** rng.uniform(-1, 1)),
        batch_size=rng.choice((16, 32, 64)),
        smoothing=rng.choice((0.0, 0.05, 0.1)),
        dropout=rng.choice((0.0, 0.05, 0.1)),
        layer_decay=rng.choice((0.8, 0.9, 1.0)),
    )


def _rounded(rate: float) -> float:
    """Two digits are all that a rate means."""
    return float(f"{rate:.1e}")


def halve(plans: Sequence[Plan], score: Score) -> Plan:
    """The plan that is left when, round by round, a third goes on with three times as many texts.

    All rounds together cost the texts of one epoch each; the winner has yet to be trained on all of them.
    """
    left = list(plans)
    share = 1.0
    while KEPT * share * len(left) > KEPT:
        share /= KEPT
    while len(left) > 1:
        ranked = sorted(left, key=lambda plan: score(plan, share), reverse=True)
        left, share = ranked[: len(left) // KEPT or 1], share * KEPT
    return left[0]


def trials_of(n_plans: int) -> int:
    """How many trials a search among so many plans takes.

    >>> trials_of(9), trials_of(1)
    (12, 0)
    """
    n = 0
    while n_plans > 1:
        n, n_plans = n + n_plans, n_plans // KEPT or 1
    return n
