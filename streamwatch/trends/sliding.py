"""Windows that slide over buckets: each bucket is added once and taken away once.

Examples:
    >>> cells = {0: [1, 0, 0, 0, 0, 0, 0], 60_000: [2, 1, 0, 0, 0, 0, 0], 600_000: [5, 0, 0, 0, 0, 0, 0]}
    >>> [(start, cell[0], buckets) for start, cell, buckets in slide(cells, 120_000, 60_000)]
    [(-60000, 1, [0]), (0, 3, [0, 60000]), (60000, 2, [60000]), (540000, 5, [600000]), (600000, 5, [600000])]
"""

from collections import deque
from collections.abc import Iterator, Mapping

from streamwatch.trends.cells import EMPTY, Cell


def slide(cells: Mapping[int, Cell], width_ms: int, step_ms: int) -> Iterator[tuple[int, Cell, list[int]]]:
    """(start, sum, buckets) of each window that holds a bucket; starts are multiples of `step_ms`.

    Args:
        cells: by start of the bucket, in order; buckets divide both width and step.
    """
    waiting = deque(cells.items())
    inside: deque[tuple[int, Cell]] = deque()
    total = list(EMPTY)
    start_ms = min(cells, default=0) - width_ms
    while waiting or inside:
        if not inside:
            start_ms = max(start_ms, _first_start(waiting[0][0], width_ms, step_ms))
        while waiting and waiting[0][0] < start_ms + width_ms:
            inside.append(waiting.popleft())
            total = [a + b for a, b in zip(total, inside[-1][1], strict=True)]
        while inside and inside[0][0] < start_ms:
            _, gone = inside.popleft()
            total = [a - b for a, b in zip(total, gone, strict=True)]
        if inside:
            yield start_ms, total, [bucket_ms for bucket_ms, _ in inside]
        start_ms += step_ms


def _first_start(bucket_ms: int, width_ms: int, step_ms: int) -> int:
    """The first multiple of `step_ms` whose window holds `bucket_ms`."""
    after_ms = bucket_ms - width_ms
    return after_ms - after_ms % step_ms + step_ms
