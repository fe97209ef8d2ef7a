"""What one series gains in one bucket: seven whole numbers, packed as a msgpack array for Redis.

Only whole numbers, so that adding is associative: however the log is cut into batches, the sums are the same. A score is
kept as a number of ten-thousandths for that reason.

Hardly a bucket has an unread document, so that the last number is left out where it is 0: six in Redis are a cell too.

Examples:
    >>> unpacked(packed_cell([3, 1, 0, -9500, 0, 2, 0])), unpacked(packed_cell([3, 1, 0, -9500, 0, 2, 1]))
    ([3, 1, 0, -9500, 0, 2, 0], [3, 1, 0, -9500, 0, 2, 1])
    >>> len(packed_cell([3, 1, 0, -9500, 0, 2, 0])), len(packed_cell([3, 1, 0, -9500, 0, 2, 1]))
    (9, 10)
"""

from collections.abc import Sequence
from math import isfinite

import msgspec

from streamwatch.records import Classified

Cell = list[int]
"""[n, negative, positive, sum of scores in 1/10,000, documents without a score, documents of the channel `news`, unread].

Neutral is n − negative − positive; `social` is n − news. `unread` documents are in none of the other numbers."""
EMPTY = (0, 0, 0, 0, 0, 0, 0)
UNREAD = len(EMPTY) - 1
"""The place of the unread documents, which may be missing."""
SCORE_UNIT = 10_000

packed = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[int]).decode
_GIVEN = {"negative": -SCORE_UNIT, "neutral": 0, "positive": SCORE_UNIT}
_TOLERANCE = 1e-6


def packed_cell(cell: Sequence[int]) -> bytes:
    """A cell as its bytes in Redis; what follows the seven numbers is left out."""
    return packed(cell[: UNREAD + 1] if cell[UNREAD] else cell[:UNREAD])


def unpacked(raw: bytes) -> Cell:
    """A cell out of its bytes in Redis."""
    cell = _decode(raw)
    if len(cell) == UNREAD:
        cell.append(0)
    return cell


def score_of(record: Classified) -> int | None:
    """p(positive) − p(negative) of the counted prediction, in 1/10,000; None where there is none.

    A sentiment given with the document counts as certain: −1, 0 or 1. Probabilities that are missing, not finite, or make
    no number in [−1, 1] are no score: the document is counted, and left out of the mean.
    """
    if record.given is not None and record.given.sentiment is not None:
        return _GIVEN[record.given.sentiment]
    if record.prediction is None or record.prediction.sentiment is None:
        return None
    p = record.prediction.sentiment.probabilities
    try:
        score = p["positive"] - p["negative"]
    except KeyError:
        return None
    if not isfinite(score) or abs(score) > 1 + _TOLERANCE:
        return None
    return round(max(-1.0, min(1.0, score)) * SCORE_UNIT)
