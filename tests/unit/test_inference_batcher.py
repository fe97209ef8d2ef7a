"""The batcher with real threads: every text is answered once, whatever fails, is exchanged or is full."""

import queue
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamwatch.errors import ModelError, RejectError
from streamwatch.inference.batcher import Batcher, Sizes
from streamwatch.inference.engine import Answer, NullEngine, NullRow
from streamwatch.inference.horizon import MAX_WASTE, Horizon, Waiting
from streamwatch.inference.stream import answered
from streamwatch.records import Prediction

TIMEOUT_S = 10.0
SMALL = Sizes(n_threads=2, batch_tokens=128, budget_s=0.01)


class WordEngine(NullEngine):
    """A token a word; refuses what says so. Counts batches, and can be told to hold them or to fail."""

    def __init__(self, model: str = "null") -> None:
        self.model = model
        self.batches: list[int] = []
        self.may_compute = threading.Event()
        self.may_compute.set()
        self.computing = threading.Event()
        self.failure: BaseException | None = None

    def prepare(self, texts: Sequence[str]) -> list[NullRow | RejectError]:
        return [
            RejectError("classification_failed", "unreadable")
            if "unreadable" in text
            else NullRow(text, len(text.split()))
            for text in texts
        ]

    def predict(self, batch: Sequence[NullRow]) -> list[Answer]:
        self.computing.set()
        assert self.may_compute.wait(TIMEOUT_S)
        if self.failure is not None:
            raise self.failure
        self.batches.append(sum(row.n_tokens for row in batch))
        answers = [msgspec.structs.replace(answer, model=self.model) for answer in super().predict(batch)]  # type: ignore[type-var]
        return [
            RejectError("classification_failed", "NaN") if "nan" in row.text else answer
            for row, answer in zip(batch, answers, strict=True)
        ]


class Desk:
    """Collects what a batcher delivers."""

    def __init__(self) -> None:
        self.answers: queue.Queue[tuple[object, Answer]] = queue.Queue()
        self.failures: queue.Queue[BaseException] = queue.Queue()

    def deliver(self, pairs: Sequence[tuple[object, Answer]]) -> None:
        for pair in pairs:
            self.answers.put(pair)

    def take(self, n: int) -> dict[object, Answer]:
        found = [self.answers.get(timeout=TIMEOUT_S) for _ in range(n)]
        assert len(dict(found)) == n
        return dict(found)


@contextmanager
def running(engine: WordEngine, sizes: Sizes = SMALL) -> Iterator[tuple[Batcher, Desk]]:
    desk = Desk()
    batcher = Batcher(engine, desk.deliver, desk.failures.put, sizes)
    with batcher:
        yield batcher, desk
    engine.may_compute.set()
    assert not [thread for thread in batcher._threads if thread.is_alive()]


def until(what: object, reason: str = "") -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not what():  # type: ignore[operator]
        assert time.monotonic() < deadline, reason
        time.sleep(0.001)


def test_a_bad_text_and_a_bad_row_fail_alone_and_the_rest_is_answered() -> None:
    with running(WordEngine()) as (batcher, desk):
        batcher.submit([(0, "fine"), (1, "unreadable"), (2, "nan"), (3, "fine too")])
        answers = desk.take(4)
    assert [type(answers[i]) for i in range(4)] == [Prediction, RejectError, RejectError, Prediction]
    assert desk.failures.empty()


def test_a_lone_document_leaves_at_once() -> None:
    with running(WordEngine(), Sizes(1, 4096, budget_s=5.0)) as (batcher, desk):
        started = time.monotonic()
        for i in range(5):
            batcher.submit([(i, "profit rose")])
            desk.take(1)
        assert time.monotonic() - started < 1.0


def test_a_busy_batcher_holds_rows_back_but_never_longer_than_the_budget() -> None:
    engine = WordEngine()
    with running(engine, Sizes(1, 100_000, budget_s=0.2)) as (batcher, desk):
        for n_tokens in (100, 200, 300):
            batcher._pace.computed(n_tokens, n_tokens / 10)  # a slow model: any traffic is more than it can do
        batcher._pace.arrived(1000, time.monotonic())
        started = time.monotonic()
        for i in range(10):
            batcher.submit([(i, "one two three")])
            time.sleep(0.005)
        desk.take(10)
        took = time.monotonic() - started
    assert 0.15 < took < 1.0
    assert engine.batches == [30]


