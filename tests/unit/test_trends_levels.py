"""Levels of windows: each is the sum of the finer one, however the documents come; and what they do with bad input."""

import asyncio
import math
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamwatch.config import Settings, load
from streamwatch.errors import ConfigError
from streamwatch.inference.unread import unread_prediction
from streamwatch.records import SENTIMENTS, Classified, Given, Label, Prediction, SentimentLabel
from streamwatch.testing.memory_store import MemoryStore
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS
from streamwatch.trends.cells import SCORE_UNIT, packed, packed_cell, score_of, unpacked
from streamwatch.trends.distinct import split
from streamwatch.trends.levels import DAY, FINE, LEVELS, coarsest_dividing, retentions_ms
from streamwatch.trends.sketch import K, estimate, hash32, sketch, union
from streamwatch.trends.sliding import slide
from streamwatch.trends.writer import MOST_PLACES, PartitionWriter, bites

SETTINGS = Settings()
START_MS = 1_700_000_000_000


def document(offset: int, published_ms: int, arrival_ms: int = START_MS, **fields: object) -> Classified:
    """A record that is counted in `all` and `source:s`."""
    return Classified(
        outcome="classified", source_channel="news", source_partition=0, source_offset=offset, follows=offset - 1,
        observed_ms=arrival_ms, published_ms=published_ms, id=f"d{offset}", text_hash=f"{offset:016x}", source="s",
        **fields,  # type: ignore[arg-type]
    )  # fmt: skip


def predicted(**p: float) -> Prediction:
    """A prediction with these probabilities."""
    return Prediction(
        topic=Label(label="t", p=1.0), sentiment=SentimentLabel(label="negative", p=0.5, probabilities=p), model="m"
    )


def applied(records: list[Classified], cuts: list[int] | None = None) -> MemoryStore:
    """The store after the records in batches."""

    async def take() -> MemoryStore:
        store = MemoryStore()
        writer = PartitionWriter(store, SETTINGS)
        log = list(enumerate(records))
        for start, end in zip([0, *(cuts or [])], [*(cuts or []), len(log)], strict=True):
            await writer.take(log[start:end])
        return store

    return asyncio.run(take())


@st.composite
def histories(draw: st.DrawFn) -> list[Classified]:
    """Documents out of order, some older than each level's retention, some newer than their arrival."""
    arrival_ms, records = START_MS, []
    for offset in range(draw(st.integers(1, 30))):
        arrival_ms += draw(st.sampled_from((0, 3_000, 50_000, HOUR_MS, DAY_MS)))
        age_ms = draw(st.sampled_from((0, 9_000, 100_000, 3 * HOUR_MS, -500_000)))
        age_ms += draw(st.sampled_from((0, 0, *retentions_ms(SETTINGS))))
        given_sentiment = draw(st.sampled_from((None, *SENTIMENTS)))
        p = draw(st.floats(0, 1))
        fields = {
            "author_hash": draw(st.sampled_from(("", "aa", "bb"))),
            "given": given_sentiment and Given(sentiment=given_sentiment),
            "prediction": draw(
                st.sampled_from((None, predicted(negative=p, neutral=0.0, positive=1 - p), unread_prediction("m")))
            ),
        }
        records.append(document(offset, arrival_ms - age_ms, arrival_ms, **fields))
    return records


@settings(max_examples=150, deadline=None)
@given(histories())
def test_each_level_is_the_sum_of_the_finer_one_and_of_what_only_it_reaches_back_to(records: list[Classified]) -> None:
    store = applied(records)
    ages = retentions_ms(SETTINGS)
    for number, level in enumerate(LEVELS):
        expected: Counter[int] = Counter()
        for record in records:
            if -SETTINGS.max_ahead_s * 1000 <= record.observed_ms - record.published_ms <= ages[number]:
                expected[level.start_of(record.published_ms)] += 1
        found = {
            bucket_ms: cell[0] + cell[-1]
            for (series, bucket_ms), cell in store.levels[number].items()
            if series == "all"
        }
        assert found == expected


