"""Which texts were counted lately: a text counts once in the horizon, in the first bucket to close that holds a copy.

Hashes are kept by the hour in which they counted, and forgotten by whole hours, so that the store adds and drops sets
and never searches them. A text may therefore be remembered for up to an hour longer than the horizon.

Examples:
    >>> texts = Texts(horizon_ms=24 * HOUR_MS)
    >>> texts.count("t1", 0), texts.count("t1", 5 * HOUR_MS), texts.count("t1", 25 * HOUR_MS)
    (True, False, True)
    >>> texts.take_changes()
    ({90000000: ['t1']}, [0])
"""

from collections.abc import Iterable, Mapping

from streamwatch.timeline import HOUR_MS, bucket_start


class Texts:
    """Hashes of counted texts; `known` comes from the store."""

    def __init__(self, horizon_ms: int, known: Mapping[int, Iterable[str]] | None = None) -> None:
        self.horizon_ms = horizon_ms
        self._by_hour: dict[int, set[str]] = {hour: set(hashes) for hour, hashes in (known or {}).items()}
        self._seen: set[str] = set().union(*self._by_hour.values())
        self._new: dict[int, list[str]] = {}
        self._dropped: list[int] = []

    def count(self, text_hash: str, start_ms: int) -> bool:
        """Whether the text counts in the bucket at `start_ms` (buckets in time order). It is then remembered."""
        hour = bucket_start(start_ms, HOUR_MS)
        if hour not in self._by_hour:
            self._forget(start_ms)
            self._by_hour[hour] = set()
        if text_hash in self._seen:
            return False
        self._seen.add(text_hash)
        self._by_hour[hour].add(text_hash)
        self._new.setdefault(hour, []).append(text_hash)
        return True

    def take_changes(self) -> tuple[dict[int, list[str]], list[int]]:
        """New hashes by hour, and hours to drop, since the last call."""
        changes = self._new, self._dropped
        self._new, self._dropped = {}, []
        return changes

    def _forget(self, start_ms: int) -> None:
        for hour in [hour for hour in self._by_hour if hour + HOUR_MS + self.horizon_ms <= start_ms]:
            self._seen -= self._by_hour.pop(hour)
            self._new.pop(hour, None)
            self._dropped.append(hour)