def test_batches_keep_within_their_budget_and_waste_little_when_much_waits() -> None:
    engine = WordEngine()
    engine.may_compute.clear()
    with running(engine, Sizes(1, 256, 0.01)) as (batcher, desk):
        batcher.submit([("first", "wait")])
        assert engine.computing.wait(TIMEOUT_S)
        batcher.submit([(i, "word " * (1 + i * 7 % 64)) for i in range(2000)])
        until(lambda: batcher.figures().n_rows == 2000)
        engine.may_compute.set()
        desk.take(2001)
        figures = batcher.figures()
    assert max(engine.batches) <= 256
    assert figures.n_answered == sum(figures.latency) == 2001
    assert (figures.n_texts, figures.n_rows, figures.n_in_flight) == (0, 0, 0)
    own_rounding = sum(-n % 16 for n in (1 + i * 7 % 64 for i in range(2000)))
    assert figures.n_padding - own_rounding <= MAX_WASTE * figures.n_tokens


def test_an_engine_that_packs_gets_rows_of_all_lengths_and_counts_its_own_padding() -> None:
    class Packing(WordEngine):
        def n_padding(self, lengths: Sequence[int]) -> int:
            return -sum(lengths) % 16

    engine = Packing()
    engine.may_compute.clear()
    with running(engine, Sizes(1, 256, 0.01)) as (batcher, desk):
        batcher.submit([("first", "wait")])
        assert engine.computing.wait(TIMEOUT_S)
        batcher.submit([(i, "word " * (1 + i * 7 % 64)) for i in range(500)])
        until(lambda: batcher.figures().n_rows == 500)
        engine.may_compute.set()
        desk.take(501)
        figures = batcher.figures()
    assert max(engine.batches) <= 256
    assert figures.n_padding == sum(-n % 16 for n in engine.batches)
    assert figures.waste < MAX_WASTE


def test_submit_waits_while_the_batcher_is_full() -> None:
    engine = WordEngine()
    engine.may_compute.clear()
    with running(engine, Sizes(1, 128, 0.0, max_waiting=100)) as (batcher, desk):
        supplier = threading.Thread(target=batcher.submit, args=([(i, "a b") for i in range(1000)],), daemon=True)
        supplier.start()
        assert engine.computing.wait(TIMEOUT_S)
        time.sleep(0.05)
        figures = batcher.figures()
        assert 100 <= figures.n_texts + figures.n_rows + figures.n_in_flight < 100 + 64
        engine.may_compute.set()
        assert len(desk.take(1000)) == 1000
        supplier.join(TIMEOUT_S)


@pytest.mark.parametrize("where", ["prepare", "predict"])
def test_a_thread_that_dies_is_told_once_and_nobody_waits_for_ever(where: str) -> None:
    engine = WordEngine()

    def dies(_: object) -> list[Answer]:
        raise MemoryError("the thread dies")

    setattr(engine, where, dies)
    with running(engine, Sizes(2, 128, 0.0, max_waiting=10)) as (batcher, desk):
        with pytest.raises(MemoryError):
            batcher.submit([(i, "a b") for i in range(1000)])
        assert isinstance(desk.failures.get(timeout=TIMEOUT_S), MemoryError)
        with pytest.raises(MemoryError):
            batcher.submit([(0, "again")])
    assert desk.failures.empty()


def test_a_device_that_has_failed_is_the_engines_failure_and_no_documents() -> None:
    engine = WordEngine()
    engine.failure = ModelError("the device is gone")
    with running(engine) as (batcher, desk):
        batcher.submit([(i, "a b") for i in range(50)])
        assert isinstance(desk.failures.get(timeout=TIMEOUT_S), ModelError)
        assert desk.answers.empty()


def test_closing_with_work_in_flight_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    engine = WordEngine()
    with running(engine) as (batcher, _):
        batcher.submit([(i, "a b c") for i in range(3000)])
    assert set(threading.enumerate()) <= before


