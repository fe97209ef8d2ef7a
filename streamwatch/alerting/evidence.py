"""What an alert shows: documents of different texts and authors, the words that mark them, whom they name.

Examples:
    >>> distinctive_terms(["Flight delayed again", "delayed 3 hours, no gate", "my bag and my flight are gone"])[:2]
    ('delayed', 'flight')
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from streamwatch.alerting.transition import Reference, Transition
from streamwatch.records import Alert, Classified, EvidenceDocument
from streamwatch.timeline import from_ms

SHOWN = 8
"""Documents of an alert at most: five must be there when five exist, more than a screen is not read."""
SHOWN_CHARS = 2000
"""Of a document in an alert: a record of the alert channel stays far below what a broker takes."""
N_TERMS = 8
NEAR_COPY = 0.7
"""Two texts that share this part of their words show the same thing."""
_WORD = re.compile(r"[^\W\d_]{3,}")
_STOP_WORDS = """
    the and for you your are was were with this that have has had not but they them their our out its can could will
    would from just about what when where who why how all any been being get got now than then there these those too
    very into over more most some such only own same she him her his hers did does doing off again once here also
    after before because while url user http https rt amp via still even one two don didn doesn isn won
"""
_STOP = frozenset(_STOP_WORDS.split())


def complete(transition: Transition, documents: Mapping[tuple[int, int], Classified]) -> Alert:
    """The alert with its documents. `documents` has the records of `transition.refs` by (partition, offset); some may
    be gone.
    """
    found = [
        (ref, documents[ref.partition, ref.offset])
        for ref in transition.refs
        if (ref.partition, ref.offset) in documents
    ]
    shown = _diverse(found)
    alert = transition.alert
    evidence = msgspec.structs.replace(
        alert.evidence,
        documents=tuple(_document(ref, record) for ref, record in shown),
        terms=distinctive_terms([record.text for _, record in found]),
        entities=_entities(record for _, record in found),
    )
    return msgspec.structs.replace(alert, evidence=evidence, model=_model(record for _, record in found))


def distinctive_terms(texts: Iterable[str]) -> tuple[str, ...]:
    """Words of at least two texts that are no stop words, those of most texts first."""
    counts = Counter(word for text in texts for word in sorted(_words(text)))
    common = [(n, word) for word, n in counts.items() if n >= 2]
    return tuple(word for _, word in sorted(common, key=lambda pair: (-pair[0], pair[1]))[:N_TERMS])


def _diverse(found: list[tuple[Reference, Classified]]) -> list[tuple[Reference, Classified]]:
    """Different texts first; near copies only where there are not enough others."""
    chosen: list[tuple[Reference, Classified]] = []
    near: list[tuple[Reference, Classified]] = []
    for one in found:
        alike = any(_alike(one[1].text, other.text) for _, other in chosen)
        (near if alike else chosen).append(one)
    return (chosen + near)[:SHOWN]


def _alike(a: str, b: str) -> bool:
    """Jaccard similarity of their words."""
    words_a, words_b = _words(a), _words(b)
    return bool(words_a | words_b) and len(words_a & words_b) / len(words_a | words_b) >= NEAR_COPY


def _words(text: str) -> set[str]:
    return {word for word in _WORD.findall(text.lower()) if word not in _STOP}


def _document(ref: Reference, record: Classified) -> EvidenceDocument:
    probabilities = record.prediction.sentiment.probabilities if record.prediction else {}
    return EvidenceDocument(
        id=record.id,
        text=record.text[:SHOWN_CHARS],
        published_at=from_ms(record.published_ms),
        sentiment=ref.sentiment,
        p_negative=probabilities.get("negative"),
        source=record.source,
        copies=ref.copies,
        channel=record.source_channel,
        partition=record.source_partition,
        offset=record.source_offset,
    )


def _entities(records: Iterable[Classified]) -> dict[str, int]:
    counts = Counter(name for record in records for name in record.entities)
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:N_TERMS])


def _model(records: Iterable[Classified]) -> str:
    """The models behind the documents, usually one."""
    return ", ".join(sorted({record.prediction.model for record in records if record.prediction}))
