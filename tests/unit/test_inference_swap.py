"""The model is exchanged while documents come: none is lost, the old one's answers end, a bad one never serves."""

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamwatch.config import load
from streamwatch.errors import FatalError, ModelError, RejectError
from streamwatch.inference.batcher import Sizes
from streamwatch.inference.engine import Answer, Engine, NullEngine, NullRow
from streamwatch.inference.shared import SharedPredictions
from streamwatch.inference.swap import ModelWatch, model_watch
from streamwatch.inference.threads import breathe, give_way
from streamwatch.records import Prediction
from streamwatch.text.clean import model_text, text_hash

TIMEOUT_S = 10.0
SMALL = Sizes(n_threads=2, batch_tokens=64, budget_s=0.005, max_waiting=64)


class Version(NullEngine):
    """The null engine under another name, which counts what it is asked."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.texts: list[str] = []
        self.may_compute = threading.Event()
        self.may_compute.set()

    def prepare(self, texts: Sequence[str]) -> list[NullRow | RejectError]:
        self.texts += texts
        return [NullRow(text, 3) for text in texts]

    def predict(self, batch: Sequence[NullRow]) -> list[Answer]:
        assert self.may_compute.wait(TIMEOUT_S)
        return [msgspec.structs.replace(answer, model=self.model) for answer in super().predict(batch)]  # type: ignore[type-var]


class Asker:
    """Predictions that run, and what they answered."""

    def __init__(self, engine: Engine, n_remembered: int = 1000) -> None:
        self.predictions = SharedPredictions(engine, n_remembered, SMALL)
        self.answers: list[tuple[str, Answer | FatalError, bool]] = []

    async def __aenter__(self) -> "Asker":
        self.task = asyncio.create_task(self.predictions.run())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.predictions.stopped()

    def ask(self, text: str) -> None:
        self.predictions.ask(text_hash(text), text, lambda answer, first: self.answers.append((text, answer, first)))

    async def all_answered(self, n: int) -> list[tuple[str, str, bool]]:
        async with asyncio.timeout(TIMEOUT_S):
            while len(self.answers) < n:  # noqa: ASYNC110 - answers come by a callback
                await asyncio.sleep(0.001)
        return [
            (text, answer.model if isinstance(answer, Prediction) else "", first)
            for text, answer, first in self.answers
        ]


def test_a_copy_that_comes_while_its_text_is_computed_shares_the_answer() -> None:
    async def check() -> None:
        engine = Version("v1")
        engine.may_compute.clear()
        async with Asker(engine) as desk:
            desk.ask("oil climbs")
            await asyncio.sleep(0.02)
            desk.ask("oil climbs")
            engine.may_compute.set()
            assert await desk.all_answered(2) == [("oil climbs", "v1", True), ("oil climbs", "v1", False)]
            assert engine.texts == ["oil climbs"]

    asyncio.run(check())


@pytest.mark.parametrize(
    "near", ["$AAPL raises forecast by 5 %", "$AAPL raises forecast by 4 %!", "$AAPL does not raise forecast by 4 %",
             "$MSFT raises forecast by 4 %"]
)  # fmt: skip
def test_a_near_copy_is_classified_anew(near: str) -> None:
    async def check() -> None:
        engine = Version("v1")
        async with Asker(engine) as desk:
            for text in ("$AAPL raises forecast by 4 %", near, near):
                desk.ask(model_text(text))
            await desk.all_answered(3)
            assert engine.texts == ["$AAPL raises forecast by 4 %", near]

    asyncio.run(check())


def test_the_cache_is_bounded_and_forgets_what_was_not_asked_for_longest() -> None:
    async def check() -> None:
        engine = Version("v1")
        async with Asker(engine, n_remembered=2) as desk:
            for n, text in enumerate(["a", "b", "a", "c", "a", "b"]):
                desk.ask(text)
                await desk.all_answered(n + 1)
            assert engine.texts == ["a", "b", "c", "b"]

    asyncio.run(check())


def test_after_a_swap_the_old_answers_are_not_served_and_after_a_roll_back_they_are_again() -> None:
    async def check() -> None:
        old, new = Version("v1"), Version("v2")
        async with Asker(old) as desk:
            for n, engine in enumerate([old, new, old], 1):
                desk.predictions.swap(engine)
                desk.ask("oil climbs")
                await desk.all_answered(n)
            said = await desk.all_answered(3)
            assert [(model, first) for _, model, first in said] == [("v1", True), ("v2", True), ("v1", False)]

    asyncio.run(check())


def test_what_the_old_model_has_prepared_it_computes_and_what_comes_later_is_the_new_ones() -> None:
    async def check() -> None:
        old, new = Version("v1"), Version("v2")
        old.may_compute.clear()
        async with Asker(old) as desk:
            desk.ask("before")
            await asyncio.sleep(0.02)
            desk.predictions.swap(new)
            desk.ask("before")
            desk.ask("after")
            old.may_compute.set()
            assert sorted(await desk.all_answered(3)) == [
                ("after", "v2", True),
                ("before", "v1", True),
                ("before", "v2", True),
            ]

    asyncio.run(check())


def test_an_engine_that_fails_tells_all_who_wait_and_ends_the_run_with_its_error() -> None:
    class Gone(Version):
        def predict(self, batch: Sequence[NullRow]) -> list[Answer]:
            raise ModelError("the device is gone")

    async def check() -> None:
        async with Asker(Gone("v1")) as desk:
            for i in range(20):
                desk.ask(f"text {i % 10}")
            await desk.all_answered(20)
            assert all(isinstance(answer, ModelError) for _, answer, _ in desk.answers)
            with pytest.raises(ModelError, match="the device is gone"):
                await desk.task
            desk.ask("late")

    asyncio.run(check())


def test_room_ends_while_as_many_texts_as_may_wait_are_on_their_way() -> None:
    async def check() -> None:
        engine = Version("v1")
        engine.may_compute.clear()
        async with Asker(engine) as desk:
            for i in range(SMALL.max_waiting):
                await desk.predictions.room()
                desk.ask(f"text {i}")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(desk.predictions.room(), 0.02)
            engine.may_compute.set()
            await asyncio.wait_for(desk.predictions.room(), TIMEOUT_S)
            await desk.all_answered(SMALL.max_waiting)

    asyncio.run(check())


STEPS = st.lists(
    st.one_of(st.integers(0, 8).map(lambda n: ("ask", n)), st.just(("swap", 0)), st.just(("rest", 0))), max_size=60
)


@settings(max_examples=40, deadline=None)
@given(STEPS, st.integers(0, 5))
def test_everybody_is_answered_once_and_never_by_a_model_older_than_the_question(
    steps: list[tuple[str, int]], n_remembered: int
) -> None:
    async def check() -> None:
        versions = ["v0"]
        asked: list[int] = []
        answers: dict[int, Answer | FatalError] = {}
        async with Asker(Version("v0"), n_remembered) as desk:
            for kind, n in steps:
                if kind == "ask":
                    number = len(asked)
                    asked.append(len(versions) - 1)
                    await desk.predictions.room()
                    desk.predictions.ask(
                        str(n), str(n), lambda answer, _, number=number: answers.setdefault(number, answer)
                    )
                elif kind == "swap":
                    versions.append(f"v{len(versions)}")
                    desk.predictions.swap(Version(versions[-1]))
                else:
                    await asyncio.sleep(0.001)
            async with asyncio.timeout(TIMEOUT_S):
                while len(answers) < len(asked):  # noqa: ASYNC110 - answers come by a callback
                    await asyncio.sleep(0.001)
        for number, oldest in enumerate(asked):
            answer = answers[number]
            assert isinstance(answer, Prediction)
            assert answer.model in versions[oldest:]
        assert len(desk.predictions._known) <= n_remembered

    asyncio.run(check())


class Registry:
    """A pointer and what opens: a name that says `bad` does not."""

    def __init__(self) -> None:
        self.pointer: str | None = None
        self.opened: list[str] = []
        self.threads: set[int] = set()

    def look(self) -> str | None:
        if self.pointer == "unreadable":
            raise ModelError("current.json cannot be read")
        return self.pointer

    def open(self) -> Engine:
        self.threads.add(threading.get_ident())
        self.opened.append(str(self.pointer))
        if "bad" in str(self.pointer):
            raise ModelError(f"{self.pointer} is not what its manifest says")
        if "crash" in str(self.pointer):
            raise KeyError("weights")
        return Version(str(self.pointer))


def follow(*pointers: str | None) -> tuple[ModelWatch, Registry, list[str]]:
    """A watch that has looked once at each pointer."""
    registry, served = Registry(), []
    watch = ModelWatch(registry.look, registry.open)

    async def look() -> None:
        for pointer in pointers:
            registry.pointer = pointer
            await watch.look(lambda engine: served.append(engine.model))

    asyncio.run(look())
    return watch, registry, served


def test_each_move_of_the_pointer_is_followed_once_in_a_thread_of_its_own() -> None:
    watch, registry, served = follow("a", "a", "b", "a", None)
    assert served == registry.opened == ["a", "b", "a", "None"]
    assert threading.get_ident() not in registry.threads
    assert (watch.figures.n_swapped, watch.figures.n_refused) == (4, 0)


def test_a_model_that_cannot_be_opened_leaves_the_old_one_serving_and_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        watch, registry, served = follow("a", "bad", "bad", "bad", "crash")
    assert served == ["a"]
    assert registry.opened == ["a", "bad", "crash"]
    assert [record.getMessage() for record in caplog.records] == [
        "the model that the registry points at does not serve, the one before it goes on: "
        "bad is not what its manifest says",
        "the model that the registry points at does not serve, the one before it goes on: KeyError('weights')",
    ]
    assert (watch.figures.n_swapped, watch.figures.n_refused) == (1, 2)
    assert watch.figures.refusal == "KeyError('weights')"


def test_a_refusal_ends_with_the_next_model_that_opens() -> None:
    watch, _, served = follow("unreadable", "unreadable", "a")
    assert served == ["a"]
    assert (watch.figures.n_refused, watch.figures.refusal) == (1, "")


def test_a_model_that_fails_on_plain_texts_never_serves() -> None:
    class Dumb(Version):
        def prepare(self, texts: Sequence[str]) -> list[NullRow | RejectError]:
            return [RejectError("classification_failed", "no")] * len(texts)

    served: list[Engine] = []
    pointers = iter(["a", "b"])
    watch = ModelWatch(lambda: next(pointers), lambda: Dumb("dumb"))
    asyncio.run(watch.look(served.append))
    assert served == []
    assert watch.figures.refusal == "model dumb cannot read a plain text"


def test_a_thread_that_gives_way_rests_as_long_as_it_has_computed_and_others_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rests: list[float] = []
    monkeypatch.setattr(time, "sleep", rests.append)

    def compute_and_breathe() -> None:
        cpu = time.thread_time()
        while time.thread_time() - cpu < 0.02:
            pass
        breathe()

    def gives_way() -> None:
        give_way()
        compute_and_breathe()

    compute_and_breathe()
    thread = threading.Thread(target=gives_way)
    thread.start()
    thread.join()
    assert len(rests) == 1
    assert rests[0] >= 0.02


def test_only_the_default_model_of_a_registry_is_watched(tmp_path: Path) -> None:
    assert model_watch(load()) is None
    assert model_watch(load(registry=str(tmp_path), model="null")) is None
    assert isinstance(model_watch(load(registry=str(tmp_path))), ModelWatch)
