"""What one series gains in one bucket: six whole numbers, packed as a msgpack array for Redis.

Only whole numbers, so that adding is associative: however the log is cut into batches, the sums are the same. A score is
kept as a number of ten-thousandths for that reason.

Examples:
    >>> unpacked(packed([3, 1, 0, -9500, 0, 2]))
    [3, 1, 0, -9500, 0, 2]
    >>> len(packed([3, 1, 0, -9500, 0, 2]))
    9
"""

from math import isfinite

import msgspec

from streamwatch.records import Classified

Cell = list[int]
"""[n, negative, positive, sum of scores in 1/10,000, documents without a score, documents of the channel `news`].

Neutral is n − negative − positive; `social` is n − news."""
EMPTY = (0, 0, 0, 0, 0, 0)
SCORE_UNIT = 10_000

packed = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[int]).decode
_GIVEN = {"negative": -SCORE_UNIT, "neutral": 0, "positive": SCORE_UNIT}
_TOLERANCE = 1e-6


def unpacked(raw: bytes) -> Cell:
    """A cell out of its bytes in Redis."""
    return _decode(raw)


def score_of(record: Classified) -> int | None:
    """p(positive) − p(negative) of the counted prediction, in 1/10,000; None where there is none.

    A sentiment given with the document counts as certain: −1, 0 or 1. Probabilities that are missing, not finite, or make
    no number in [−1, 1] are no score: the document is counted, and left out of the mean.
    """
    if record.given is not None and record.given.sentiment is not None:
        return _GIVEN[record.given.sentiment]
    if record.prediction is None:
        return None
    p = record.prediction.sentiment.probabilities
    try:
        score = p["positive"] - p["negative"]
    except KeyError:
        return None
    if not isfinite(score) or abs(score) > 1 + _TOLERANCE:
        return None
    return round(max(-1.0, min(1.0, score)) * SCORE_UNIT)
