"""Counting is a function of the log: however it is cut into batches, and wherever it is begun anew, the same windows."""

import asyncio
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from streamwatch.config import BUCKET_MS, Settings
from streamwatch.inference.unread import unread_prediction
from streamwatch.records import Classified, Given
from streamwatch.testing.memory_store import MemoryStore
from streamwatch.timeline import DAY_MS, HOUR_MS
from streamwatch.trends.counting import Delta, PartitionState, admit, count
from streamwatch.trends.writer import PartitionWriter

SETTINGS = Settings()
START_MS = 1_700_000_000_000
CHANNELS = ("news", "social")


@st.composite
def logs(draw: st.DrawFn) -> list[tuple[int, Classified]]:
    """A log of `classified` with copies, two source channels, late documents, redelivered ids, markers and dead letters."""
    log: list[Classified] = []
    offsets = Counter[str]()
    arrival_ms = START_MS
    for _ in range(draw(st.integers(0, 40))):
        channel = draw(st.sampled_from(CHANNELS))
        arrival_ms += draw(st.sampled_from((0, 1, 7_000, 60_000, HOUR_MS)))
        outcome = draw(
            st.sampled_from(("classified", "classified", "classified", "duplicate", "dead_lettered", "marker"))
        )
        log.append(
            Classified(
                outcome=outcome,
                source_channel=channel,
                source_partition=0,
                source_offset=offsets[channel],
                follows=offsets[channel] - 1,
                observed_ms=arrival_ms - draw(st.sampled_from((0, 0, 5_000))),
                backfill=draw(st.booleans()),
                published_ms=arrival_ms - draw(st.sampled_from((0, 500, 40_000, 2 * HOUR_MS, 40 * DAY_MS))),
                id=f"d{draw(st.integers(0, 12))}",
                text_hash=f"{draw(st.integers(0, 9)):016x}",
                source="s",
                entities=draw(st.sampled_from(((), ("AAPL",), ("AAPL", "Delta")))),
                given=Given(sentiment=draw(st.sampled_from((None, "negative", "neutral", "positive"))), topic="t"),
                prediction=unread_prediction("m"),
            )
        )
        offsets[channel] += 1
        if draw(st.integers(0, 9)) == 0:
            log += log[-draw(st.integers(1, 3)) :]  # a crash between produce and commit
    return list(enumerate(log))


async def _applied(log: list[tuple[int, Classified]], cuts: list[int]) -> tuple[MemoryStore, list[Delta]]:
    store = MemoryStore()
    writer = PartitionWriter(store, SETTINGS)
    deltas = []
    for start, end in zip([0, *cuts], [*cuts, len(log)], strict=True):
        if start < end:
            deltas.append(await writer.take(log[start:end]))
    return store, deltas


def applied(log: list[tuple[int, Classified]], cuts: list[int]) -> tuple[MemoryStore, list[Delta]]:
    """The store, and what each batch added, after a log in batches."""
    return asyncio.run(_applied(log, sorted(cuts)))


def entries(deltas: list[Delta]) -> dict[int, list[object]]:
    """What waits for detection, in all."""
    found: dict[int, list[object]] = {}
    for delta in deltas:
        for bucket, some in delta.entries.items():
            found.setdefault(bucket, []).extend(some)
    return found


@settings(max_examples=150, deadline=None)
@given(logs(), st.data())
def test_any_split_into_batches_gives_the_same_windows(log: list[tuple[int, Classified]], data: st.DataObject) -> None:
    whole, in_one = applied(log, [])
    cuts = data.draw(st.lists(st.integers(0, len(log)), max_size=8))
    split, in_many = applied(log, cuts)
    assert split.levels == whole.levels
    assert (split.texts, split.authors) == (whole.texts, whole.authors)
    assert split.totals == whole.totals
    assert split.ids == whole.ids
    assert split.state.sources == whole.state.sources
    assert entries(in_many) == entries(in_one)


@settings(max_examples=150, deadline=None)
@given(logs())
def test_everything_ends_somewhere_and_the_sums_balance(log: list[tuple[int, Classified]]) -> None:
    store, _ = applied(log, [])
    totals = store.totals
    once = {(record.source_channel, record.source_offset): record for _, record in log}
    assert totals["classified"] + totals["duplicate"] + totals["dead_lettered"] + totals["marker"] == len(once)
    assert totals["counted"] + totals["redelivered"] + totals["expired"] == totals["classified"] + totals["duplicate"]
    days = [cell for (series, _), cell in store.levels[-1].items() if series == "all"]
    assert sum(n + n_unread for n, *_, n_unread in days) == totals["counted"]
    assert sum(n_unread for *_, n_unread in days) == totals["unread"]


@settings(max_examples=100, deadline=None)
@given(logs())
def test_a_document_counts_in_the_bucket_of_its_publication(log: list[tuple[int, Classified]]) -> None:
    store, _ = applied(log, [])
    published = {record.published_ms for _, record in log}
    for (_, bucket_ms), (n, negative, positive, *_) in store.windows.items():
        assert bucket_ms % BUCKET_MS == 0
        assert any(bucket_ms <= ms < bucket_ms + BUCKET_MS for ms in published)
        assert 0 <= negative + positive <= n


@settings(max_examples=100, deadline=None)
@given(logs())
def test_nothing_waits_for_detection_earlier_than_its_arrival_allows(log: list[tuple[int, Classified]]) -> None:
    """So that the watermark, which stays a lateness behind the least arrival, never passes what is still to come."""
    admission = admit(PartitionState(), log)
    by_offset = {item.offset: item for item in admission.admitted}
    delta = count(admission, set(), SETTINGS, partition=0)
    for bucket_ms, some in delta.entries.items():
        for entry in some:
            item = by_offset[entry.offset]
            assert bucket_ms + BUCKET_MS > item.arrival_ms - SETTINGS.lateness_s * 1000
            assert item.arrival_ms - item.record.published_ms <= SETTINGS.max_age_s * 1000
            assert not item.record.backfill
            assert item.record.counted_sentiment, "nothing is detected on what was not read"


def test_arrival_never_goes_back_within_a_source_partition() -> None:
    log = [
        Classified(
            outcome="marker", source_channel="news", source_partition=0, source_offset=n, follows=n - 1, observed_ms=ms
        )
        for n, ms in enumerate((100, 50, 70, 200))
    ]
    admission = admit(PartitionState(), enumerate(log))
    assert [item.arrival_ms for item in admission.admitted] == [100, 100, 100, 200]


def test_replays_are_open_between_their_markers() -> None:
    markers = ("begin:a", "begin:b", "end:a", "begin:b", "end:b", "end:c")
    log = [
        Classified(
            outcome="marker", source_channel="news", source_partition=0, source_offset=n, follows=n - 1, observed_ms=0,
            marker=marker,
        )
        for n, marker in enumerate(markers)
    ]  # fmt: skip
    opened = [
        admit(PartitionState(), enumerate(log[: n + 1])).after.sources["news"].replays for n in range(len(markers))
    ]
    assert opened == [("a",), ("a", "b"), ("b",), ("b",), (), ()]
