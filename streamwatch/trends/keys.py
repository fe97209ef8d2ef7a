"""Names of the Redis keys. All keys of one partition carry its hash tag, so one script may touch them on a cluster.

    sw:{p3}:state                    hash   applied, epoch, s:<channel> = [fence, arrival_ms, replays], t:<total>
    sw:{p3}:w:<hour>:<series>        hash   <bucket in the hour>:n | :- | :+   by published time
    sw:{p3}:d:<bucket_ms>:<series>   HyperLogLog of text hashes
    sw:{p3}:hours                    sorted set of <hour>:<series>, by hour: what exists, and what retention deletes
    sw:{p3}:e:<bucket_ms>            list of entries waiting for detection, by detection time
    sw:{p3}:open                     sorted set of <bucket_ms> that hold entries
    sw:{p3}:i:<channel>:<generation> set of counted ids
    sw:{eval}:…                      the evaluator's own (alerting)

Examples:
    >>> Keys("test-", 3).state
    'test-sw:{p3}:state'
"""

from streamwatch.config import BUCKET_MS
from streamwatch.timeline import HOUR_MS

BUCKETS_PER_HOUR = HOUR_MS // BUCKET_MS


class Keys:
    """The keys of one partition."""

    def __init__(self, prefix: str, partition: int) -> None:
        self.base = f"{prefix}sw:{{p{partition}}}:"
        self.state = f"{self.base}state"
        self.hours = f"{self.base}hours"
        self.open = f"{self.base}open"

    def entries(self, bucket_ms: int) -> str:
        """Entries that wait for the close of a bucket."""
        return f"{self.base}e:{bucket_ms}"

    def window(self, hour: int, series: str) -> str:
        """Counts of one series in one hour (hours since 1970)."""
        return f"{self.base}w:{hour}:{series}"

    def texts(self, bucket_ms: int, series: str) -> str:
        """Distinct texts of one series in one bucket."""
        return f"{self.base}d:{bucket_ms}:{series}"

    def ids(self, channel: str, generation: int) -> str:
        """Counted ids of one generation."""
        return f"{self.base}i:{channel}:{generation}"


def hour_and_index(bucket_ms: int) -> tuple[int, int]:
    """The hour since 1970 that holds a bucket, and the bucket's place in it."""
    return bucket_ms // HOUR_MS, bucket_ms % HOUR_MS // BUCKET_MS
