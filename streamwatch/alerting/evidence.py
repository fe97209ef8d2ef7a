"""What an alert shows: documents of different texts and authors, the terms that mark them, whom they name, and how much
of it comes from one mouth.

`complete` is the last step of making an alert: the evaluator said where the documents are, somebody read them from
`classified`, and here they become evidence. It is a function of the transition and of what was read.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping

import msgspec

from streamwatch.alerting.diversity import Candidate, diverse, folded, near_copies
from streamwatch.alerting.terms import LEAST_PAST, distinctive
from streamwatch.alerting.transition import Reference, Transition
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
    found = _found(transition.refs, documents)
    past = _found(transition.past_refs, documents)
    evidence = _with_documents(transition.alert.evidence, found, [_read(record) for _, record in past.values()])
    records = [record for _, record in found.values()]
    evidence = msgspec.structs.replace(evidence, entities=_entities(records), channels=_channels(records))
    return msgspec.structs.replace(transition.alert, evidence=evidence, model=_model(records))


def _found(refs: Iterable[Reference], documents: Documents) -> Found:
    places = [(ref, (ref.partition, ref.offset)) for ref in refs]
    return {place: (ref, documents[place]) for ref, place in places if place in documents}


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


def _entities(records: Iterable[Classified]) -> dict[str, int]:
    counts = Counter(name for record in records for name in dict.fromkeys(record.entities))
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:N_ENTITIES])


def _channels(records: Iterable[Classified]) -> dict[str, int]:
    counts = Counter(record.source_channel for record in records)
    return dict(sorted(counts.items()))


def _model(records: Iterable[Classified]) -> str:
    """The models behind the documents, usually one."""
    return ", ".join(sorted({record.prediction.model for record in records if record.prediction}))
