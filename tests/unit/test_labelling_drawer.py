"""The drawer beside the evaluator: what was drawn becomes records, and an hour of drift brings the most unlike documents."""

import asyncio
from collections.abc import Iterable

import msgspec

from streamwatch.agents.drawer import NAME, Drawer
from streamwatch.alerting.voices import Voice
from streamwatch.config import Settings
from streamwatch.labelling.chance import draw_number
from streamwatch.labelling.examples import PREDICTION
from streamwatch.records import Classified, DriftSample
from streamwatch.timeline import HOUR_MS

N = 400
STRANGE = (7, 123, 250, 311, 399)


class Log:
    """Records of `classified`, as a reader of evidence gives them; those below `first` are deleted."""

    def __init__(self, first: int = 0) -> None:
        self.first = first

    async def records(self, places: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Classified]:
        return {place: record(place[1]) for place in places if place[1] >= self.first}


class Kept:
    """What the store keeps beside the evaluator."""

    def __init__(self, fields: dict[str, bytes]) -> None:
        self._fields = fields

    async def beside(self, name: str) -> bytes:
        return self._fields.get(name, b"")


def record(n: int) -> Classified:
    """Document n; the strange ones lie far away, each in a direction of its own."""
    point = bytearray(64)
    point[n % 8] = n % 5
    if n in STRANGE:
        point[10 + STRANGE.index(n)] = 100
    said = msgspec.structs.replace(PREDICTION, projection=bytes(point))
    return Classified(
        outcome="classified", source_channel="news", source_partition=0, source_offset=n, follows=n - 1, observed_ms=0,
        id=f"d{n}", text=f"text {n}", published_ms=n, prediction=said,
    )  # fmt: skip


VOICES = [
    Voice(f"t{n:03d}", "neutral", ("all",), "", 0, n, 1, draw=draw_number(f"d{n}", ""), doubt=40) for n in range(N)
]


def drawn(log: Log, *steps: tuple[int, list[Voice]], drifting: bool = True) -> list[DriftSample]:
    """The samples of these steps, the state read again before each."""

    async def run() -> list[DriftSample]:
        found, kept = [], Kept({})
        for step in steps:
            drawer = Drawer(Settings(), log)  # type: ignore[arg-type]
            await drawer.load(kept)  # type: ignore[arg-type]
            found += await drawer.draw([step], drifting)
            assert list(drawer.state) == [NAME]
            kept = Kept(drawer.state)
        return found

    return asyncio.run(run())


def test_what_is_drawn_becomes_a_sample_of_its_record() -> None:
    [*found] = drawn(Log(), (0, VOICES), drifting=False)
    assert found
    assert all(one.text == f"text {one.source_offset}" and one.id == f"d{one.source_offset}" for one in found)
    assert {one.drawn_as for one in found} <= {"uniform", "margin"}


def test_the_strangest_of_an_hour_of_drift_come_when_it_is_over() -> None:
    found = drawn(Log(), (0, VOICES), (HOUR_MS, []))
    novel = [one.source_offset for one in found if one.drawn_as == "novel"]
    by_hash = {one.source_offset for one in found if one.drawn_as != "novel"}
    candidates = set(STRANGE) - by_hash
    assert 1 <= len(novel) <= 5
    assert not set(novel) & by_hash
    assert set(novel) & candidates == set(
        novel[: len(set(novel) & candidates)]
    )  # the strange first, as far as they stood
    assert not [one for one in drawn(Log(), (0, VOICES), (HOUR_MS, []), drifting=False) if one.drawn_as == "novel"]


def test_what_retention_has_deleted_is_left_out() -> None:
    whole, rest = drawn(Log(), (0, VOICES), drifting=False), drawn(Log(first=200), (0, VOICES), drifting=False)
    assert rest == [one for one in whole if one.source_offset >= 200]


def test_where_a_step_ended_leaves_no_trace() -> None:
    buckets = [
        (0, VOICES[:200]),
        (10_000, [msgspec.structs.replace(one, offset=N - 1 - one.offset) for one in VOICES[200:]]),
    ]

    async def state(*steps: list[tuple[int, list[Voice]]]) -> dict[str, bytes]:
        drawer = Drawer(Settings(), Log())  # type: ignore[arg-type]
        for step in steps:
            assert await drawer.draw(step)
        return drawer.state

    assert asyncio.run(state(buckets)) == asyncio.run(state(*([one] for one in buckets)))
