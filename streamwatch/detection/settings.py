"""What the detectors need of the settings and of the rule that owns them, and the thresholds that follow from the budget.

Examples:
    >>> config = DetectionConfig(false_alarms_per_week=1.0, max_series=200, detection_bucket_ms=300_000)
    >>> round(config.share_run_length), round(config.volume_weeks)
    (806400, 400)
    >>> strict = config.under(Rule("desk", false_alarms_per_week=0.5, max_series=10, kinds=("negative_share",)))
    >>> round(strict.share_run_length)
    40320
"""

import msgspec

from streamwatch.config import BUCKET_MS, Settings
from streamwatch.rules.rule import KINDS, Rule
from streamwatch.timeline import DAY_MS, MINUTE_MS, WEEK_MS


class DetectionConfig(msgspec.Struct, frozen=True):
    """What a detector is told; times in milliseconds.

    Attributes:
        detection_bucket_ms: of the share detector.
        volume_bucket_ms: of the volume detector.
        false_alarms_per_week: over all series and kinds that share the budget.
        max_series: how many series share it at most.
        n_kinds: how many kinds of tests share it.
        text_horizon_ms: in which a text counts once.
        bucket_ms: the smallest bucket; what is fed.
    """

    detection_bucket_ms: int = MINUTE_MS
    volume_bucket_ms: int = 30 * MINUTE_MS
    false_alarms_per_week: float = 1.0
    max_series: int = 200
    n_kinds: int = len(KINDS)
    text_horizon_ms: int = DAY_MS
    bucket_ms: int = BUCKET_MS

    @classmethod
    def of(cls, settings: Settings) -> "DetectionConfig":
        """The part of `settings` that concerns detection."""
        return cls(
            detection_bucket_ms=settings.detection_bucket_s * 1000,
            volume_bucket_ms=settings.volume_bucket_s * 1000,
            false_alarms_per_week=settings.false_alarms_per_week,
            max_series=settings.max_series,
            text_horizon_ms=settings.text_horizon_s * 1000,
        )

    def under(self, rule: Rule | None) -> "DetectionConfig":
        """With the budget of the rule that owns the series; as it is where none does."""
        if rule is None:
            return self
        return msgspec.structs.replace(
            self,
            false_alarms_per_week=rule.false_alarms_per_week,
            max_series=rule.max_series,
            n_kinds=max(len(rule.tested), 1),
        )

    @property
    def share_run_length(self) -> float:
        """A of the share detector: detection buckets to a false alarm of one series, at least."""
        return self.series_weeks * WEEK_MS / self.detection_bucket_ms

    @property
    def volume_weeks(self) -> float:
        """Weeks to a false alarm of the volume detector of one series."""
        return self.series_weeks

    @property
    def series_weeks(self) -> float:
        """Weeks of one series to a false alarm of one detector. By the cap on series, not by how many there are
        today.
        """
        return self.max_series * self.n_kinds / self.false_alarms_per_week
