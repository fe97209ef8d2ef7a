"""The worker's memory while documents come: a series, and how fast it grows.

Memory that is flat has a slope of nothing once what may fill has filled: start the series behind the warm-up, with caches that
are full by then.

Examples:
    >>> growth([Sample(seconds=float(s), documents=100 * s, mb=500.0 + s / 60) for s in range(120)])
    {'from_mb': 500.0, 'to_mb': 502.0, 'mb_per_minute': 1.0, 'mb_per_minute_second_half': 1.0, 'bytes_per_document': 167}
    >>> growth([])
    {}
"""

from collections.abc import Sequence
from statistics import linear_regression
from typing import Any, NamedTuple

EVERY_S = 1.0
"""Between two looks."""
SHOWN = 60
"""Of a series that is printed, at most."""


class Sample(NamedTuple):
    """Seconds and documents since the start, and what the worker held."""

    seconds: float
    documents: int
    mb: float


def growth(samples: Sequence[Sample]) -> dict[str, Any]:
    """The slope of the line through all samples, through the second half of them, and what that is for each document."""
    if len(samples) < 4:
        return {}
    second_half = samples[len(samples) // 2 :]
    by_document = linear_regression([float(s.documents) for s in samples], [s.mb for s in samples]).slope
    return {
        "from_mb": round(samples[0].mb, 1),
        "to_mb": round(samples[-1].mb, 1),
        "mb_per_minute": round(_mb_per_minute(samples), 3),
        "mb_per_minute_second_half": round(_mb_per_minute(second_half), 3),
        "bytes_per_document": round(by_document * 1e6),
    }


def series(samples: Sequence[Sample]) -> list[tuple[float, float]]:
    """(seconds, MB) of some samples, evenly out of all.

    >>> series([Sample(float(s), s, 500.0) for s in range(121)])[:2]
    [(0.0, 500.0), (3.0, 500.0)]
    """
    step = -(-len(samples) // SHOWN) or 1
    return [(round(s.seconds, 1), round(s.mb, 1)) for s in samples[::step]]


def _mb_per_minute(samples: Sequence[Sample]) -> float:
    return linear_regression([s.seconds for s in samples], [s.mb for s in samples]).slope * 60
