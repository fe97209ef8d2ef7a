"""The drift monitors: what they find and what they let pass, and that nothing but the sequence of buckets decides."""

from functools import reduce

import numpy as np
import pytest
from drift_stream import MINUTE_MS, MODEL, Now, buckets, documents, timed
from hypothesis import given, settings
from hypothesis import strategies as st

from streamwatch.drift.finding import Finding
from streamwatch.drift.monitors import DriftConfig, Monitors
from streamwatch.drift.state import MonitorState
from streamwatch.drift.sums import Sums
from streamwatch.errors import FatalError
from streamwatch.records import Classified

CONFIG = DriftConfig(reference_documents=1_500)
N_USUAL = 80
USUAL = buckets(1, N_USUAL)
SHIFTED = [*USUAL, *buckets(2, 30, Now(more_negative=0.25))]


def found_in(parts: list[Sums], config: DriftConfig = CONFIG) -> list[Finding]:
    monitors = Monitors(config)
    return [one for bucket_ms, sums in timed(parts) for one in monitors.advance(bucket_ms, sums)]


def summed(records: list[Classified]) -> Sums:
    sums = Sums()
    sums.add_many(records)
    return sums


SHIFTED_FINDINGS = found_in(SHIFTED)


@settings(deadline=None, max_examples=15)
@given(st.sets(st.integers(0, len(SHIFTED) - 1), max_size=12))
def test_a_state_that_is_written_and_read_anywhere_changes_nothing(places: set[int]) -> None:
    monitors, found = Monitors(CONFIG), []
    for place, (bucket_ms, sums) in enumerate(timed(SHIFTED)):
        if place in places:
            monitors = Monitors(CONFIG, MonitorState.unpacked(monitors.state.packed()))
        found += monitors.advance(bucket_ms, sums)
    assert found == SHIFTED_FINDINGS


STREAM = [
    documents(np.random.default_rng(place), 25, Now(more_negative=0.25 if place >= N_USUAL else 0.0))
    for place in range(100)
]
UNSPLIT_FINDINGS = found_in([summed(records) for records in STREAM])


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**32), n_partitions=st.integers(1, 5))
def test_partitions_and_the_order_of_their_merging_change_nothing(seed: int, n_partitions: int) -> None:
    rng, parts = np.random.default_rng(seed), []
    for records in STREAM:
        where = rng.integers(0, n_partitions, len(records))
        split = [summed([r for r, w in zip(records, where, strict=True) if w == part]) for part in range(n_partitions)]
        parts.append(reduce(Sums.merge, [split[i] for i in rng.permutation(n_partitions)]))
    assert found_in(parts) == UNSPLIT_FINDINGS != []


def test_a_state_does_not_change_when_its_monitors_go_on() -> None:
    monitors = Monitors(CONFIG)
    for bucket_ms, sums in timed(USUAL):
        monitors.advance(bucket_ms, sums)
    state = monitors.state
    before = state.packed()
    for place, sums in enumerate(SHIFTED[N_USUAL:], N_USUAL + 1):
        monitors.advance(place * MINUTE_MS, sums)
    assert state.packed() == before


def test_more_negatives_within_topics_are_found_and_named() -> None:
    [found] = SHIFTED_FINDINGS
    assert found.kind == "class_shares" and found.model == MODEL
    assert (N_USUAL - 2) * MINUTE_MS <= found.onset_ms <= (N_USUAL + 4) * MINUTE_MS < found.at_ms
    negative = next(moved for moved in found.moved if moved.name == "negative")
    assert negative.after - negative.before > 0.1
    assert {topic.topic for topic in found.topics} == {"earnings", "macro", "ipo"}
    assert found.log_e >= found.log_threshold and found.threshold == pytest.approx(50_000)
    assert sum(found.evidence.values()) == pytest.approx(1.0, abs=0.01)


def test_topics_that_come_and_go_are_no_drift_however_different_their_shares_are() -> None:
    swung = buckets(4, 80, Now(topics={"earnings": 0.05, "macro": 0.9, "ipo": 0.05}))
    assert found_in([*USUAL, *swung, *USUAL]) == []


def test_a_topic_that_was_never_seen_is_learnt_and_no_drift() -> None:
    usual = buckets(5, N_USUAL, Now(topics={"earnings": 0.9, "ipo": 0.1}))
    assert found_in([*usual, *buckets(6, 80, Now(topics={"earnings": 0.3, "macro": 0.7}))]) == []


