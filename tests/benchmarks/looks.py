"""The share detector, asked several times within a bucket.

Production tests the open detection bucket whenever a 10 s bucket of it closes. Here a bucket's documents are spread over
its first `looks` parts of 10 s at random; an alarm at any of them is the bucket's. Their order carries no news, so
neither the e-detector nor a tail test that is divided by its looks may alarm more often for it.
"""

from collections.abc import Iterator

import numpy as np

from streamwatch.config import BUCKET_MS
from streamwatch.detection.share import ShareDetector


class InParts:
    """Looks like a detector; with one look it is the detector."""

    def __init__(self, detector: ShareDetector, looks: int, rng: np.random.Generator) -> None:
        self.begin, self.end = detector.begin, detector.end
        self.crossed = False
        self._detector, self._looks, self._rng = detector, looks, rng

    def update(self, start_ms: int, n: int, k: int) -> None:
        """Count a bucket's documents, in parts; what comes after a crossing is left out."""
        self.crossed = False
        for look, (part_n, part_k) in enumerate(self._parts(n, k)):
            if part_n and not self.crossed:
                self._detector.update(start_ms + look * BUCKET_MS, part_n, part_k)
                self.crossed = part_k > 0 and self._detector.crossed

    def _parts(self, n: int, k: int) -> Iterator[tuple[int, int]]:
        if self._looks == 1:
            yield n, k
            return
        even = [1 / self._looks] * self._looks
        positives, negatives = self._rng.multinomial(n - k, even), self._rng.multinomial(k, even)
        yield from zip((positives + negatives).tolist(), negatives.tolist(), strict=True)
