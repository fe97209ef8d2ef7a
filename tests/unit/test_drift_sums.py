"""Sums of a bucket: whole numbers in which neither order nor batches nor partitions leave a trace."""

from functools import reduce
from hashlib import sha256
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from drift_stream import MODEL, Now, documents
from hypothesis import given, settings
from hypothesis import strategies as st

from streamwatch.drift import stored
from streamwatch.drift.always_encoded import chosen
from streamwatch.drift.fourier import fourier
from streamwatch.drift.sums import (
    CHECKED,
    LABELS,
    READ,
    SENTIMENT_BINS,
    TOPIC_BINS,
    WRONG,
    ModelSums,
    Stratum,
    Sums,
    stratum_of,
)
from streamwatch.records import SENTIMENTS, Classified, Given, Label, Prediction

RECORDS = documents(np.random.default_rng(1), 40, Now(wrong=0.3))
PINNED = "1e694483b1280f90"
"""A hash of some features."""
a_batch = st.lists(st.sampled_from(RECORDS), max_size=8)


def sums_of(records: list[Classified], **how: bool) -> Sums:
    sums = Sums()
    sums.add_many(records, **how)
    return sums


@given(a_batch, a_batch, a_batch)
def test_merging_is_associative_and_commutative(a: list, b: list, c: list) -> None:
    one, two, three = map(sums_of, (a, b, c))
    assert one.merge(two).packed() == two.merge(one).packed()
    assert one.merge(two).merge(three).packed() == one.merge(two.merge(three)).packed()
    assert one.merge(Sums()).packed() == one.packed()


@settings(deadline=None)
@given(st.permutations(RECORDS), st.lists(st.integers(0, len(RECORDS)), max_size=4))
def test_neither_order_nor_batches_nor_partitions_leave_a_trace(records: list, cuts: list) -> None:
    ends = [0, *sorted(cuts), len(records)]
    parts = [sums_of(records[start:end]) for start, end in pairwise(ends)]
    assert reduce(Sums.merge, parts).packed() == sums_of(RECORDS).packed()


def test_merging_changes_neither_of_the_two() -> None:
    a, b = sums_of(RECORDS[:20]), sums_of(RECORDS[20:])
    before = a.packed(), b.packed()
    a.merge(b).add(RECORDS[0])
    assert (a.packed(), b.packed()) == before


def test_a_record_without_a_prediction_counts_nowhere() -> None:
    assert sums_of([msgspec.structs.replace(RECORDS[0], outcome="marker", prediction=None)]) == Sums()


def test_a_text_that_was_not_read_counts_as_unclear_and_has_no_stratum() -> None:
    said = Prediction(model=MODEL, topic=Label(label="unclear", p=1.0), sentiment=None)
    model = sums_of([msgspec.structs.replace(RECORDS[0], prediction=said)]).models[MODEL]
    assert (model.n, model.n_unclear, model.n_unread, model.strata) == (1, 1, 1, {})


def test_each_document_is_in_one_label_and_one_bin_of_each_histogram() -> None:
    for stratum in sums_of(RECORDS).models[MODEL].strata.values():
        counts = stratum.counts
        assert sum(counts[LABELS : LABELS + 3]) == counts[READ]
        assert sum(counts[SENTIMENT_BINS:TOPIC_BINS]) == sum(counts[TOPIC_BINS:CHECKED]) == counts[READ]


def test_labels_that_came_with_a_document_check_the_model() -> None:
    [said] = [RECORDS[0].prediction]
    assert said is not None and said.sentiment is not None
    right = said.sentiment.label
    wrong = next(s for s in SENTIMENTS if s != right)
    records = [msgspec.structs.replace(RECORDS[0], given=Given(sentiment=s)) for s in (right, wrong, wrong)]
    sums = sums_of([*records, msgspec.structs.replace(RECORDS[0], given=None)])
    sums.add_checked(MODEL, said.topic.label, "wire", wrong=True)
    counts = sums.models[MODEL].strata[stratum_of(said.topic.label, "wire")].counts
    assert (counts[READ], counts[CHECKED], counts[WRONG]) == (4, 4, 3)


def test_with_a_first_stage_only_the_texts_that_are_always_encoded_are_embedded() -> None:
    records = documents(np.random.default_rng(2), 400, Now())
    embedded = sum(s.n_embedded for s in sums_of(records, cascade=True).models[MODEL].strata.values())
    assert embedded == sum(chosen(record.text_hash) for record in records) > 0


@pytest.mark.parametrize("projection", [b"", bytes(10)])
def test_a_document_without_a_whole_projection_is_counted_and_not_embedded(projection: bytes) -> None:
    said = msgspec.structs.replace(RECORDS[0].prediction, projection=projection)
    [stratum] = sums_of([msgspec.structs.replace(RECORDS[0], prediction=said)]).models[MODEL].strata.values()
    assert (stratum.counts[READ], stratum.n_embedded, stratum.projections) == (1, 0, [])


def test_features_of_a_text_do_not_depend_on_the_texts_beside_it() -> None:
    x = np.random.default_rng(3).integers(-127, 128, (33, 64)).astype(np.int8)
    assert all((fourier(x)[i] == fourier(x[i : i + 1])[0]).all() for i in range(33))


def test_features_are_the_same_in_every_version_since_sums_of_last_year_are_added_to_them() -> None:
    x = (np.arange(128) % 255 - 127).astype(np.int8).reshape(2, 64)
    assert sha256(fourier(x).astype("<i8").tobytes()).hexdigest()[:16] == PINNED


def test_a_model_whose_name_holds_the_separator_is_read_again_under_another_name() -> None:
    sums = Sums({"m\x1f1": ModelSums(3, 1, 1, {stratum_of("a\x1fb", "wire"): Stratum.empty()})})
    read = stored.read((field.name.encode(), field.packed) for field in stored.fields(sums))
    assert read == Sums({"m 1": sums.models["m\x1f1"]})
