"""One contract for every store of documents: it holds what the windows count, pages stand still, what is forgotten is gone."""

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from streamwatch.config import Settings, load
from streamwatch.documents.sqlite import open_store
from streamwatch.documents.sqlite.day_file import DayFile
from streamwatch.documents.sqlite.days import LEDGER, days_in
from streamwatch.documents.sqlite.opening import answering, to_read
from streamwatch.documents.sqlite.shelf import Readers
from streamwatch.documents.sqlite.writing import SqliteWriter
from streamwatch.documents.store import DocumentStore, DocumentWriter, Query, StoredDocument
from streamwatch.errors import ConfigError, FatalError, StoreUnavailable
from streamwatch.inference.unread import unread_prediction
from streamwatch.records import Classified, Given
from streamwatch.testing.memory_documents import MemoryDocuments
from streamwatch.testing.memory_store import MemoryStore
from streamwatch.testing.records import classified
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS
from streamwatch.trends.writer import PartitionWriter

DAY = 20_000 * DAY_MS
SETTINGS = Settings()


class Opened(NamedTuple):
    """A store and its writer."""

    store: DocumentStore
    writer: DocumentWriter

    def take(self, records: list[Classified], partition: int = 0, first: int = 0) -> PartitionWriter:
        """Apply records from an offset of `classified` on."""
        writer = PartitionWriter(self.writer.partition(partition), SETTINGS)
        asyncio.run(writer.reload())
        asyncio.run(writer.take(list(enumerate(records, first))))
        return writer


