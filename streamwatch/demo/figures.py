"""The figures of a run, read from where the truth is: the store's totals, the evaluator's head, the alert channel.

Examples:
    >>> figures = Figures(sent=10, totals={"classified": 7, "duplicate": 2, "dead_lettered": 1, "counted": 9})
    >>> figures.consumed, figures.lag
    (10, 0)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from redis import Redis

from streamwatch import broker, channels
from streamwatch.config import BUCKET_MS, Settings
from streamwatch.following.alert_log import Once, to_alert
from streamwatch.records import Alert
from streamwatch.redis_errors import answering
from streamwatch.sources.replay import Totals
from streamwatch.timeline import bucket_start
from streamwatch.trends.reading import TrendReader


@dataclass
class Figures:
    """Where a run stands. `closed_ms` is how far event time was evaluated, −1 before the first bucket."""

    sent: int = 0
    totals: Mapping[str, int] = field(default_factory=dict)
    closed_ms: int = -1
    n_outbox: int = 0

    @property
    def consumed(self) -> int:
        """Documents that became a record of `classified`, one for each source record but markers."""
        return sum(self.totals.get(name, 0) for name in ("classified", "duplicate", "dead_lettered"))

    @property
    def lag(self) -> int:
        """Documents sent that are not in the windows yet."""
        return self.sent - self.consumed


class Meter:
    """Reads figures, and alerts as they come, of one deployment."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._redis: Any = Redis.from_url(settings.redis)
        self._reader = TrendReader(self._redis, settings.prefix)
        self._once = Once()
        self._alerts_part = TopicPartition(channels.channel(settings, "alerts"), 0)
        self._context = broker.consumer(settings, auto_offset_reset="earliest")
        self._consumer: KafkaConsumer = self._context.__enter__()
        self._consumer.assign([self._alerts_part])
        self._consumer.seek_to_beginning(self._alerts_part)

    def close(self) -> None:
        """Disconnect."""
        self._context.__exit__(None, None, None)
        self._redis.close()

    def read(self, sent: int) -> Figures:
        """The figures now."""
        base = f"{self._settings.prefix}sw:{{eval}}:"
        with answering():
            closed = self._redis.hget(f"{base}head", "closed")
            n_outbox = self._redis.llen(f"{base}outbox")
        return Figures(sent, self._reader.totals(), int(closed or -1), n_outbox)

    def new_alerts(self) -> list[Alert]:
        """Alerts that came since the last call, each revision once."""
        records = [record for batch in self._consumer.poll(0).values() for record in batch]
        alerts = [to_alert(record.value) for record in records if record.value]
        return [alert for alert in alerts if self._once.is_new(alert.id, alert.revision)]

    def all_alerts_read(self) -> bool:
        """Whether nothing is left in the alert channel."""
        end = self._consumer.end_offsets([self._alerts_part])[self._alerts_part]
        return bool(self._consumer.position(self._alerts_part) >= end)

    def finished(self, figures: Figures, replayed: Totals, n_markers: int) -> bool:
        """Whether everything sent was applied, every bucket that can close has closed, and every alert is out."""
        last_bucket = bucket_start(replayed.last_ms - self._settings.lateness_s * 1000, BUCKET_MS)
        return (
            figures.lag <= 0
            and figures.totals.get("marker", 0) >= n_markers
            and figures.closed_ms >= last_bucket
            and figures.n_outbox == 0
            and self.all_alerts_read()
        )
