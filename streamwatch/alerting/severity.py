"""How bad: effect, evidence and volume give up to two points each; four make it critical, two a warning.

Examples:
    >>> severity(lift=6.0, score=1e9, threshold=1e5, k=30)
    'critical'
    >>> severity(lift=1.4, score=2e5, threshold=1e5, k=30)
    'info'
"""

from math import log10

from streamwatch.records import Severity

EFFECT = (2.0, 4.0)
"""Times the usual share or count."""
EVIDENCE = (1.0, 3.0)
"""Powers of ten beyond the threshold."""
VOLUME = (20, 100)
"""Negative documents."""


def severity(lift: float, score: float, threshold: float, k: int) -> Severity:
    """The severity of an episode by its numbers."""
    beyond = log10(score / threshold) if score > 0 else 0.0
    points = _points(lift, EFFECT) + _points(beyond, EVIDENCE) + _points(k, VOLUME)
    if points >= 4:
        return "critical"
    return "warning" if points >= 2 else "info"


def _points(value: float, steps: tuple[float, float]) -> int:
    return sum(value >= step for step in steps)