@settings(max_examples=150, deadline=None)
@given(histories())
def test_unread_documents_are_those_without_a_sentiment_and_n_is_the_sum_of_the_others(
    records: list[Classified],
) -> None:
    store = applied(records)
    read: Counter[str] = Counter()
    for record in records:
        if -SETTINGS.max_ahead_s * 1000 <= record.observed_ms - record.published_ms <= retentions_ms(SETTINGS)[-1]:
            read[record.counted_sentiment] += 1
    cells = [cell for (series, _), cell in store.levels[-1].items() if series == "all"]
    n, negative, positive, _, _, news, n_unread = map(sum, zip(*cells, strict=True)) if cells else [0] * 7
    assert (negative, n - negative - positive, positive, n_unread) == tuple(map(read.__getitem__, (*SENTIMENTS, "")))
    assert (n, n + n_unread) == (news, store.totals["counted"])
    assert store.totals["unread"] == n_unread


@settings(max_examples=150, deadline=None)
@given(histories())
def test_within_the_retention_of_the_finer_level_sums_scores_and_texts_agree(records: list[Classified]) -> None:
    store = applied([r for r in records if r.observed_ms - r.published_ms <= retentions_ms(SETTINGS)[0]])
    for number in range(1, len(LEVELS)):
        sums: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0] * 7)
        texts: dict[tuple[str, int], set[str]] = defaultdict(set)
        for (series, bucket_ms), cell in store.levels[number - 1].items():
            place = series, LEVELS[number].start_of(bucket_ms)
            sums[place] = [a + b for a, b in zip(sums[place], cell, strict=True)]
            texts[place] |= store.texts[number - 1][series, bucket_ms]
        assert store.levels[number] == sums
        assert store.texts[number] == texts


@settings(max_examples=100, deadline=None)
@given(histories(), st.data())
def test_any_split_into_batches_gives_the_same_levels(records: list[Classified], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(records)), max_size=6)))
    whole, split_up = applied(records), applied(records, cuts)
    assert split_up.levels == whole.levels
    assert (split_up.texts, split_up.authors, split_up.totals) == (whole.texts, whole.authors, whole.totals)


@given(st.sampled_from(LEVELS), st.integers(-(10**12), 4 * 10**12))
def test_every_moment_has_one_bucket_in_one_block_of_one_day(level, ms: int) -> None:
    bucket_ms = level.start_of(ms)
    block, index = level.block_and_index(bucket_ms)
    assert bucket_ms <= ms < bucket_ms + level.width_ms
    assert 0 <= index < 360 and level.bucket_of(block, index) == bucket_ms
    assert block in level.blocks_of(ms // DAY_MS)


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 9)), max_size=300), st.integers(1, 9), st.integers(1, 9))
def test_a_sliding_window_holds_the_sum_of_its_buckets(buckets: list[tuple[int, int]], width: int, step: int) -> None:
    cells = {minute * MINUTE_MS: [n, 0, 0, 0, 0, 0, 0] for minute, n in sorted(dict(buckets).items())}
    width_ms, step_ms = width * MINUTE_MS, step * MINUTE_MS
    found = {start: (cell[0], inside) for start, cell, inside in slide(cells, width_ms, step_ms)}
    assert list(found) == sorted(found)
    for start in range(-10 * step_ms, 420 * MINUTE_MS, step_ms):
        inside = [bucket_ms for bucket_ms in cells if start <= bucket_ms < start + width_ms]
        assert found.get(start, (0, [])) == (sum(cells[b][0] for b in inside), inside)


# -- what is distinct


@given(st.lists(st.lists(st.text(max_size=3)), max_size=8))
def test_sketches_merge_to_the_sketch_of_everything(parts: list[list[str]]) -> None:
    together = {hash32(text) for part in parts for text in part}
    assert union(sketch(map(hash32, part)) for part in parts) == sketch(together)
    if len(together) < K:
        assert estimate(sketch(together)) == len(together)


def test_a_sketch_estimates_many_within_its_error() -> None:
    errors = [estimate(sketch(hash32(f"{run}-{n}") for n in range(2_000))) / 2_000 - 1 for run in range(100)]
    assert abs(sum(errors) / 100) < 0.04
    assert math.sqrt(sum(e * e for e in errors) / 100) == pytest.approx(1 / math.sqrt(K - 2), rel=0.25)


