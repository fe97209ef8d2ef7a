"""How bad: effect × evidence × volume.

- **effect**, how many times the usual it is: log₂ of the lift, so 1 where it doubled, 2 at four times, 3 at most.
- **evidence**, how far beyond the threshold the test is: 1 where it was just reached, which is enough to be told, and
  half a point more for each power of ten, 2 at most.
- **volume**, how many people say so: log₁₀ of the negative documents, 3 at most.

A product, because each of them alone means little: a tenfold rise from one to ten is small, and so is a rise by a tenth of
ten thousand. From `WARNING` on it is a warning, from `CRITICAL` on critical, else an info.

Examples:
    >>> severity(lift=4.1, score=2e5, threshold=1e5, k=15)      # four times the usual, fifteen people
    'warning'
    >>> severity(lift=4.1, score=2e5, threshold=1e5, k=120)     # the same of a larger company
    'critical'
    >>> severity(lift=5.7, score=1e7, threshold=1e5, k=28)      # few, but beyond doubt
    'critical'
    >>> severity(lift=1.1, score=1e30, threshold=1e5, k=2000)   # beyond doubt, and hardly more than usual
    'info'
    >>> severity(lift=0.5, score=0.0, threshold=1e5, k=0)
    'info'
"""

from math import log2, log10

from streamwatch.records import Severity

WARNING = 1.0
"""Half as many again as usual (.58) of some sixty (1.8): somebody should look today."""
CRITICAL = 3.0
"""Four times the usual (2) of some thirty (1.5): somebody should look now."""
MOST_EFFECT = 3.0
MOST_EVIDENCE = 2.0
MOST_VOLUME = 3.0


def severity(lift: float, score: float, threshold: float, k: int) -> Severity:
    """The severity of an episode by its numbers: `k` negatives, `lift` times the usual, e-value and threshold."""
    grade = _effect(lift) * _evidence(score, threshold) * _volume(k)
    if grade >= CRITICAL:
        return "critical"
    return "warning" if grade >= WARNING else "info"


def _effect(lift: float) -> float:
    return min(log2(max(lift, 1.0)), MOST_EFFECT)


def _evidence(score: float, threshold: float) -> float:
    beyond = log10(score / threshold) if score > threshold > 0 else 0.0
    return min(1.0 + beyond / 2, MOST_EVIDENCE)


def _volume(k: int) -> float:
    return min(log10(max(k, 1)), MOST_VOLUME)
