"""What a detector says of its series when it is asked: the numbers that an alert carries."""

import msgspec


class Reading(msgspec.Struct, frozen=True):
    """`n` documents and `k` negatives since `window_start_ms`, against the share and the count that are usual.

    `log_e` is the log of the e-value: the mean of the Shiryaev–Roberts statistics.
    """

    window_start_ms: int
    n: int
    k: int
    p0: float
    p0_low: float
    p0_high: float
    k_expected: float
    log_e: float
