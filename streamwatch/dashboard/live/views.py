"""The followed channels, folded: what the pages show of them.

One thread folds, any thread reads: whoever reads gets a copy of its own moment, made when it is asked for after a change, so
that a list may be walked through while the next record is folded.

Examples:
    >>> from streamwatch.codec import encode
    >>> from streamwatch.records import Verdict
    >>> from streamwatch.timeline import from_ms
    >>> views = Views()
    >>> verdict = Verdict(alert="a1", true=True, made_by="ana", made_at=from_ms(0))
    >>> views.apply(Written("decisions", 0, 7, 0, b"verdict/a1", encode(verdict)))
    >>> views.decisions.verdict("a1").made_by, views.decisions is views.decisions
    ('ana', True)
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import msgspec

from streamwatch.codec import decode
from streamwatch.decisions.view import Decisions
from streamwatch.errors import RejectError
from streamwatch.following.alert_log import to_alert
from streamwatch.labelling.answers import Answers
from streamwatch.labelling.samples import Samples
from streamwatch.records import Alert, Answer, DeadLetter, DriftSample

log = logging.getLogger(__name__)
T = TypeVar("T")

MOST_REVISIONS = 50
"""Of one alert, the newest: an alert that fires for a day has about a dozen."""
MOST_TAIL = 10_000
"""Of a channel without a bound, the newest records: more than anybody reads through, some ten megabytes."""
SHOWN_RAW_BYTES = 512
"""Of a dead letter's bytes that is kept in memory: what a list shows. The rest is read from the channel when it is needed."""


class Written(NamedTuple):
    """A record as it lies in a channel; `channel` is its name without the deployment's prefix, `at_ms` the broker's stamp."""

    channel: str
    partition: int
    offset: int
    at_ms: int
    key: bytes | None
    value: bytes | None


class DeadLetterAt(NamedTuple):
    """A dead letter and where it lies in the channel `dead-letter`; of its bytes only the first `SHOWN_RAW_BYTES`."""

    partition: int
    offset: int
    letter: DeadLetter
    raw_is_whole: bool


class Shared(Generic[T]):
    """Something that one thread changes and others read as it was at some moment."""

    def __init__(self, held: T, copied: Callable[[T], T]) -> None:
        self._held, self._copied = held, copied
        self._shown: T | None = None
        self._lock = threading.Lock()

    def change(self, apply: Callable[[T], object]) -> None:
        """Change it; what was read before stays as it was."""
        with self._lock:
            self._shown = None
            apply(self._held)

    def read(self) -> T:
        """A copy of now; the same one until the next change. Not to be changed."""
        with self._lock:
            if self._shown is None:
                self._shown = self._copied(self._held)
            return self._shown


