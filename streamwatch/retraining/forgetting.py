"""Forgetting a document, or all of a writer: what is written to which channel.

A log cannot be edited, only written to. So a document is forgotten by records that replace it:

    labels   an answer that is undone, without text, and then a record without a value: no reader sees the answer from the
             first on; a broker that compacts the channel removes the text itself
    drift    a record without a value: the queue shows the document no more
    alerts   a new revision of a resolved alert, without the document: the channel is compacted, so the older one goes

`classified` and the source channels keep the text until their retention ends, and nothing learns it from there: the list of what
was forgotten (`streamwatch.retraining.forgotten`) is asked by every retraining.

Examples:
    >>> from streamwatch.labelling.examples import answer
    >>> from streamwatch.timeline import from_ms
    >>> said = [answer("a", "ann"), answer("b", "ann")]
    >>> [(one.channel, one.key, bool(one.value)) for one in of_labels(Wanted(ids={"a"}), said, from_ms(0))]
    [('labels', b'a\\x1fann', True), ('labels', b'a\\x1fann', False)]
"""

from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec

from streamwatch.codec import encode
from streamwatch.labelling.answers import key_of
from streamwatch.records import Alert, Answer, Classified, DriftSample
from streamwatch.retraining.forgotten import Forgotten
from streamwatch.retraining.known import id_hash
from streamwatch.text.clean import text_hash
from streamwatch.timeline import format_rfc3339

HASH_DIGITS = 16


class Wanted(msgspec.Struct):
    """What is to be forgotten: documents by id, and writers by their hash. Ids of a writer are added as they are found."""

    ids: set[str] = set()
    authors: set[str] = set()

    def has(self, document_id: str, author: str = "") -> bool:
        """Whether a document is to be forgotten; one of a wanted writer is wanted by its id from then on."""
        if author and author in self.authors:
            self.ids.add(document_id)
        return document_id in self.ids

    def gone(self) -> Callable[[str, str], bool]:
        """The same by hash of the id and of the writer, for stores that have no more; of what is wanted by now."""
        hashes, authors = {id_hash(one) for one in self.ids}, set(self.authors)
        return lambda document, author: document in hashes or (bool(author) and author in authors)


class Write(msgspec.Struct, frozen=True):
    """A record to write; without a value it says that its key is gone."""

    channel: str
    key: bytes
    value: bytes | None


def author_hash(name: str) -> str:
    """The hash that records carry of a writer's name; a hash is left as it is.

    >>> author_hash("jo") == author_hash(author_hash("jo"))
    True
    """
    is_hash = len(name) == HASH_DIGITS and set(name) <= set("0123456789abcdef")
    return name if is_hash else text_hash(name)


def of_labels(wanted: Wanted, answers: Iterable[Answer], now: datetime) -> list[Write]:
    """What takes the answers back and out."""
    made = []
    for one in answers:
        if wanted.has(one.id, one.author_hash):
            undone = msgspec.structs.replace(
                one, verdict="undone", answered_at=now, text="", source="", author_hash="", topic=None, sentiment=None
            )
            key = key_of(one).encode()
            made += [Write("labels", key, encode(undone)), Write("labels", key, None)]
    return made


def of_drift(wanted: Wanted, samples: Iterable[DriftSample]) -> list[Write]:
    """What takes documents out of the queue."""
    ids = dict.fromkeys(one.id for one in samples if wanted.has(one.id, one.author_hash))
    return [Write("drift", name.encode(), None) for name in ids]


def of_alerts(wanted: Wanted, alerts: Iterable[Alert]) -> tuple[list[Write], int]:
    """Resolved alerts that show a wanted document, without it, and how many open ones show one.

    Their numbers stay: they count, and name nobody. An open alert is its evaluator's, whose next revision this one would
    hide.
    """
    made, n_open = [], 0
    for alert in alerts:
        shown = alert.evidence.documents
        kept = tuple(one for one in shown if not wanted.has(one.id))
        if len(kept) == len(shown):
            continue
        if alert.state != "resolved":
            n_open += 1
            continue
        evidence = msgspec.structs.replace(alert.evidence, documents=kept)
        without = msgspec.structs.replace(alert, revision=alert.revision + 1, evidence=evidence)
        made.append(Write("alerts", alert.id.encode(), encode(without)))
    return made, n_open


def find_ids(wanted: Wanted, classified: Iterable[Classified]) -> int:
    """Look for the documents of wanted writers; gives how many records of wanted documents there are."""
    return sum(wanted.has(one.id, one.author_hash) for one in classified if one.id)


def listed(wanted: Wanted, now_ms: int, by: str) -> list[Forgotten]:
    """The entries for the list of what was forgotten."""
    at = format_rfc3339(now_ms)
    documents = [Forgotten("document", id_hash(one), at, by) for one in sorted(wanted.ids)]
    return [*(Forgotten("author", one, at, by) for one in sorted(wanted.authors)), *documents]
