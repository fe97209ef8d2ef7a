"""Names of the Redis keys. All keys of one partition carry its hash tag, so one script may touch them on a cluster.

    sw:{p3}:state                       hash   applied, epoch, s:<channel> = [fence, arrival_ms, replays], t:<total>
    sw:{p3}:w:<level>:<block>:<series>  hash   <bucket in the block> = packed cell, by published time
    sw:{p3}:k:<block>:<series>          hash   <minute in the block> = sketches of distinct texts and authors
    sw:{p3}:t:<level>:<bucket>:<series> HyperLogLog of text hashes, of hours and days
    sw:{p3}:a:<level>:<bucket>:<series> HyperLogLog of author hashes, of hours and days
    sw:{p3}:s:<day>                     set of the series that have windows in that day (of 1970)
    sw:{p3}:days:<level>                sorted set of the days that a level has: what retention deletes
    sw:{p3}:e:<bucket_ms>               list of entries waiting for detection, by detection time
    sw:{p3}:open                        sorted set of <bucket_ms> that hold entries
    sw:{p3}:d:<bucket_ms>               hash   sums for the drift monitors, by detection time (drift/stored.py)
    sw:{p3}:heard                       sorted set of <bucket_ms> that hold such sums
    sw:{p3}:i:<channel>:<generation>    set of counted ids, and of texts that the drift monitors heard
    sw:{eval}:…                         the evaluator's own (alerting)

Examples:
    >>> Keys("test-", 3).state
    'test-sw:{p3}:state'
"""

from streamwatch.trends.levels import Level


class Keys:
    """The keys of one partition."""

    def __init__(self, prefix: str, partition: int) -> None:
        self.partition = partition
        self.base = f"{prefix}sw:{{p{partition}}}:"
        self.state = f"{self.base}state"
        self.open = f"{self.base}open"
        self.heard = f"{self.base}heard"

    def entries(self, bucket_ms: int) -> str:
        """Entries that wait for the close of a bucket."""
        return f"{self.base}e:{bucket_ms}"

    def sums(self, bucket_ms: int) -> str:
        """Sums for the drift monitors that wait for the close of a bucket."""
        return f"{self.base}d:{bucket_ms}"

    def window(self, level: Level, block: int, series: str) -> str:
        """Cells of one series in one block."""
        return f"{self.base}w:{level.code}:{block}:{series}"

    def sketches(self, block: int, series: str) -> str:
        """Sketches of one series in one block of minutes."""
        return f"{self.base}k:{block}:{series}"

    def texts(self, level: Level, bucket_ms: int, series: str) -> str:
        """Distinct texts of one series in one hour or day."""
        return f"{self.base}t:{level.code}:{bucket_ms}:{series}"

    def authors(self, level: Level, bucket_ms: int, series: str) -> str:
        """Distinct authors of one series in one hour or day."""
        return f"{self.base}a:{level.code}:{bucket_ms}:{series}"

    def series(self, day: int) -> str:
        """The series of one day (days since 1970)."""
        return f"{self.base}s:{day}"

    def days(self, level: Level) -> str:
        """The days that a level has."""
        return f"{self.base}days:{level.code}"

    def ids(self, channel: str, generation: int) -> str:
        """Counted ids, and heard texts, of one generation."""
        return f"{self.base}i:{channel}:{generation}"
