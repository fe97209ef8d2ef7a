"""Severity: more of anything never makes it less, and one thing alone does not make it critical."""

from hypothesis import given
from hypothesis import strategies as st

from streamwatch.alerting.severity import severity

ORDER = ["info", "warning", "critical"]
lifts, scores, counts = st.floats(0, 1e6), st.floats(0, 1e300), st.integers(0, 10**7)


@given(lifts, scores, counts, lifts, scores, counts)
def test_more_of_each_never_makes_it_less_severe(lift, score, k, more_lift, more_score, more_k):
    less = severity(lift, score, 1e5, k)
    more = severity(max(lift, more_lift), max(score, more_score), 1e5, max(k, more_k))
    assert ORDER.index(less) <= ORDER.index(more)


@given(scores, counts)
def test_what_is_not_more_than_usual_is_an_info_however_sure_and_however_many(score, k):
    assert severity(1.0, score, 1e5, k) == "info"


@given(lifts, scores)
def test_one_document_is_an_info(lift, score):
    assert severity(lift, score, 1e5, 1) == "info"


@given(lifts, counts)
def test_an_alert_of_unknown_evidence_is_judged_by_the_rest(lift, k):
    assert severity(lift, 0.0, 0.0, k) == severity(lift, 1.0, 1.0, k)
