"""Windows and evaluator over documents in virtual time: no broker, no store, no clock. Tests and `backtest` use it.

What the trend writer does with a partition is done here with all documents: the same counting, so an id counts once
within its horizon, and a document is detected on at its date, but never earlier than arrival − lateness. Arrival is what
the record says (`observed_ms`, which `replay` sets to the largest date so far), never less than the largest before it; the
watermark is the newest arrival minus the lateness.

Examples:
    >>> from streamwatch.config import Settings
    >>> list(transitions([], Settings()))
    []
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from streamwatch.alerting.evaluator import Evaluator
from streamwatch.alerting.transition import Transition
from streamwatch.config import BUCKET_MS, Settings
from streamwatch.records import Classified
from streamwatch.text.clean import text_hash
from streamwatch.timeline import bucket_start
from streamwatch.trends.counting import Admission, Admitted, PartitionState, count
from streamwatch.trends.entry import Entry

PARTITION = 0
"""All documents lie in one partition; their offsets are their places in the order they are fed."""
CHUNK = 500
Known = set[tuple[str, int, str]]


class VirtualTime:
    """Feeds documents in the order of the log; `evaluator` may be given, with rules or to go on from a kept state.

    Attributes:
        totals: what the trend writer would have counted: counted, redelivered, late, expired, and by outcome.
        n_fed: how many records were fed: the offset of the next.
    """

    def __init__(self, settings: Settings, evaluator: Evaluator | None = None) -> None:
        self.evaluator = evaluator or Evaluator(settings)
        self.totals: Counter[str] = Counter()
        self.n_fed = 0
        self._settings = settings
        self._arrival_ms = 0
        self._known: Known = set()
        self._oldest = -1
        self._open: dict[int, list[Entry]] = defaultdict(list)

    @property
    def arrival_ms(self) -> int:
        """The newest arrival."""
        return self._arrival_ms

    def feed(self, records: Sequence[Classified]) -> list[Transition]:
        """Count documents; the transitions of what their arrival closed. How they are dealt to calls changes nothing."""
        admitted = [self._admit(record) for record in records]
        delta = count(Admission(admitted, PartitionState()), self._known, self._settings, PARTITION)
        self.totals += delta.totals
        self._remember(delta.ids)
        for bucket_ms, entries in delta.entries.items():
            self._open[bucket_ms] += entries
        return self._close(self._arrival_ms - self._settings.lateness_s * 1000)

    def finish(self) -> list[Transition]:
        """All have come: the watermark goes to the newest arrival, and no further."""
        return self._close(self._arrival_ms)

    def _admit(self, record: Classified) -> Admitted:
        self._arrival_ms = max(self._arrival_ms, record.observed_ms)
        admitted = Admitted(self.n_fed, record, self._arrival_ms, text_hash(record.id))
        self.n_fed += 1
        return admitted

    def _remember(self, ids: dict[tuple[str, int], list[str]]) -> None:
        """The counted ids of the running generation and of the one before, as the store does."""
        self._known |= {(*where, id_key) for where, id_keys in ids.items() for id_key in id_keys}
        oldest = self._arrival_ms // (self._settings.id_horizon_s * 1000) - 1
        if oldest > self._oldest:
            self._known = {one for one in self._known if one[1] >= oldest}
            self._oldest = oldest

    def _close(self, watermark_ms: int) -> list[Transition]:
        until_ms = bucket_start(max(watermark_ms, 0), BUCKET_MS)
        if until_ms <= self.evaluator.closed_until_ms:
            return []
        closed = sorted(start_ms for start_ms in self._open if start_ms < until_ms)
        return self.evaluator.advance(until_ms, [(start_ms, self._open.pop(start_ms)) for start_ms in closed])


def transitions(records: Iterable[Classified], settings: Settings) -> Iterator[Transition]:
    """All transitions of `records`, from an empty state."""
    virtual, waiting = VirtualTime(settings), iter(records)
    while chunk := list(islice(waiting, CHUNK)):
        yield from virtual.feed(chunk)
    yield from virtual.finish()