@pytest.fixture(params=["memory", "sqlite"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """Each store in turn, empty."""
    if request.param == "memory":
        both = MemoryDocuments(SETTINGS)
        yield Opened(both, both)
        return
    writer, store = SqliteWriter(tmp_path / "documents", SETTINGS), open_store(tmp_path / "documents")
    yield Opened(store, writer)
    writer.close()
    store.close()


def document(n: int, text: str = "", at_ms: int = DAY, **said: Any) -> Classified:
    """The n-th record of a source partition, dated `at_ms` and there at once."""
    told = {"source_offset": n, "follows": n - 1, "published_ms": at_ms, "observed_ms": at_ms, "source": "wire"}
    return classified(f"d{n}", text, **told | said)


def ids(documents: Any) -> list[str]:
    return [one.id for one in documents]


def test_a_document_comes_back_as_it_was_classified(opened: Opened) -> None:
    record = document(
        0, "Profits fell.", entities=("AAPL", "Delta"), author_hash="00ab", given=Given(sentiment="negative")
    )
    opened.take([record], partition=3)
    [found] = opened.store.find(Query()).items
    assert (found.text, found.partition, found.offset, found.classified_offset) == ("Profits fell.", 3, 0, 0)
    assert (found.sentiment, found.topic) == ("negative", "earnings")
    assert found.prediction == record.prediction and found.given == record.given
    assert (found.entities, found.author_hash, found.source) == (("AAPL", "Delta"), "00ab", "wire")
    assert opened.store.get("d0") == [found] and opened.store.get("d1") == []


def test_pages_begin_with_the_newest_and_hold_every_document_once(opened: Opened) -> None:
    dates = [DAY + n % 7 * DAY_MS + n * 7000 for n in range(60)]
    opened.take([document(n, at_ms=DAY + 8 * DAY_MS, published_ms=ms) for n, ms in enumerate(dates)])
    seen: list[StoredDocument] = []
    cursor = None
    while True:
        page = opened.store.find(Query(limit=7, cursor=cursor))
        seen += page.items
        assert page.n_total == 60
        if page.next is None:
            break
        cursor = page.next
    assert [one.published_ms for one in seen] == sorted(dates, reverse=True)
    assert ids(seen) == ids(opened.store.stream(Query())) and len(set(ids(seen))) == 60


def test_a_page_stays_where_it_is_while_documents_arrive_before_and_after_it(opened: Opened) -> None:
    opened.take([document(n, at_ms=DAY + HOUR_MS, published_ms=DAY + n * MINUTE_MS) for n in range(10)])
    first = opened.store.find(Query(limit=4))
    late = [document(10, at_ms=DAY + HOUR_MS, published_ms=DAY + 30_000), document(11, at_ms=DAY + HOUR_MS)]
    opened.take([late[0], msgspec.structs.replace(late[1], published_ms=DAY + 50 * MINUTE_MS)], first=10)
    second = opened.store.find(Query(limit=20, cursor=first.next))
    assert ids(first.items) == ["d9", "d8", "d7", "d6"]
    assert ids(second.items) == ["d5", "d4", "d3", "d2", "d1", "d10", "d0"]


@pytest.mark.parametrize("fold", [False, True])
def test_a_cursor_of_nobody_is_refused(opened: Opened, fold: bool) -> None:
    opened.take([document(0)])
    for cursor in ("", "x", "1", "1.2.3", "1.-2", "9" * 40 + ".1", "1.2\n"):
        with pytest.raises(ConfigError, match="cursor"):
            opened.store.find(Query(cursor=cursor, fold=fold))


def test_filters_hold_together(opened: Opened) -> None:
    opened.take(
        [
            document(0, entities=("AAPL",), sentiment="negative"),
            document(1, entities=("AAPL", "Delta"), sentiment="positive"),
            document(2, entities=("Delta",), sentiment="negative", source="post"),
            document(3, given=Given(topic="ipo"), sentiment="negative"),
            document(4, prediction=unread_prediction("m"), unread="nothing_left"),
        ]
    )
    opened.take([document(0, source_channel="social", id="s0", entities=("AAPL",), sentiment="negative")], partition=1)

    def found(**asked: Any) -> set[str]:
        page = opened.store.find(Query(**asked))
        assert page.n_total == len(page.items)
        return set(ids(page.items))

    assert found(series=("all",)) == {"d0", "d1", "d2", "d3", "d4", "s0"}
    assert found(entity="AAPL") == found(series=("ticker:AAPL",)) == {"d0", "d1", "s0"}
    assert found(entity="AAPL", sentiment="negative") == {"d0", "s0"}
    assert found(entity="AAPL", sentiment="negative", source_kind="news") == {"d0"}
    assert found(series=("entity:Delta", "source:wire")) == {"d1"}
    assert found(topic="ipo") == {"d3"}
    assert found(sentiment="unread") == {"d4"}
    assert found(model="m") == {"d4"}
    assert found(model="nobody") == found(topic="nothing") == set()


def test_a_span_is_exact_to_the_millisecond(opened: Opened) -> None:
    dates = [DAY - 1, DAY, DAY + 1, DAY + 999, DAY + 1000, DAY + 1001, DAY + DAY_MS - 1, DAY + DAY_MS]
    opened.take([document(n, at_ms=DAY + 2 * DAY_MS, published_ms=ms) for n, ms in enumerate(dates)])
    for from_ms, to_ms in [
        (DAY, DAY + 1),
        (DAY, DAY + 1000),
        (DAY + 1, DAY + 1001),
        (DAY - 1, DAY + DAY_MS),
        (DAY, DAY),
    ]:
        expected = sorted((ms for ms in dates if from_ms <= ms < to_ms), reverse=True)
        page = opened.store.find(Query(from_ms=from_ms, to_ms=to_ms))
        assert sorted((one.published_ms for one in page.items), reverse=True) == expected
        assert page.n_total == len(expected)
    assert opened.store.find(Query(from_ms=DAY + DAY_MS)).n_total == 1
    assert opened.store.find(Query(to_ms=DAY)).n_total == 1


def test_copies_are_folded_under_the_newest_with_their_number_over_all_pages(opened: Opened) -> None:
    texts = ["storm", "calm", "storm", "rain", "storm", "calm", "wind", "storm"]
    opened.take(
        [document(n, text, at_ms=DAY + 3 * DAY_MS, published_ms=DAY + n * 9 * HOUR_MS) for n, text in enumerate(texts)]
    )
    pages, cursor = [], None
    while True:
        page = opened.store.find(Query(limit=1, cursor=cursor, fold=True))
        assert page.n_total == 8
        pages += [(one.id, one.text, one.n_copies) for one in page.items]
        if page.next is None:
            break
        cursor = page.next
    assert pages == [("d7", "storm", 4), ("d6", "wind", 1), ("d5", "calm", 2), ("d3", "rain", 1)]
    assert pages == [(one.id, one.text, one.n_copies) for one in opened.store.find(Query(fold=True)).items]


def test_only_copies_that_the_query_is_about_are_folded(opened: Opened) -> None:
    opened.take(
        [document(n, "storm", at_ms=DAY + n * 1000, entities=("AAPL",) if n % 3 == 0 else ()) for n in range(8)]
        + [document(8, "rain", at_ms=DAY + 8000)]
    )
    for asked, expected in [
        (Query(fold=True, entity="AAPL"), [("d6", 3)]),
        (Query(fold=True, text="storm", to_ms=DAY + 4500), [("d4", 5)]),
        (Query(fold=True, text="st* sto*", to_ms=DAY + 4500), [("d4", 5)]),
        (Query(fold=True, text="s*", entity="AAPL", from_ms=DAY + 2000), [("d6", 2)]),
        (Query(fold=True, text="storm", entity="AAPL", from_ms=DAY + 2000), [("d6", 2)]),
    ]:
        assert [(one.id, one.n_copies) for one in opened.store.find(asked).items] == expected


def test_words_phrases_and_beginnings_are_found_whatever_their_case_and_accents(opened: Opened) -> None:
    opened.take(
        [
            document(0, "Supply chain problems hit Nestlé's profit"),
            document(1, "The chain of supply is fine, profits rise"),
            document(2, "Refunds refused: NOT and OR are words too"),
        ]
    )

    def found(text: str) -> list[str]:
        return sorted(ids(opened.store.find(Query(text=text)).items))

    assert found("chain supply") == ["d0", "d1"]
    assert found('"supply chain"') == ["d0"]
    assert found("profit") == ["d0"] and found("profit*") == ["d0", "d1"]
    assert found("NESTLE") == ["d0"] and found("nestlé") == ["d0"]
    assert found("refund* not") == ["d2"] and found("not") == ["d2"]
    assert found("chain absent") == [] and found("!!!") == []
    assert found("  ") == ["d0", "d1", "d2"]


@given(st.text(max_size=60) | st.text(alphabet='"*()^-:+{}NEAR \0\ud800a1é', max_size=40))
@hypothesis_settings(max_examples=300, deadline=None)
def test_no_text_that_is_typed_is_a_mistake(searched: DocumentStore, text: str) -> None:
    page = searched.find(Query(text=text, fold=True))
    assert page.n_total in (0, 1)
    assert all(0 <= start < end <= len(one.text) for one in page.items for start, end in one.highlights)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentStore]:
    """A store with one document."""
    folder = tmp_path_factory.mktemp("searched")
    writer, store = SqliteWriter(folder, SETTINGS), open_store(folder)
    Opened(store, writer).take([document(0, "a NEAR é 1 text: with * and -")])
    yield store
    store.close()
    writer.close()


def test_many_words_are_no_mistake_either(searched: DocumentStore) -> None:
    assert searched.find(Query(text="near " * 2000)).n_total == 1


def test_highlights_of_a_page_over_several_days_are_those_of_its_documents(tmp_path: Path) -> None:
    writer, store = SqliteWriter(tmp_path, SETTINGS), open_store(tmp_path)
    texts = ["profit", "no gain", "a profit", "loss", "the profits of profit"]
    Opened(store, writer).take([document(n, text, at_ms=DAY + n * DAY_MS // 2) for n, text in enumerate(texts)])
    for fold in (False, True):
        page = store.find(Query(text="pro*", fold=fold)).items
        found = [[one.text[start:end] for start, end in one.highlights] for one in page]
        assert found == [["profits", "profit"], ["profit"], ["profit"]]
    writer.close()


def test_highlights_say_where_the_words_stand_in_code_points(tmp_path: Path) -> None:
    writer, store = SqliteWriter(tmp_path, SETTINGS), open_store(tmp_path)
    Opened(store, writer).take([document(0, "🙂 <b>Profit</b> and profits")])
    [found] = store.find(Query(text="profit*")).items
    assert [found.text[start:end] for start, end in found.highlights] == ["Profit", "profits"]
    [plain] = store.find(Query()).items
    assert plain.highlights == ()
    writer.close()


# -- the same documents as the windows


def stream(n: int, seed: int) -> list[Classified]:
    """A partition of `classified` as workers leave it: copies of batches, ids sent twice, late, expired, unread, dead letters."""
    draw = random.Random(seed)
    log: list[Classified] = []
    for offset in range(n):
        at_ms = DAY + offset * 4000
        age_ms = draw.choice((0, 0, 0, 5000, 30 * MINUTE_MS, 5 * HOUR_MS, 3 * DAY_MS))
        kind = draw.random()
        record = document(
            offset, f"text {draw.randrange(n)}", at_ms=at_ms, published_ms=at_ms - age_ms,
            id=f"d{offset if kind > 0.1 else draw.randrange(offset + 1)}",
            sentiment=draw.choice(("negative", "neutral", "positive")),
            entities=tuple(draw.sample(("AAPL", "Delta", "BA"), draw.randrange(3))),
            source_channel="news", outcome="duplicate" if draw.random() < 0.2 else "classified",
        )  # fmt: skip
        if 0.1 < kind < 0.2:
            record = msgspec.structs.replace(record, prediction=unread_prediction("m"), unread="nothing_left")
        elif kind > 0.95:
            record = msgspec.structs.replace(record, outcome="dead_lettered", id="", text="", prediction=None)
        log.append(record)
        if draw.random() < 0.05:
            log += log[-draw.randrange(1, 6) :]  # a batch written twice
    return log


def counted_by_windows(windows: MemoryStore, series: str, level: int) -> dict[int, list[int]]:
    cells = windows.levels[level].items()
    return {start: [c[0], c[1], c[0] - c[1] - c[2], c[2], c[5], c[6]] for (name, start), c in cells if name == series}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_window_has_as_many_documents_behind_it_as_it_counts(opened: Opened, seed: int) -> None:
    log = stream(400, seed)
    windows = MemoryStore(0)
    both = [PartitionWriter(windows, SETTINGS), PartitionWriter(opened.writer.partition(0), SETTINGS)]
    draw, start = random.Random(seed), 0
    while start < len(log):
        end = start + draw.randrange(1, 40)
        batch = list(enumerate(log[start:end], start))
        for writer in both:
            asyncio.run(writer.take(batch))
        start = end
    assert {"redelivered", "late", "unread"} <= set(windows.totals)
    for level, step_ms in ((0, 10_000), (1, MINUTE_MS), (2, HOUR_MS), (3, DAY_MS)):
        for series in sorted({name for name, _ in windows.levels[3]}):
            kept_ms = (2, 7, 35, 400)[level] * DAY_MS
            query = Query(series=(series,), from_ms=DAY + DAY_MS - kept_ms if level else None)
            expected = counted_by_windows(windows, series, level)
            found = {
                c.start_ms: [c.n, c.negative, c.neutral, c.positive, c.news, c.n_unread]
                for c in opened.store.counts(query, step_ms)
                if level or c.start_ms in expected
            }
            assert found == expected
    assert opened.store.find(Query()).n_total == windows.totals["counted"] == opened.writer.totals()["stored"]


def test_records_that_come_again_add_nothing_and_those_after_a_hole_wait_for_it(opened: Opened) -> None:
    opened.take([document(n) for n in range(3)])
    opened.take([document(n) for n in range(3)], first=3)
    opened.take([document(5), document(4, follows=2)], first=6)
    assert sorted(ids(opened.store.find(Query()).items)) == ["d0", "d1", "d2", "d4"]
    assert opened.store.applied() == {0: 8}


def test_crossed_counts_are_those_of_the_documents_found(opened: Opened) -> None:
    opened.take(stream(300, 7))
    query = Query(entity="AAPL", source_kind="news", text="text", from_ms=DAY, to_ms=DAY + HOUR_MS)
    counts = opened.store.counts(query, 5 * MINUTE_MS)
    assert sum(c.n + c.n_unread for c in counts) == opened.store.find(query).n_total > 0
    assert (
        sum(c.negative for c in counts)
        == opened.store.find(msgspec.structs.replace(query, sentiment="negative")).n_total
    )
    assert all(c.n == c.negative + c.neutral + c.positive == c.news + c.social for c in counts)
    assert [c.start_ms for c in counts] == sorted({c.start_ms for c in counts})
    for wrong in (Query(from_ms=DAY + 1), Query(to_ms=DAY + 500)):
        with pytest.raises(ConfigError, match="whole seconds"):
            opened.store.counts(wrong, MINUTE_MS)


# -- forgetting and retention


def test_forgotten_documents_are_gone_and_do_not_come_back(opened: Opened) -> None:
    opened.take([document(n, author_hash=f"a{n % 2}") for n in range(6)])
    assert opened.store.delete(["d2", "d9"], ["a1"]) == 4
    assert sorted(ids(opened.store.find(Query()).items)) == ["d0", "d4"]
    opened.take([document(6, id="d9"), document(7, author_hash="a1"), document(8)], first=6)
    assert sorted(ids(opened.store.find(Query()).items)) == ["d0", "d4", "d8"]
    assert opened.store.delete(["d2"], ["a1"]) == 0


def test_whole_days_go_when_they_are_past_the_retention(opened: Opened) -> None:
    kept = SETTINGS.documents_retention_days
    opened.take([document(n, at_ms=DAY + n * DAY_MS) for n in range(4)])
    assert opened.store.reaches_back_to_ms() == DAY + (3 - kept) * DAY_MS
    opened.take([document(4, at_ms=DAY + (kept + 2) * DAY_MS)], first=4)
    assert opened.writer.retain() == 2
    assert opened.store.reaches_back_to_ms() == DAY + 2 * DAY_MS
    assert ids(opened.store.find(Query()).items) == ["d4", "d3", "d2"]
    late = document(5, at_ms=DAY + (kept + 2) * DAY_MS, published_ms=DAY)
    opened.take([late], first=5)
    assert opened.writer.totals()["past_retention"] == 1
    assert opened.writer.retain() == 0 and opened.store.find(Query()).n_total == 3
    assert opened.store.holding().n_days == 3


# -- what only files can do wrong


def test_the_oldest_days_go_when_there_are_too_many_bytes(tmp_path: Path) -> None:
    settings = load(documents_max_bytes=1_048_576)
    writer, store = SqliteWriter(tmp_path, settings), open_store(tmp_path)
    texts = ["".join(random.Random(n).choices("abcdefgh ", k=2000)) for n in range(400)]
    Opened(store, writer).take([document(n, text, at_ms=DAY + n // 100 * DAY_MS) for n, text in enumerate(texts)])
    assert writer.retain() > 0
    assert 1 <= store.holding().n_days < 4
    assert store.reaches_back_to_ms() == DAY + (4 - store.holding().n_days) * DAY_MS
    assert store.find(Query()).items[0].id == "d399"
    writer.close()


def test_a_forgotten_text_is_in_no_file_any_more(tmp_path: Path) -> None:
    writer, store = SqliteWriter(tmp_path, SETTINGS), open_store(tmp_path)
    secret, name = "zanzibarwhisper", "zanzibar-document"
    records = [document(n) for n in range(100)]
    records[50] = document(50, f"{secret} 50", id=name)
    Opened(store, writer).take(records)
    assert store.find(Query(text=secret)).n_total == 1
    files = [path for path in tmp_path.iterdir() if path.suffix != ".lock"]
    assert any(secret.encode() in path.read_bytes() for path in files)
    assert store.delete([name]) == 1
    for path in files:
        assert secret.encode() not in path.read_bytes() and name.encode() not in path.read_bytes(), path
    assert store.find(Query(text=secret)).n_total == 0 and store.find(Query(text="text")).n_total == 99
    writer.close()


def test_a_text_that_could_not_leave_the_disk_leaves_it_when_it_is_forgotten_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, store = SqliteWriter(tmp_path, SETTINGS), open_store(tmp_path)
    Opened(store, writer).take([document(0, "a secret"), document(1, "stays")])
    writer.close()
    [path] = days_in(tmp_path).values()
    reader = to_read(path)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM documents").fetchone()
    with monkeypatch.context() as impatient, pytest.raises(StoreUnavailable, match="forget again"):
        impatient.setattr("streamwatch.documents.sqlite.opening.BUSY_S", 0.01)
        store.delete(["d0"])
    reader.execute("COMMIT")  # it goes on holding the file, as a dashboard does
    store.delete(["d0"])
    assert not any(b"secret" in one.read_bytes() for one in tmp_path.iterdir())
    reader.close()


def test_a_number_that_was_asked_for_while_documents_came_is_right_when_they_are_there(tmp_path: Path) -> None:
    """A commit lies in the log before it can be seen: a number remembered in between once stayed for good."""
    writer, store = SqliteWriter(tmp_path, SETTINGS), open_store(tmp_path)
    both, done = Opened(store, writer), threading.Event()

    def look() -> None:
        while not done.is_set():
            store.find(Query())

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    for n in range(60):
        both.take([document(n)], first=n)
        time.sleep(0.002)
        assert store.find(Query()).n_total == n + 1
    done.set()
    for reader in readers:
        reader.join()
    writer.close()


def test_a_second_writer_is_refused_and_told_who_writes(tmp_path: Path) -> None:
    writer = SqliteWriter(tmp_path, SETTINGS)
    with pytest.raises(FatalError, match=r"is being written by process \d+ on"):
        SqliteWriter(tmp_path, SETTINGS)
    writer.close()
    SqliteWriter(tmp_path, SETTINGS).close()


def test_a_search_that_nobody_waits_for_any_more_ends_and_its_reader_serves_others(tmp_path: Path) -> None:
    SqliteWriter(tmp_path, SETTINGS).close()
    readers = Readers(tmp_path, n=1, longest_s=0.05)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    with pytest.raises(StoreUnavailable, match="interrupted"), answering(tmp_path), readers.one() as reader:
        reader.open(tmp_path / LEDGER).execute(endless).fetchall()
    with readers.one() as reader:
        assert reader.open(tmp_path / LEDGER).execute("SELECT count(*) FROM forgotten").fetchone() == (0,)
    readers.close()


def test_a_folder_that_is_not_there_is_an_empty_store(tmp_path: Path) -> None:
    store = open_store(tmp_path / "nothing")
    assert store.find(Query(text="a", fold=True)).items == () and store.counts(Query(), 10_000) == []
    assert store.reaches_back_to_ms() is None and store.applied() == {} and store.delete(["a"]) == 0
    assert not (tmp_path / "nothing").exists()


def test_a_file_that_is_no_database_is_said_with_what_to_do(tmp_path: Path) -> None:
    writer, store = SqliteWriter(tmp_path, SETTINGS), open_store(tmp_path)
    Opened(store, writer).take([document(0)])
    writer.close()
    (tmp_path / "2024-10-05.sqlite").write_bytes(b"no database, " * 1000)
    with pytest.raises(ConfigError, match="streamwatch index --anew"):
        store.find(Query())


def test_a_reader_sees_a_day_that_was_deleted_and_made_anew(tmp_path: Path) -> None:
    writer, store = SqliteWriter(tmp_path, SETTINGS), open_store(tmp_path)
    Opened(store, writer).take([document(0)])
    assert ids(store.find(Query()).items) == ["d0"]
    writer.close()
    for path in tmp_path.glob("2*"):
        path.unlink()
    DayFile(tmp_path / "2024-10-04.sqlite").add(0, [(9, document(9))], lambda: lambda record: False)
    assert ids(store.find(Query()).items) == ["d9"]


def test_more_days_than_may_be_open_at_once_are_read(tmp_path: Path) -> None:
    settings = load(documents_retention_days=1000)
    writer, store = SqliteWriter(tmp_path, settings), open_store(tmp_path)
    Opened(store, writer).take([document(n, "same", at_ms=DAY + n * DAY_MS) for n in range(90)])
    assert store.find(Query(text="same")).n_total == 90
    assert [one.n_copies for one in store.find(Query(fold=True)).items] == [90]
    assert len(list(store.stream(Query(series=("source:wire",))))) == 90
    writer.close()