class Views:
    """All of it. `apply` and `forget_channel` are for the thread that follows, the rest for everybody."""

    def __init__(self) -> None:
        self._fresh()

    def _fresh(self, *only: str) -> None:
        """Empty views of the channels named, or of all."""
        if not only or "alerts" in only:
            self._alerts: Shared[dict[str, Alert]] = Shared({}, dict)
            self._revisions: Shared[dict[str, deque[Alert]]] = Shared({}, dict)
        if not only or "decisions" in only:
            self._decisions = Shared(Decisions(), Decisions.copied)
        if not only or "labels" in only:
            self._answers = Shared(Answers(), Answers.copied)
        if not only or "drift" in only:
            self._samples = Shared(Samples(), Samples.copied)
        if not only or "dead-letter" in only:
            self._dead: Shared[deque[DeadLetterAt]] = Shared(deque(maxlen=MOST_TAIL), lambda held: held.copy())
        if not only or "audit" in only:
            self._audit: Shared[deque[Written]] = Shared(deque(maxlen=MOST_TAIL), lambda held: held.copy())

    @property
    def alerts(self) -> dict[str, Alert]:
        """The newest revision of each alert, by id."""
        return self._alerts.read()

    @property
    def decisions(self) -> Decisions:
        """Everything that was decided."""
        return self._decisions.read()

    @property
    def answers(self) -> Answers:
        """What people said of documents."""
        return self._answers.read()

    @property
    def samples(self) -> Samples:
        """The documents that were drawn for people."""
        return self._samples.read()

    @property
    def dead_letters(self) -> "deque[DeadLetterAt]":
        """The newest dead letters, oldest first."""
        return self._dead.read()

    @property
    def audit(self) -> "deque[Written]":
        """The newest records of the audit trail, oldest first, as they lie there."""
        return self._audit.read()

    def revisions(self, alert_id: str) -> list[Alert]:
        """The newest revisions of an alert, in order: its timeline, as far as the compacted channel still has it."""
        return list(self._revisions.read().get(alert_id, ()))

    # -- folding

    def forget_channel(self, name: str) -> None:
        """The channel was made anew: what was folded of it is gone."""
        self._fresh(name)

    def apply(self, record: Written) -> None:
        """Fold one record. One that is none of ours is said and left out."""
        try:
            _FOLDS[record.channel](self, record)
        except RejectError as error:
            log.warning("a record of `%s` at offset %d is none of ours: %s", record.channel, record.offset, error)

    def _alert(self, record: Written) -> None:
        if not record.value:
            return self._forget_alert((record.key or b"").decode(errors="replace"))
        alert = to_alert(record.value)
        self._alerts.change(lambda held: _keep_newest(held, alert))
        self._revisions.change(lambda held: _add_revision(held, alert))
        return None

    def _forget_alert(self, alert_id: str) -> None:
        self._alerts.change(lambda held: held.pop(alert_id, None))
        self._revisions.change(lambda held: held.pop(alert_id, None))

    def _decision(self, record: Written) -> None:
        self._decisions.change(lambda held: held.apply_message(record.key, record.value))

    def _answer(self, record: Written) -> None:
        if record.value:
            answer = decode(record.value, Answer)
            self._answers.change(lambda held: held.apply(answer))
        else:
            key = (record.key or b"").decode(errors="replace")
            self._answers.change(lambda held: held.forget(key))

    def _sample(self, record: Written) -> None:
        if record.value:
            sample = decode(record.value, DriftSample)
            self._samples.change(lambda held: held.apply(sample))
        else:
            key = (record.key or b"").decode(errors="replace")
            self._samples.change(lambda held: held.forget(key))

    def _letter(self, record: Written) -> None:
        if record.value:
            found = decode(record.value, DeadLetter)
            short = msgspec.structs.replace(found, raw=found.raw[:SHOWN_RAW_BYTES])
            at = DeadLetterAt(record.partition, record.offset, short, found.length_bytes <= len(found.raw))
            self._dead.change(lambda held: held.append(at))

    def _trail(self, record: Written) -> None:
        if record.value:
            self._audit.change(lambda held: held.append(record))


_FOLDS: dict[str, Callable[[Views, Written], None]] = {
    "alerts": Views._alert,
    "decisions": Views._decision,
    "labels": Views._answer,
    "drift": Views._sample,
    "dead-letter": Views._letter,
    "audit": Views._trail,
}
FOLLOWED = tuple(_FOLDS)
"""The channels that are followed, without the deployment's prefix."""
TAILED = ("dead-letter", "audit")
"""Those that are read from near their end: they have no bound, and nothing follows from what is old."""


def _keep_newest(held: dict[str, Alert], alert: Alert) -> None:
    """After a crash of the evaluator an older revision may come again."""
    if alert.id not in held or held[alert.id].revision < alert.revision:
        held[alert.id] = alert


def _add_revision(held: dict[str, deque[Alert]], alert: Alert) -> None:
    """A copy that came twice counts once; the deque is replaced, since readers hold the old one."""
    known = held.get(alert.id, ())
    if any(one.revision == alert.revision for one in known):
        return
    held[alert.id] = deque(sorted((*known, alert), key=lambda one: one.revision)[-MOST_REVISIONS:])
