"""What an alert shows: documents of different texts and authors, the terms that mark them, whom they name, and how much
of it comes from one mouth.

`complete` is the last step of making an alert: the evaluator said where the documents are, somebody read them from
`classified`, and here they become evidence. It is a function of the transition and of what was read.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from streamwatch.alerting.diversity import LEAST, Candidate, diverse, folded, near_copies
from streamwatch.alerting.terms import LEAST_PAST, distinctive
from streamwatch.alerting.transition import Reference, Transition
from streamwatch.drift.projection import coordinates
from streamwatch.records import Alert, Classified, Evidence, EvidenceDocument
from streamwatch.text.clean import model_text
from streamwatch.timeline import from_ms

SHOWN_CHARS = 2000
"""Of a document in an alert: a record of the alert channel stays far below what a broker takes."""
N_ENTITIES = 8

Documents = Mapping[tuple[int, int], Classified]
Found = dict[Hashable, tuple[Reference, Classified]]


def complete(transition: Transition, documents: Documents) -> Alert:
    """The alert with its evidence. `documents` has the records of `transition.refs` and `transition.past_refs` by
    (partition, offset); some may be gone.
    """
    found = _pointing(_found(transition.refs, documents), transition.toward)
    past = _found(transition.past_refs, documents)
    evidence = _with_documents(transition.alert.evidence, found, [_read(record) for _, record in past.values()])
    records = [record for _, record in found.values()]
    evidence = msgspec.structs.replace(evidence, entities=_entities(records), channels=_channels(records))
    if transition.alert.kind == "drift":  # no series has counted who speaks
        evidence = _with_authors(evidence, records)
    return msgspec.structs.replace(transition.alert, evidence=evidence, model=transition.alert.model or _model(records))


def _found(refs: Iterable[Reference], documents: Documents) -> Found:
    places = [(ref, (ref.partition, ref.offset)) for ref in refs]
    return {place: (ref, documents[place]) for ref, place in places if place in documents}


def _pointing(found: Found, toward: bytes) -> Found:
    """Those of the documents whose projections have the largest products with `toward`, a third of all; all without it."""
    if not toward:
        return found
    direction = coordinates(toward).astype(np.int64)
    products = {place: _product(record, direction) for place, (_, record) in found.items()}
    most = sorted(found, key=lambda place: (-products[place], str(place)))[: max(len(found) // 3, LEAST)]
    return {place: found[place] for place in found if place in most}


def _product(record: Classified, direction: NDArray[np.int64]) -> int:
    """How far a document points there; one without a projection points nowhere."""
    said = record.prediction.projection if record.prediction is not None else b""
    return int(coordinates(said) @ direction) if len(said) == len(direction) else 0


def _with_documents(known: Evidence, found: Found, past: list[str]) -> Evidence:
    """What is seen in the texts: near copies are told by them here, and no more by the signatures in the ring."""
    if not found:
        return known
    groups = near_copies([_candidate(place, ref, record) for place, (ref, record) in found.items()])
    return msgspec.structs.replace(
        known,
        documents=tuple(_document(*found[one.key], one.copies) for one in diverse(groups)),
        terms=distinctive([folded(group).text for group in groups], past),
        n_past_documents=len(past) if len(past) >= LEAST_PAST else 0,
        largest_text_share=max(map(len, groups)) / len(found),
        n_near_copies=len(found) - len(groups),
    )


def _candidate(place: Hashable, ref: Reference, record: Classified) -> Candidate:
    return Candidate(
        place,
        _read(record),
        record.author_hash,
        record.published_ms,
        ref.copies,
        _p_negative(record),
    )


def _p_negative(record: Classified) -> float | None:
    """As the model says; None where it said nothing of it."""
    said = record.prediction.sentiment if record.prediction is not None else None
    return said.probabilities.get("negative") if said is not None else None


def _read(record: Classified) -> str:
    """As the model reads it: links and mentions are alike in it. No more than is shown, so that its length costs nothing."""
    return model_text(record.text[:SHOWN_CHARS])


def _document(ref: Reference, record: Classified, copies: int) -> EvidenceDocument:
    return EvidenceDocument(
        id=record.id,
        text=record.text[:SHOWN_CHARS],
        published_at=from_ms(record.published_ms),
        sentiment=ref.sentiment,
        p_negative=_p_negative(record),
        source=record.source,
        copies=copies,
        channel=record.source_channel,
        partition=record.source_partition,
        offset=record.source_offset,
    )


def _with_authors(evidence: Evidence, records: Sequence[Classified]) -> Evidence:
    authors = Counter(record.author_hash for record in records if record.author_hash)
    return msgspec.structs.replace(
        evidence,
        n_distinct_texts=len(records),
        n_distinct_authors=len(authors),
        largest_author_share=max(authors.values()) / authors.total() if authors else None,
    )


def _entities(records: Iterable[Classified]) -> dict[str, int]:
    counts = Counter(name for record in records for name in dict.fromkeys(record.entities))
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:N_ENTITIES])


def _channels(records: Iterable[Classified]) -> dict[str, int]:
    counts = Counter(record.source_channel for record in records)
    return dict(sorted(counts.items()))


def _model(records: Iterable[Classified]) -> str:
    """The models behind the documents, usually one."""
    return ", ".join(sorted({record.prediction.model for record in records if record.prediction}))
