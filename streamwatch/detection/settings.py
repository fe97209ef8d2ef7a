"""What the detectors need of the settings, and the thresholds that follow from the budget of false alarms.

Examples:
    >>> config = DetectionConfig(false_alarms_per_week=1.0, max_series=200, detection_bucket_ms=300_000)
    >>> round(config.share_run_length), round(config.volume_run_length)
    (806400, 67200)
"""

import msgspec

from streamwatch.config import BUCKET_MS, Settings
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS, WEEK_MS

DETECTORS_IN_BUDGET = 2
"""The share and the volume detector have half of the false alarms each."""


class DetectionConfig(msgspec.Struct, frozen=True):
    """The settings of detection; times in milliseconds."""

    detection_bucket_ms: int = MINUTE_MS
    false_alarms_per_week: float = 1.0
    max_series: int = 200
    max_firing_ms: int = DAY_MS
    keep_firing_ms: int = 30 * MINUTE_MS
    text_horizon_ms: int = DAY_MS
    bucket_ms: int = BUCKET_MS

    @classmethod
    def of(cls, settings: Settings) -> "DetectionConfig":
        """The part of `settings` that concerns detection."""
        return cls(
            detection_bucket_ms=settings.detection_bucket_s * 1000,
            false_alarms_per_week=settings.false_alarms_per_week,
            max_series=settings.max_series,
            max_firing_ms=settings.max_firing_s * 1000,
            keep_firing_ms=settings.keep_firing_s * 1000,
            text_horizon_ms=settings.text_horizon_s * 1000,
        )

    @property
    def share_run_length(self) -> float:
        """A of the share detector: detection buckets to a false alarm of one series, at least."""
        return self._series_weeks * WEEK_MS / self.detection_bucket_ms

    @property
    def volume_run_length(self) -> float:
        """A of the volume detector, whose buckets are hours."""
        return self._series_weeks * WEEK_MS / HOUR_MS

    @property
    def _series_weeks(self) -> float:
        """Weeks of one series to a false alarm of one detector. By the cap on series, not by how many there are
        today.
        """
        return self.max_series * DETECTORS_IN_BUDGET / self.false_alarms_per_week
