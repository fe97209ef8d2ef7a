"""The evaluator over a list of documents in virtual time: no broker, no store, no clock. Tests and `backtest` use it.

Arrival is the largest date so far (as `replay` sets it), the watermark is the newest arrival minus the lateness, and
a document is detected on at its date, but never earlier than arrival − lateness. One that is older than `max_age` on
arrival is history only.

Examples:
    >>> from streamwatch.config import Settings
    >>> list(transitions([], Settings()))
    []
"""

from collections.abc import Iterable, Iterator

from streamwatch.alerting.evaluator import Evaluator
from streamwatch.alerting.transition import Transition
from streamwatch.config import BUCKET_MS, Settings
from streamwatch.records import Classified
from streamwatch.timeline import bucket_start
from streamwatch.trends.entry import Entry, series_of


class VirtualTime:
    """Feeds documents in the order of the log; `evaluator` may be given, with rules or to go on from a kept state."""

    def __init__(self, settings: Settings, evaluator: Evaluator | None = None) -> None:
        self.evaluator = evaluator or Evaluator(settings)
        self.n_too_old = 0
        self._lateness_ms = settings.lateness_s * 1000
        self._max_age_ms = settings.max_age_s * 1000
        self._arrival_ms = 0
        self._open: dict[int, list[Entry]] = {}

    def feed(self, record: Classified) -> list[Transition]:
        """Count one document; the transitions of what its arrival closed."""
        if record.outcome not in ("classified", "duplicate") or record.backfill:
            return []
        self._arrival_ms = max(self._arrival_ms, record.published_ms)
        if self._arrival_ms - record.published_ms > self._max_age_ms:
            self.n_too_old += 1
            return []
        watermark_ms = self._arrival_ms - self._lateness_ms
        detected_ms = max(record.published_ms, watermark_ms)
        self._open.setdefault(bucket_start(detected_ms, BUCKET_MS), []).append(entry_of(record))
        return self._close(watermark_ms)

    def finish(self) -> list[Transition]:
        """All have come: the watermark goes to the newest arrival, and no further."""
        return self._close(self._arrival_ms)

    def _close(self, watermark_ms: int) -> list[Transition]:
        until_ms = bucket_start(max(watermark_ms, 0), BUCKET_MS)
        if until_ms <= self.evaluator.closed_until_ms:
            return []
        closed = sorted(start_ms for start_ms in self._open if start_ms < until_ms)
        return self.evaluator.advance(until_ms, [(start_ms, self._open.pop(start_ms)) for start_ms in closed])


def transitions(records: Iterable[Classified], settings: Settings) -> Iterator[Transition]:
    """All transitions of `records`, from an empty state."""
    virtual = VirtualTime(settings)
    for record in records:
        yield from virtual.feed(record)
    yield from virtual.finish()


def entry_of(record: Classified) -> Entry:
    """The entry that the trend writer makes of a record."""
    return Entry(
        record.text_hash,
        record.counted_sentiment,
        series_of(record),
        record.author_hash,
        record.source_partition,
        record.source_offset,
        record.signature,
    )