def test_a_change_in_one_topic_names_that_topic() -> None:
    rng, parts = np.random.default_rng(7), []
    for _ in range(60):
        usual = documents(rng, 20, Now(topics={"earnings": 0.7, "macro": 0.3}))
        parts.append(summed([*usual, *documents(rng, 5, Now(topics={"ipo": 1.0}, more_negative=0.6))]))
    [found, *_] = found_in([*USUAL, *parts])
    assert found.topics[0].topic == "ipo" and found.topics[0].part > 0.8


def test_more_documents_without_a_topic_are_drift_whatever_their_mix() -> None:
    usual = {"earnings": 0.57, "macro": 0.4, "unclear": 0.03}
    more = {"earnings": 0.45, "macro": 0.35, "unclear": 0.2}
    [found, *_] = found_in([*buckets(8, N_USUAL, Now(topics=usual)), *buckets(9, 40, Now(topics=more))])
    assert found.kind == "unclear_share" and found.topics == ()
    assert found.moved[0].name == "unclear" and found.moved[0].after > found.moved[0].before


def test_a_model_that_is_less_sure_is_drift() -> None:
    [found, *_] = found_in([*USUAL, *buckets(10, 40, Now(sure=0.6))])
    assert found.evidence["confidence"] > 0.5 or found.kind == "class_shares"


def test_texts_that_lie_elsewhere_are_drift_and_the_alarm_points_at_them() -> None:
    [found, *_] = found_in([*USUAL, *buckets(11, 40, Now(elsewhere=0.3))])
    assert found.kind == "embedding" and found.moved[0].after > 0.1
    toward = np.frombuffer(found.toward, np.int8).astype(float)
    there = np.sign(np.arange(64) % 3 - 0.5)
    assert toward @ there / (np.linalg.norm(toward) * np.linalg.norm(there)) > 0.5


def test_more_errors_where_labels_come_in_are_drift() -> None:
    parts = [*buckets(12, N_USUAL, Now(wrong=0.2)), *buckets(13, 40, Now(wrong=0.5))]
    [found, *_] = found_in(parts)
    assert found.kind == "error_rate"
    assert found.moved[0].before == pytest.approx(0.2, abs=0.08) and found.moved[0].after > 0.35


def test_one_change_is_told_once_and_then_is_what_is_usual() -> None:
    assert len(found_in([*SHIFTED, *buckets(14, 120, Now(more_negative=0.25))])) == 1


def test_nothing_is_tested_before_the_reference_is_complete() -> None:
    monitors = Monitors(DriftConfig(reference_documents=25 * len(SHIFTED)))
    assert monitors.learning(MODEL)
    for bucket_ms, sums in timed(SHIFTED):
        assert monitors.learning(MODEL)
        assert monitors.advance(bucket_ms, sums) == []
    assert not monitors.learning(MODEL)


def test_two_model_versions_are_never_compared() -> None:
    parts = []
    for sums in SHIFTED[N_USUAL:]:
        parts.append(Sums({"m/2": sums.models[MODEL]}))
    assert found_in([*USUAL, *parts]) == []


def test_the_oldest_of_four_model_versions_is_forgotten() -> None:
    monitors = Monitors(CONFIG)
    for place, name in enumerate(("a", "b", "c", "d"), 1):
        monitors.advance(place, Sums({name: USUAL[0].models[MODEL]}))
    assert sorted(monitors.state.models) == ["b", "c", "d"]


def test_buckets_of_few_documents_find_the_same_change() -> None:
    rng, parts = np.random.default_rng(15), []
    for n_before in (2_000, 0):
        for _ in range(700 if n_before else 250):
            parts.append(summed(documents(rng, 3, Now(more_negative=0.0 if n_before else 0.3))))
    [found, *_] = found_in(parts)
    assert found.kind == "class_shares" and found.onset_ms >= 680 * MINUTE_MS


def test_empty_buckets_cost_nothing_and_change_nothing() -> None:
    monitors, found = Monitors(CONFIG), []
    for bucket_ms, sums in timed(SHIFTED):
        found += monitors.advance(bucket_ms - 1, Sums())
        found += monitors.advance(bucket_ms, sums)
    assert found == SHIFTED_FINDINGS


def test_a_bucket_that_came_already_is_refused() -> None:
    monitors = Monitors(CONFIG)
    monitors.advance(MINUTE_MS, USUAL[0])
    with pytest.raises(ValueError, match="in order, each once"):
        monitors.advance(MINUTE_MS, USUAL[1])


@pytest.mark.parametrize("packed", [b"", b"\x93\x01", MonitorState(version=99).packed()])
def test_a_state_that_cannot_be_read_says_what_to_do(packed: bytes) -> None:
    with pytest.raises(FatalError, match="delete it"):
        MonitorState.unpacked(packed)
