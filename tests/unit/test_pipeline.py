"""The pipeline with a fake sender: order, retries, dead letters before their offsets, back-pressure, ended runs."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamwatch.codec import decode, encode
from streamwatch.config import Settings
from streamwatch.delivery import pipeline as module
from streamwatch.delivery.intake import SourceRecord
from streamwatch.delivery.pipeline import GATHER_S, WAVE_S, Pipeline, Run, pause_s
from streamwatch.errors import BrokerUnavailable, ModelError, RejectError
from streamwatch.inference.engine import Answer, NullEngine, NullRow
from streamwatch.records import Classified, DeadLetter

PUBLISHED_MS = 1_700_000_000_000
TIMEOUT_S = 5.0


class FakeSender:
    """Takes `at_once` records of a call; fails while `away`; remembers in which order things were acknowledged."""

    def __init__(self, at_once: int = 1000) -> None:
        self.at_once = at_once
        self.away = False
        self.failing: list[BrokerUnavailable] = []
        self.emitted: list[Classified] = []
        self.letters: list[DeadLetter] = []
        self.order: list[str] = []
        self.n_failed = 0

    async def classified(self, partition: int, records: Sequence[tuple[bytes, bytes]]) -> int:
        self._may_fail()
        taken = [decode(value, Classified) for _, value in records[: self.at_once]]
        self.emitted += taken
        self.order += [f"record {record.source_offset}" for record in taken]
        return len(taken)

    async def dead_letter(self, record: DeadLetter) -> None:
        self._may_fail()
        self.letters.append(record)
        self.order.append(f"letter {record.source_offset}")

    def _may_fail(self) -> None:
        if self.away or self.failing:
            self.n_failed += 1
            raise self.failing.pop() if self.failing else BrokerUnavailable("away")

    @property
    def offsets(self) -> list[int]:
        return [record.source_offset for record in self.emitted]


class Desk:
    """A pipeline under test, with what it said of failures."""

    def __init__(self, sender: FakeSender | None = None, engine: object = None, **settings: object) -> None:
        self.sender = sender or FakeSender()
        self.failures: list[BaseException] = []
        chosen = Settings(**settings)  # type: ignore[arg-type]
        self.pipeline = Pipeline(engine or NullEngine(), self.sender, chosen, self.failures.append)  # type: ignore[arg-type]

    async def take(self, run: Run, offsets: Sequence[int], value: Callable[[int], bytes | None] | None = None) -> None:
        for offset in offsets:
            await self.pipeline.take(run, source(offset, (value or good)(offset)))

    async def __aenter__(self) -> "Desk":
        self.pipeline.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.pipeline.stop()


def good(offset: int) -> bytes:
    """A document of its own."""
    return encode({"id": f"d{offset}", "text": f"text {offset}", "published_at": "2023-11-14T22:13:20Z"})


def source(offset: int, value: bytes | None, marker: str | None = None) -> SourceRecord:
    """The record at an offset of social/0."""
    return SourceRecord("social", 0, offset, value, PUBLISHED_MS + offset, marker)


async def until(what: Callable[[], object]) -> None:
    """Wait for something that other tasks do."""
    async with asyncio.timeout(TIMEOUT_S):
        while not what():  # noqa: ASYNC110 - any condition
            await asyncio.sleep(0.001)


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_S", (0.001,))


def test_records_leave_in_source_order_each_with_what_it_follows() -> None:
    async def check() -> None:
        async with Desk() as desk:
            run = desk.pipeline.begin("social", 0, committed=5)
            await desk.take(run, [5, 6, 8, 9])
            await until(lambda: run.committable == 10)
            assert [(r.source_offset, r.follows) for r in desk.sender.emitted] == [(5, 4), (6, 5), (8, 6), (9, 8)]
            assert desk.pipeline.n_in_flight == 0

    asyncio.run(check())


def test_a_produce_that_fails_is_tried_again_in_order_from_the_first_that_was_not_acknowledged() -> None:
    async def check() -> None:
        async with Desk(FakeSender(at_once=3)) as desk:
            desk.sender.failing = [BrokerUnavailable("once"), BrokerUnavailable("twice")]
            run = desk.pipeline.begin("social", 0, committed=0)
            await desk.take(run, range(10))
            await until(lambda: run.committable == 10)
            assert desk.sender.offsets == list(range(10))
            assert desk.sender.n_failed == 2

    asyncio.run(check())


def test_nothing_is_committable_before_it_is_acknowledged() -> None:
    async def check() -> None:
        async with Desk() as desk:
            desk.sender.away = True
            run = desk.pipeline.begin("social", 0, committed=7)
            await desk.take(run, [7, 8])
            await until(lambda: desk.sender.n_failed > 3)
            assert run.committable == 7
            desk.sender.away = False
            await until(lambda: run.committable == 9)

    asyncio.run(check())


def test_a_dead_letter_is_acknowledged_before_its_offset_leaves_and_holds_up_what_follows() -> None:
    async def check() -> None:
        async with Desk() as desk:
            run = desk.pipeline.begin("social", 0, committed=0)
            desk.sender.away = True
            await desk.take(run, [0], lambda _: b"no json")
            await desk.take(run, [1, 2])
            await until(lambda: desk.sender.n_failed > 3)
            assert (run.committable, desk.sender.emitted) == (0, [])
            desk.sender.away = False
            await until(lambda: run.committable == 3)
            assert desk.sender.order == ["letter 0", "record 0", "record 1", "record 2"]
            record = desk.sender.emitted[0]
            assert (record.outcome, record.reason, record.text, record.prediction) == (
                "dead_lettered", "invalid_json", "", None,
            )  # fmt: skip

    asyncio.run(check())


def test_a_text_that_the_engine_cannot_do_goes_to_dead_letter_and_its_neighbours_do_not() -> None:
    class Picky(NullEngine):
        def predict(self, batch: Sequence[NullRow]) -> list[Answer]:
            return [
                RejectError("classification_failed", "NaN") if row.text == "text 1" else answer
                for row, answer in zip(batch, super().predict(batch), strict=True)
            ]

    async def check() -> None:
        async with Desk(engine=Picky()) as desk:
            run = desk.pipeline.begin("social", 0, committed=0)
            await desk.take(run, [0, 1, 2])
            await until(lambda: run.committable == 3)
            assert [r.outcome for r in desk.sender.emitted] == ["classified", "dead_lettered", "classified"]
            assert [(letter.reason, letter.source_offset) for letter in desk.sender.letters] == [
                ("classification_failed", 1)
            ]
            assert desk.failures == []

    asyncio.run(check())


def test_an_engine_that_fails_as_a_whole_is_a_failure_and_no_document_is_lost_to_it() -> None:
    class Broken(NullEngine):
        def predict(self, batch: Sequence[NullRow]) -> list[Answer]:
            raise ModelError("the device is gone")

    async def check() -> None:
        async with Desk(engine=Broken()) as desk:
            run = desk.pipeline.begin("social", 0, committed=0)
            await desk.take(run, [0])
            await until(lambda: desk.failures)
            assert isinstance(desk.failures[0], ModelError)
            assert (run.committable, desk.sender.emitted, desk.sender.letters) == (0, [], [])

    asyncio.run(check())


def test_copies_of_a_text_are_duplicates_with_the_same_prediction() -> None:
    def same(offset: int) -> bytes:
        return encode({"id": f"d{offset}", "text": "RT @a: the same", "published_at": "2023-11-14T22:13:20Z"})

    async def check() -> None:
        async with Desk() as desk:
            run = desk.pipeline.begin("social", 0, committed=0)
            await desk.take(run, range(3), same)
            await until(lambda: run.committable == 3)
            await desk.take(run, [3], same)
            await until(lambda: run.committable == 4)
            assert [r.outcome for r in desk.sender.emitted] == ["classified", "duplicate", "duplicate", "duplicate"]
            assert len({msgspec.json.encode(r.prediction) for r in desk.sender.emitted}) == 1

    asyncio.run(check())


def test_what_the_engine_cannot_read_is_classified_without_it() -> None:
    asked: list[str] = []

    class Listening(NullEngine):
        def prepare(self, texts: Sequence[str]) -> list[NullRow | RejectError]:
            asked.extend(texts)
            return super().prepare(texts)

    texts = ("@jo https://t.co/x", "up", "RT @jo: @desk https://t.co/y", "今天涨停了", "\u200b", "今天涨停了")

    def some(offset: int) -> bytes:
        given = {"sentiment": "negative"} if offset == 5 else {}
        return encode({"id": f"d{offset}", "text": texts[offset], "published_at": "2023-11-14T22:13:20Z"} | given)

    async def check() -> None:
        async with Desk(engine=Listening()) as desk:
            run = desk.pipeline.begin("social", 0, committed=0)
            await desk.take(run, range(6), some)
            await until(lambda: run.committable == 6)
            assert asked == ["up"]
            assert desk.sender.letters == []
            made = desk.sender.emitted
            assert [(r.outcome, r.unread) for r in made] == [
                ("classified", "nothing_left"), ("classified", ""), ("duplicate", "nothing_left"),
                ("classified", "other_script"), ("classified", "nothing_left"), ("duplicate", "other_script"),
            ]  # fmt: skip
            assert [r.counted_sentiment for r in made if r.unread] == ["", "", "", "", "negative"]
            assert {r.counted_topic for r in made if r.unread} == {"unclear"}
            assert {r.prediction.model for r in made if r.prediction} == {"null"}

    asyncio.run(check())


def test_an_engine_of_other_scripts_is_asked_for_texts_in_them() -> None:
    class Chinese(NullEngine):
        scripts = ("Latin", "Han")

    def chinese(offset: int) -> bytes:
        return encode({"id": f"d{offset}", "text": "今天涨停了", "published_at": "2023-11-14T22:13:20Z"})

    async def check() -> None:
        async with Desk(engine=Chinese()) as desk:
            run = desk.pipeline.begin("social", 0, committed=0)
            await desk.take(run, [0], chinese)
            await until(lambda: run.committable == 1)
            assert (desk.sender.emitted[0].unread, desk.sender.emitted[0].counted_sentiment != "") == ("", True)

    asyncio.run(check())


def test_an_unsure_sentiment_is_marked_and_counted_all_the_same() -> None:
    async def check() -> None:
        async with Desk(low_confidence_below=0.7) as desk:
            run = desk.pipeline.begin("social", 0, committed=0)
            await desk.take(run, range(40))
            await until(lambda: run.committable == 40)
            said = [r.prediction for r in desk.sender.emitted if r.prediction]
            assert {p.low_confidence for p in said} == {True, False}
            assert all(p.sentiment and p.low_confidence == (p.sentiment.p < 0.7) for p in said)
            assert all(r.counted_sentiment for r in desk.sender.emitted)

    asyncio.run(check())


def test_markers_pass_in_their_place_and_are_no_documents() -> None:
    async def check() -> None:
        async with Desk() as desk:
            run = desk.pipeline.begin("social", 0, committed=0)
            await desk.pipeline.take(run, source(0, b"", "begin:r"))
            await desk.take(run, [1])
            await desk.pipeline.take(run, source(2, None, "end:r"))
            await until(lambda: run.committable == 3)
            assert [(r.outcome, r.marker) for r in desk.sender.emitted] == [
                ("marker", "begin:r"), ("classified", None), ("marker", "end:r"),
            ]  # fmt: skip
            assert desk.sender.letters == []

    asyncio.run(check())


def test_when_too_much_is_in_flight_taking_waits() -> None:
    async def check() -> None:
        async with Desk(max_in_flight=16) as desk:
            desk.sender.away = True
            run = desk.pipeline.begin("social", 0, committed=0)
            taking = asyncio.ensure_future(desk.take(run, range(40)))
            await until(lambda: desk.pipeline.n_in_flight == 16)
            await asyncio.sleep(0.02)
            assert desk.pipeline.n_in_flight == 16
            assert not taking.done()
            desk.sender.away = False
            await taking
            await until(lambda: run.committable == 40)
            assert desk.sender.offsets == list(range(40))

    asyncio.run(check())


def test_large_documents_fill_the_room_by_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IN_FLIGHT_BYTES", 10_000)

    def large(offset: int) -> bytes:
        return encode({"id": f"d{offset}", "text": f"{offset} " * 600, "published_at": "2023-11-14T22:13:20Z"})

    async def check() -> None:
        async with Desk() as desk:
            desk.sender.away = True
            run = desk.pipeline.begin("social", 0, committed=0)
            taking = asyncio.ensure_future(desk.take(run, range(20), large))
            await asyncio.sleep(0.05)
            assert not taking.done()
            assert 10_000 <= desk.pipeline.n_bytes < 12_000
            desk.sender.away = False
            await taking
            await until(lambda: run.committable == 20)
            assert desk.pipeline.n_bytes == 0

    asyncio.run(check())


def test_the_end_of_a_run_frees_its_room_and_emits_nothing_more() -> None:
    async def check() -> None:
        async with Desk(max_in_flight=16) as desk:
            desk.sender.away = True
            run = desk.pipeline.begin("social", 0, committed=0)
            await desk.take(run, range(16))
            waiting = asyncio.ensure_future(desk.take(run, [16]))
            await asyncio.sleep(0.01)
            assert not waiting.done()
            desk.pipeline.end(run)
            await waiting
            assert desk.pipeline.n_in_flight == 0
            desk.sender.away = False
            again = desk.pipeline.begin("social", 0, committed=0)
            await desk.take(again, range(20))
            await until(lambda: again.committable == 20)
            assert desk.sender.offsets == list(range(20))
            assert run.committable == 0
            assert desk.pipeline.n_in_flight == 0

    asyncio.run(check())


def test_what_retention_deleted_is_said_once_by_the_first_record_of_the_run() -> None:
    async def check() -> None:
        async with Desk() as desk:
            run = desk.pipeline.begin("social", 0, committed=3, n_lost=4)
            await desk.take(run, [7, 8])
            await until(lambda: run.committable == 9)
            assert [(r.source_offset, r.follows, r.lost) for r in desk.sender.emitted] == [(7, 2, 4), (8, 7, 0)]

    asyncio.run(check())


def test_partitions_do_not_wait_for_each_other() -> None:
    """A dead letter that the broker does not take holds up its own partition alone."""

    class OneWay(FakeSender):
        async def dead_letter(self, record: DeadLetter) -> None:
            raise BrokerUnavailable("no room")

    async def check() -> None:
        async with Desk(OneWay()) as desk:
            stuck, free = (desk.pipeline.begin("social", p, committed=0) for p in (0, 1))
            await desk.take(stuck, [0], lambda _: b"no json")
            await desk.take(free, [0, 1])
            await until(lambda: free.committable == 2)
            assert stuck.committable == 0

    asyncio.run(check())


@given(st.floats(0, 1e6), st.floats(0, WAVE_S))
def test_under_traffic_all_partitions_send_at_the_same_moments(sent_s: float, since_s: float) -> None:
    now_s = sent_s + since_s
    pause = pause_s(now_s, sent_s)
    if now_s - sent_s <= WAVE_S:
        assert 0 < pause <= WAVE_S
        waves = (now_s + pause) / WAVE_S
        assert abs(waves - round(waves)) < 1e-3


def test_after_a_wave_without_traffic_a_document_leaves_at_once() -> None:
    assert pause_s(now_s=10.0 + 2 * WAVE_S, sent_s=10.0) == GATHER_S
