"""What an alert says of itself: its numbers, and no more than the tests promise."""

from typing import Any

import msgspec
import pytest

from streamwatch.dashboard.why import why
from streamwatch.records import Alert, Drift, Evidence, Member, Moved
from streamwatch.timeline import DAY_MS, HOUR_MS, from_ms

AT_MS = 20_000 * DAY_MS
BASE = Alert(
    id="a1", revision=1, state="firing", rule="companies", series="ticker:AAPL", kind="negative_share", severity="warning",
    onset=from_ms(AT_MS - HOUR_MS), at=from_ms(AT_MS), window_s=7200, n=40, k=30, share=0.75, p0=0.33, p0_low=0.28,
    p0_high=0.39, k_expected=13.2, lift=2.27, score=5_259_600.0, threshold=4_032_000.0, evidence=Evidence(),
)  # fmt: skip


def said(**changes: Any) -> str:
    return "\n".join(why(msgspec.structs.replace(BASE, **changes), bucket_s=60))


def test_a_share_is_said_with_its_counts_its_band_and_what_the_evidence_means() -> None:
    text = said()
    assert "30 of 40 documents since 2024-10-03 22:00:00 UTC are negative (75%)" in text
    assert (
        "usual at this hour is 33% (28% to 39%), which would be 13.2" in text and "2.3 times the usual number" in text
    )
    assert "on average take at least 10 years until chance alone" in text and "from 7.7 years on" in text


def test_evidence_of_the_volume_test_is_in_weeks() -> None:
    text = said(kind="negative_volume", score=520.0, threshold=400.0)
    assert "chance brings as many in one bucket about once in 10 years" in text and "once in 7.7 years on" in text


def test_nothing_is_said_to_be_the_probability_of_an_error() -> None:
    for kind in ("negative_share", "negative_volume"):
        assert "probab" not in said(kind=kind) and "certain" not in said(kind=kind)


@pytest.mark.parametrize("score", [0.0, 1e300, float("inf")])
def test_any_score_can_be_said(score: float) -> None:
    assert "on average" in said(score=score)


def test_voices_company_and_state_stand_beside() -> None:
    member = Member(
        id="m", series="topic:earnings", kind="negative_share", onset=BASE.onset, firing=True, n=9, k=8, k_expected=3.0,
        lift=2.0, score=1.0,
    )  # fmt: skip
    evidence = Evidence(n_distinct_texts=24, n_distinct_authors=20, largest_author_share=0.1, largest_text_share=0.05)
    text = said(evidence=evidence, members=(member,), state="resolved", resolution="recovered")
    assert "24 different texts by 20 authors; the most active author wrote 10% of them" in text
    assert "The same documents show in topic:earnings." in text and "It is over" in text
    assert "pending" in said(state="pending")


def test_what_stands_still_and_what_drifts_have_words_of_their_own() -> None:
    assert "No documents come on `news` since" in said(kind="stalled", series="channel:news", n=0, k=0)
    assert "Event time moves again" in said(kind="stalled", series="watermark", state="resolved", n=0)
    drift = Drift(
        monitor="class_shares", model="m1", e_value=6e4, threshold=5e4,
        moved=(Moved(label="negative", before=0.2, after=0.4),),
    )  # fmt: skip
    assert "Class shares drifted: negative 0.20 → 0.40" in said(kind="drift", drift=drift)
