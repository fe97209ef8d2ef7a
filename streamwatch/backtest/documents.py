"""The rows of a file as the records that the classify agent would have made of them.

Examples:
    >>> from streamwatch.config import Settings
    >>> from streamwatch.inference.engine import NullEngine
    >>> row = Row(b"1", b'{"id":"1","text":"up","published_at":"2015-02-22T16:00:00Z"}', 1424620800000)
    >>> documents = Documents(Settings(), lambda: NullEngine(), "social")
    >>> [record.outcome for record in documents.classified([row, row, Row(b"", b"{}")])]
    ['classified', 'duplicate']
    >>> documents.rejected
    Counter({'missing_field': 1})
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from streamwatch.config import Settings
from streamwatch.delivery.intake import SourceRecord, Work, classified, prepare
from streamwatch.errors import RejectError
from streamwatch.inference.confidence import marked
from streamwatch.inference.engine import Engine, classify
from streamwatch.inference.unread import scripts_of, unread_prediction
from streamwatch.records import Classified, Label, Prediction, SentimentLabel
from streamwatch.sources.pacing import ArrivalClock, wall_ms
from streamwatch.sources.row import Row
from streamwatch.text.readable import unread_reason

GIVEN = "given"
"""Stands for the model where a document brought all labels that count, and the model was not asked."""


class Documents:
    """Makes records of rows.

    Args:
        open_engine: opens the model when the first text needs it: a file with its own labels never does.
        channel: the source channel of rows that name none.
        given_only: a given sentiment is enough: a document without a topic counts in none, and no model is asked.
        now_ms: the wall clock: no date behind it is believed, as in a replay.
    """

    def __init__(
        self,
        settings: Settings,
        open_engine: Callable[[], Engine],
        channel: str,
        given_only: bool = False,
        now_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._settings = settings
        self._open_engine = open_engine
        self._channel = channel
        self._given_only = given_only
        self._engine: Engine | None = None
        self._known: dict[str, Prediction] = {}
        self._unread: set[str] = set()
        self._clock = ArrivalClock(0, lambda: now_ms() + settings.max_ahead_s * 1000)
        self._n_rows = 0
        self.rejected: Counter[str] = Counter()

    def classified(self, rows: Iterable[Row]) -> list[Classified]:
        """The records of one chunk of rows, in order; what cannot be used is counted in `rejected`."""
        works = [self._read(work) for row in rows if (work := self._prepared(row)) is not None]
        known_before = self._known.keys() | self._unread
        errors = self._ask(works)
        return list(self._records(works, errors, known_before))

    def _prepared(self, row: Row) -> Work | None:
        arrival_ms = self._clock.see(row.published_ms)
        source = SourceRecord(row.channel or self._channel, 0, self._n_rows, row.value, arrival_ms)
        self._n_rows += 1
        try:
            return prepare(source, self._settings)
        except RejectError as error:
            self.rejected[error.reason] += 1
            return None

    def _ask(self, works: Iterable[Work]) -> dict[str, RejectError]:
        """Classify the texts that are new; the errors of those that cannot be."""
        self._unread.update(work.document.text_hash for work in works if work.unread)
        new = {
            work.document.text_hash: work
            for work in works
            if not work.unread and work.document.text_hash not in self._known
        }
        labelled = {text_hash: work for text_hash, work in new.items() if self._needs_no_model(work)}
        for text_hash, work in labelled.items():
            self._known[text_hash] = _as_given(work)
        asked = {text_hash: work.text for text_hash, work in new.items() if text_hash not in labelled}
        if not asked:
            return {}
        errors = {}
        for text_hash, answer in zip(asked, classify(self._opened(), list(asked.values())), strict=True):
            if isinstance(answer, RejectError):
                errors[text_hash] = answer
            else:
                self._known[text_hash] = marked(answer, self._settings.low_confidence_below)
        return errors

    def _read(self, work: Work) -> Work:
        """The work with the reason why the model cannot read it. Where it is not asked, nobody looks."""
        if self._needs_no_model(work):
            return work
        return work._replace(unread=unread_reason(work.text, scripts_of(self._opened())))

    def _opened(self) -> Engine:
        if self._engine is None:
            self._engine = self._open_engine()
        return self._engine

    def _needs_no_model(self, work: Work) -> bool:
        given = work.document.given
        return given is not None and given.sentiment is not None and (self._given_only or given.topic is not None)

    def _records(
        self, works: Iterable[Work], errors: dict[str, RejectError], known_before: set[str]
    ) -> Iterator[Classified]:
        for work in works:
            text_hash = work.document.text_hash
            if text_hash in errors:
                self.rejected[errors[text_hash].reason] += 1
                continue
            outcome = "duplicate" if text_hash in known_before else "classified"
            known_before.add(text_hash)
            prediction = unread_prediction(self._opened().model) if work.unread else self._known[text_hash]
            yield classified(work, prediction, outcome, follows=work.source.offset - 1)  # type: ignore[arg-type]


def _as_given(work: Work) -> Prediction:
    """The given labels in the place of the model's: it was not asked. Without a topic it counts in none."""
    given = work.document.given
    assert given is not None and given.sentiment is not None
    certain = {name: float(name == given.sentiment) for name in ("negative", "neutral", "positive")}
    sentiment = SentimentLabel(label=given.sentiment, p=1.0, probabilities=certain)
    return Prediction(topic=Label(label=given.topic or "", p=1.0), sentiment=sentiment, model=GIVEN)