def test_rows_are_computed_by_the_engine_that_prepared_them() -> None:
    old, new = WordEngine("old"), WordEngine("new")
    old.may_compute.clear()
    with running(old, Sizes(1, 128, 0.01)) as (batcher, desk):
        batcher.submit([(i, "a b c") for i in range(500)])
        until(lambda: batcher.figures().n_texts == 0)
        batcher.swap(new)
        batcher.submit([(i, "a b c") for i in range(500, 1000)])
        old.may_compute.set()
        answers = desk.take(1000)
        assert batcher.engine is new
        until(lambda: len(batcher._stages) == 1)
    models = [answers[i].model for i in range(1000)]  # type: ignore[union-attr]
    assert models == ["old"] * 500 + ["new"] * 500


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("ask"), st.integers(1, 40), st.sampled_from(["up", "nan here", "unreadable", "a b c d " * 20])
        ),
        st.tuples(st.just("swap"), st.just(0), st.just("")),
        st.tuples(st.just("pause"), st.integers(0, 2), st.just("")),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(STEPS, st.integers(1, 3), st.sampled_from([16, 64, 4096]), st.sampled_from([0.0, 0.005]))
def test_every_text_is_answered_once_by_an_engine_that_was_there(
    steps: list[tuple[str, int, str]], n_threads: int, batch_tokens: int, budget_s: float
) -> None:
    versions, asked = ["v0"], {}
    with running(WordEngine("v0"), Sizes(n_threads, batch_tokens, budget_s, max_waiting=64)) as (batcher, desk):
        for kind, n, text in steps:
            if kind == "ask":
                fresh = [(len(asked) + i, text) for i in range(n)]
                asked.update({key: (text, len(versions) - 1) for key, _ in fresh})
                batcher.submit(fresh)
            elif kind == "swap":
                versions.append(f"v{len(versions)}")
                batcher.swap(WordEngine(versions[-1]))
            else:
                time.sleep(n / 1000)
        answers = desk.take(len(asked))
        assert desk.answers.empty() and desk.failures.empty()
    for key, (text, oldest) in asked.items():
        answer = answers[key]
        assert isinstance(answer, RejectError) == ("nan" in text or text == "unreadable")
        if isinstance(answer, Prediction):
            assert answer.model in versions[oldest:]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 200), max_size=60), st.integers(16, 2000), st.floats(0, 200), st.booleans())
def test_a_horizon_gives_every_row_once_and_always_the_oldest(
    lengths: list[int], budget: int, spare: float, packed: bool
) -> None:
    horizon, given_out = Horizon(packed), Counter[int]()
    for i, n_tokens in enumerate(lengths):
        horizon.add(Waiting(i, None, n_tokens, float(i)))
    while horizon.n_rows:
        oldest = horizon.oldest_s
        batch = horizon.take(budget, spare)
        assert oldest in [waiting.since_s for waiting in batch]
        width = -(-max(waiting.n_tokens for waiting in batch) // 16) * 16
        size = sum(waiting.n_tokens for waiting in batch) if packed else len(batch) * width
        assert len(batch) == 1 or size <= budget
        given_out.update(waiting.key for waiting in batch)
    assert given_out == Counter(range(len(lengths)))
    assert horizon.n_tokens == 0


def test_a_stream_of_texts_is_answered_in_order_with_a_window_in_memory() -> None:
    engine, seen = WordEngine(), []

    def asked() -> Iterator[tuple[int, str | Answer]]:
        for i in range(20_000):
            seen.append(i)
            yield i, RejectError("empty_text") if i % 10 == 0 else f"text {i % 1000} " * (1 + i % 5)

    for n, (name, answer) in enumerate(answered(engine, asked(), Sizes(2, 512, 0.0, max_waiting=500))):
        assert name == n
        assert isinstance(answer, RejectError) == (n % 10 == 0)
        assert len(seen) - n <= 501
    assert len(seen) == 20_000


def test_a_stream_raises_what_the_engine_raises_and_ends_its_threads() -> None:
    before, engine = set(threading.enumerate()), WordEngine()
    engine.failure = ModelError("the device is gone")
    with pytest.raises(ModelError, match="the device is gone"):
        list(answered(engine, ((i, f"text {i}") for i in range(10_000)), Sizes(2, 512, 0.0, max_waiting=100)))
    assert set(threading.enumerate()) <= before


def test_a_stream_that_is_left_half_way_ends_its_threads() -> None:
    before = set(threading.enumerate())
    stream = answered(WordEngine(), ((i, f"text {i}") for i in range(10_000)), Sizes(2, 512, 0.0, max_waiting=100))
    assert next(stream)[0] == 0
    stream.close()  # type: ignore[attr-defined]
    assert set(threading.enumerate()) <= before
