"""One thread that reads some channels to their end and then follows them, and says how far it is.

It has no group and commits nothing: every process reads for itself. A broker that is away is waited for; what was folded
stays and is a little old, and `broken` says so. A channel that was made anew is read anew.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError

from streamwatch import broker
from streamwatch.channels import channel, layout
from streamwatch.config import Settings
from streamwatch.dashboard.live.views import FOLLOWED, MOST_TAIL, TAILED, Written
from streamwatch.errors import FatalError, RetryError

log = logging.getLogger(__name__)

POLL_MS = 200
"""How long one look waits: a thread that is to stop is gone soon enough."""
LOOK_S = 1.0
"""How often the channels' ends are asked for: that is how a broker that is away is told from one that is quiet."""
ANSWER_MS = 3000
"""How long the broker may take to say where channels end, before it counts as away."""
AGAIN_S = (0.5, 1.0, 2.0, 5.0)
"""Pauses between tries to reach the broker, the last for ever."""

Apply = Callable[[Sequence[Written]], None]
OnAnew = Callable[[str], None]


class Follower:
    """Follows `names` from a thread of its own.

    Args:
        apply: called from the thread with what was read, in the order of each partition.
        on_anew: called from the thread with the name of a channel that was made anew, before its first record.

    Attributes:
        ready: whether everything was read once that lay there at the start.
        broken: what is wrong now, in one line; empty while all is well.
    """

    def __init__(self, settings: Settings, apply: Apply, on_anew: OnAnew, names: Iterable[str] = FOLLOWED) -> None:
        self._settings = settings
        self._apply, self._on_anew = apply, on_anew
        self._names = {c.name: c.name.removeprefix(settings.prefix) for c in layout(settings)}
        self._names = {full: name for full, name in self._names.items() if name in set(names)}
        self._next: dict[TopicPartition, int] = {}
        self._moved = threading.Condition()
        self._stopping = threading.Event()
        self._at_end = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self.ready = False
        self.broken = ""

    def start(self) -> None:
        """Begin to read; `ready` says when the end was reached."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, and wait for the thread."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2 * self._settings.connect_timeout_s)

    @property
    def lag_s(self) -> float:
        """How long ago everything that lay in the channels had been read."""
        return time.monotonic() - self._at_end

    def has_read(self, name: str, partition: int, offset: int) -> bool:
        """Whether the record there was folded."""
        return self._next.get(TopicPartition(channel(self._settings, name), partition), 0) > offset

    def wait_until_read(self, name: str, partition: int, offset: int, timeout_s: float) -> bool:
        """Wait until it was; False when it was not in time."""
        with self._moved:
            return self._moved.wait_for(lambda: self.has_read(name, partition, offset), timeout_s)

    # -- the thread

    def _run(self) -> None:
        n_failed = 0
        while not self._stopping.is_set():
            try:
                with broker.consumer(
                    self._settings, auto_offset_reset="earliest", fetch_max_wait_ms=self._settings.fetch_wait_ms
                ) as reader:
                    self._begin(reader)
                    n_failed = 0
                    self._follow(reader)
            except (RetryError, FatalError, KafkaError, OSError) as error:
                self._say_broken(error)
            except Exception as error:  # the thread must not die and leave its callers waiting for ever
                log.exception("following channels")
                self._say_broken(error)
            self._stopping.wait(AGAIN_S[min(n_failed, len(AGAIN_S) - 1)])
            n_failed += 1

    def _say_broken(self, error: Exception) -> None:
        if not self.broken:
            log.warning("channels are not followed: %s", error)
        self.broken = str(error) or type(error).__name__

    def _begin(self, reader: Any) -> None:
        """Where to read: after what was folded, or from the start; of a channel without a bound from near its end."""
        parts = [
            TopicPartition(full, p) for full in self._names for p in sorted(reader.partitions_for_topic(full) or ())
        ]
        self._ends = broker.end_offsets(self._settings, parts)
        first = reader.beginning_offsets(parts)
        reader.assign(parts)
        for part in parts:
            reader.seek(part, self._next.setdefault(part, self._first(part, first[part])))

    def _first(self, part: TopicPartition, first: int) -> int:
        tailed = self._names[part.topic] in TAILED
        return max(first, self._ends[part] - MOST_TAIL) if tailed else first

    def _follow(self, reader: Any) -> None:
        looked = 0.0
        while not self._stopping.is_set():
            batches = reader.poll(POLL_MS, max_records=1000)
            self._look_back(reader)
            for part, batch in batches.items():
                self._take(part, batch)
            if time.monotonic() - looked > LOOK_S:
                looked = time.monotonic()
                self._look(reader)
            if not self.ready and all(reader.position(part) >= end for part, end in self._ends.items()):
                self.ready, self._at_end, self.broken = True, time.monotonic(), ""

    def _look_back(self, reader: Any) -> None:
        """A position that went back: the channel was made anew, and is shorter than what was read of it."""
        for part, expected in list(self._next.items()):
            if reader.position(part) < expected:
                log.warning("%s was made anew: reading it from its start", part.topic)
                self._on_anew(self._names[part.topic])
                self._next[part] = 0

    def _take(self, part: TopicPartition, batch: Sequence[Any]) -> None:
        name = self._names[part.topic]
        self._apply([Written(name, part.partition, r.offset, r.timestamp, r.key, r.value) for r in batch])
        with self._moved:
            self._next[part] = batch[-1].offset + 1
            self._moved.notify_all()

    def _look(self, reader: Any) -> None:
        """Ask for the ends: whoever is silent may be away."""
        ends = reader.end_offsets(list(self._next), timeout_ms=ANSWER_MS)
        self.broken = ""
        if all(reader.position(part) >= end for part, end in ends.items()):
            self._at_end = time.monotonic()
