"""What an alert shows."""

from streamwatch.alerting.evidence import complete, distinctive_terms
from streamwatch.alerting.transition import Reference, Transition
from streamwatch.records import Alert, Classified, Evidence, Label, Prediction, SentimentLabel
from streamwatch.timeline import from_ms

NEGATIVE = SentimentLabel(label="negative", p=0.9, probabilities={"negative": 0.9, "neutral": 0.1, "positive": 0.0})
TEXTS = [
    "Flight 12 cancelled and nobody answers the phone",
    "cancelled again, third time this month, no refund",
    "stranded in Atlanta, bags lost, crew timed out",
    "your app says on time but the plane is not here",
    "four hours on the tarmac without water",
    "cancelled again, third time this month and no refund",
    "why is my flight cancelled when the sky is blue",
]
ALERT = Alert(
    id="x",
    revision=1,
    state="firing",
    rule="default",
    series="entity:Delta",
    kind="negative_volume",
    severity="warning",
    onset=from_ms(0),
    at=from_ms(0),
    window_s=3600,
    n=8,
    k=7,
    share=0.9,
    p0=0.4,
    p0_low=0.3,
    p0_high=0.5,
    k_expected=2.0,
    lift=3.5,
    score=1e6,
    threshold=1e5,
    evidence=Evidence(n_distinct_texts=7, n_copies=3),
)


def record(offset, text):
    return Classified(
        outcome="classified",
        source_channel="social",
        source_partition=1,
        source_offset=100 + offset,
        follows=99 + offset,
        observed_ms=0,
        id=f"d{offset}",
        published_ms=offset * 1000,
        text=text,
        source="social",
        entities=("Delta",),
        prediction=Prediction(topic=Label(label="service", p=0.8), sentiment=NEGATIVE, model="m1"),
    )


def completed(texts=TEXTS, missing=()):
    refs = tuple(Reference(1, i, f"t{i}", copies=i + 1) for i in range(len(texts)))
    documents = {(1, i): record(i, text) for i, text in enumerate(texts) if i not in missing}
    return complete(Transition(alert=ALERT, refs=refs), documents)


def test_at_least_five_documents_are_shown_with_their_source_coordinates():
    documents = completed().evidence.documents
    assert len(documents) >= 5
    assert (documents[0].channel, documents[0].partition, documents[0].offset) == ("social", 1, 100)
    assert (documents[0].copies, documents[0].p_negative) == (1, 0.9)


def test_near_copies_come_last():
    shown = [document.id for document in completed().evidence.documents]
    assert shown[-1] == "d5"
    assert set(shown) == {f"d{i}" for i in range(7)}


def test_what_is_gone_from_the_log_is_left_out():
    assert completed(missing=(0, 1)).evidence.documents[0].id == "d2"
    assert completed(missing=range(7)).evidence.documents == ()


def test_terms_entities_and_model_are_those_of_the_documents_and_the_rest_is_kept():
    alert = completed()
    assert alert.evidence.terms[0] == "cancelled"
    assert alert.evidence.entities == {"Delta": 7}
    assert alert.model == "m1"
    assert (alert.evidence.n_copies, alert.id, alert.k) == (3, "x", 7)


def test_a_word_of_one_text_is_no_term():
    assert distinctive_terms(["alpha beta", "beta gamma"]) == ("beta",)
    assert distinctive_terms([]) == ()
