"""How likely each document of an hour is drawn, so that an hour brings about as many as people can label.

What an hour may bring is split: `uniform` documents are drawn with one probability for all, `margin` documents with a
probability that grows with the model's doubt and with how rare their topic is (`rarity`), scaled so that the hour before
would have brought just so many. That hour is closed and known, so π is a function of the log and not of who was quicker.
Where there is no hour before, or this one outgrows it, its own documents so far are the measure: then n documents bring
B·(1 + ln(n ÷ n before)) and not n ÷ n before times the budget B.

π = 1 − (1 − π_uniform)(1 − π_margin): a document has two chances, and every one has the first.

Examples:
    >>> hour = Hour(0)
    >>> for doubt in (0, 255, 255, 128): hour.count(doubt)
    >>> scale = hour.find_scale(1.125, ALL_ALIKE)
    >>> [round(p_margin(WEIGHTS[doubt], scale), 3) for doubt in (0, 128, 255)]
    [0.0, 0.035, 0.545]
    >>> margin_scale({1.0: 2, 0.1: 1}, budget=3)      # all in doubt have room
    inf
"""

from collections import Counter
from collections.abc import Mapping
from itertools import accumulate
from math import inf
from typing import NamedTuple

import msgspec

from streamwatch.labelling.chance import LOST
from streamwatch.labelling.rarity import MOST_TOPICS, NO_TOPIC, Rarity

POWER = 4
"""Of the doubt, in a document's weight. docs/labelling.md has what 2 and 4 cost in labels."""
WEIGHTS = tuple((doubt / LOST) ** POWER for doubt in range(LOST + 1))
ALL_ALIKE = Rarity({})
SOLVE_AGAIN = 1.05
"""By how much an hour grows until its scale is found again: its π are at most so far from what they would be."""


class Rates(NamedTuple):
    """The probabilities of a document: the uniform part, and all of it."""

    p_uniform: float
    p: float

    def thinned(self, factor: float) -> "Rates":
        """Both, times a factor."""
        return Rates(self.p_uniform * factor, self.p * factor)


class Hour(msgspec.Struct, array_like=True):
    """What an hour of event time held: documents by topic and doubt, and the scale that was last found for them."""

    start_ms: int
    n: int = 0
    doubts: dict[str, dict[int, int]] = {}
    scale: float = 0.0
    solved_n: int = -1

    def count(self, doubt: int, topic: str = NO_TOPIC) -> None:
        """Count one document; under no topic where the hour has held too many."""
        self.n += 1
        if topic not in self.doubts and len(self.doubts) >= MOST_TOPICS:
            topic = NO_TOPIC
        doubts = self.doubts.setdefault(topic, {})
        doubts[doubt] = doubts.get(doubt, 0) + 1

    @property
    def topics(self) -> dict[str, int]:
        """Documents by topic."""
        return {topic: sum(doubts.values()) for topic, doubts in self.doubts.items()}

    def find_scale(self, budget: float, rarity: Rarity) -> float:
        """The scale for what the hour holds now, found again only when that has grown by a twentieth.

        `rarity` is that of the hour in which documents are drawn with it, here and below.
        """
        if self.n >= max(self.solved_n * SOLVE_AGAIN, self.solved_n + 1):
            self.scale, self.solved_n = margin_scale(self._weights(rarity), budget), self.n
        return self.scale

    def _weights(self, rarity: Rarity) -> Counter[float]:
        """Documents by their weight."""
        found: Counter[float] = Counter()
        for topic, doubts in self.doubts.items():
            factor = rarity.of(topic)
            for doubt, n in doubts.items():
                found[WEIGHTS[doubt] * factor] += n
        return found


class Budget(NamedTuple):
    """Documents that an hour may bring, by how they are drawn."""

    uniform: float
    margin: float


def rates(
    doubt: int, hour: Hour, before: Hour | None, budget: Budget, topic: str = NO_TOPIC, rarity: Rarity = ALL_ALIKE
) -> Rates:
    """The probabilities of the next document of `hour`, which it has not counted yet.

    Args:
        before: the last hour that held documents, its scale found with the rarity of this one.
    """
    n_most = max(hour.n + 1, before.n if before else 0)
    scale = min(hour.find_scale(budget.margin, rarity), before.scale if before else inf)
    p_uniform = min(1.0, budget.uniform / n_most)
    return Rates(p_uniform, 1 - (1 - p_uniform) * (1 - p_margin(WEIGHTS[doubt] * rarity.of(topic), scale)))


def p_margin(weight: float, scale: float) -> float:
    """The probability that its weight draws a document."""
    return min(1.0, scale * weight) if weight else 0.0


def margin_scale(weights: Mapping[float, int], budget: float) -> float:
    """The scale λ at which documents (numbers by weight) bring `budget`: Σ n·min(1, λ·weight) = budget.

    Found from the largest weight down: those that it would draw with certainty take their whole part of the budget first.
    """
    weighted = sorted(((weight, n) for weight, n in weights.items() if weight), reverse=True)
    if sum(n for _, n in weighted) <= budget:
        return inf
    # Summed from the smallest up, not taken away from the whole: small weights would drown in its rounding.
    masses = list(accumulate(weight * n for weight, n in reversed(weighted)))
    left = budget
    for (weight, n), mass in zip(weighted, reversed(masses), strict=True):
        if left * weight <= mass:
            return left / mass
        left -= n
    return inf