@given(st.lists(st.integers(0, 2**32 - 1), max_size=K), st.lists(st.integers(0, 2**32 - 1), max_size=K))
def test_two_packed_lists_are_told_apart(texts: list[int], authors: list[int]) -> None:
    assert split(packed(texts) + packed(authors)) == (texts, authors)


@given(st.lists(st.integers(-(2**53), 2**53), min_size=7, max_size=7))
def test_cells_come_back_as_they_were(cell: list[int]) -> None:
    assert unpacked(packed_cell(cell)) == cell


# -- scores and bad input


@pytest.mark.parametrize(
    ("fields", "score"),
    [
        ({"prediction": predicted(negative=0.7, neutral=0.1, positive=0.2)}, -5_000),
        ({"prediction": predicted(negative=0.7, positive=0.2), "given": Given(sentiment="positive")}, SCORE_UNIT),
        ({"prediction": predicted(negative=0.7, positive=0.2), "given": Given(topic="t")}, -5_000),
        ({"given": Given(sentiment="neutral")}, 0),
        ({}, None),
        ({"prediction": predicted(negative=0.7)}, None),
        ({"prediction": predicted()}, None),
        ({"prediction": unread_prediction("m"), "given": Given(sentiment="negative")}, -SCORE_UNIT),
        ({"prediction": predicted(negative=math.nan, positive=0.2)}, None),
        ({"prediction": predicted(negative=0.0, positive=math.inf)}, None),
        ({"prediction": predicted(negative=-3.0, positive=0.2)}, None),
        ({"prediction": predicted(negative=0.0, positive=1.0000001)}, SCORE_UNIT),
    ],
)
def test_a_score_is_of_the_counted_label_and_what_is_none_stays_out_of_the_mean(fields, score: int | None) -> None:
    record = document(0, START_MS, **fields)
    assert score_of(record) == score
    cell = applied([record]).windows["all", FINE.start_of(START_MS)]
    assert (cell[0], cell[3], cell[4]) == (1, score or 0, score is None)


@pytest.mark.parametrize("published_ms", [-1, -(10**18), 0, 10**18, 10**40, START_MS + 601_000])
def test_a_date_that_no_window_can_have_is_expired_and_nothing_else_suffers(published_ms: int) -> None:
    store = applied([document(0, published_ms), document(1, START_MS)])
    assert store.totals == {"classified": 2, "expired": 1, "counted": 1}
    assert {bucket_ms for _, bucket_ms in store.windows} == {FINE.start_of(START_MS)}


def test_documents_out_of_order_give_the_windows_of_the_sorted_ones() -> None:
    dates = [START_MS - 60_000 * n for n in (5, 0, 3, 9, 1)]
    shuffled = [document(n, ms) for n, ms in enumerate(dates)]
    in_order = [document(n, ms) for n, ms in enumerate(sorted(dates))]
    assert applied(shuffled).levels == applied(in_order).levels


@given(st.lists(st.integers(0, 64), max_size=600))
def test_bites_are_the_whole_log_in_order_and_none_is_too_long(n_entities: list[int]) -> None:
    names = tuple(map(str, range(64)))
    log = [(n, document(n, START_MS, entities=names[:some])) for n, some in enumerate(n_entities)]
    parts = list(bites(log))
    assert [item for part in parts for item in part] == log
    assert all(part and sum(3 + len(record.entities) for _, record in part) <= MOST_PLACES for part in parts)


def test_nothing_applied_is_no_window() -> None:
    assert applied([]).levels == ({}, {}, {}, {})
    assert list(slide({}, 60_000, 60_000)) == []


@pytest.mark.parametrize(
    ("days", "said"),
    [
        ({"fine_retention_days": 8}, "must not shrink"),
        ({"day_retention_days": 30}, "must not shrink"),
        ({"hour_retention_days": 36}, "could not be rebuilt"),
        ({"fine_retention_days": 0}, "greater than or equal to 1"),
    ],
)
def test_retentions_that_make_no_sense_are_refused(days: dict[str, int], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(**days)


def test_days_may_be_kept_longer_than_the_log() -> None:
    assert retentions_ms(load(day_retention_days=4_000))[-1] == 4_000 * DAY_MS
    assert coarsest_dividing(DAY_MS, HOUR_MS).name == "hour" and coarsest_dividing(DAY_MS) is DAY
