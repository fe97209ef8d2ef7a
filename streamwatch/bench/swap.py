"""What an exchange of the model costs under load: documents lost, and the longest pause beside the same run without one.

Two models lie in a registry: the one to measure, and the same one with one bias a hundredth larger. A pause is the
time between two answers; documents come evenly, so that without an exchange pauses are as short as batches. A machine has pauses
of its own, so the longest is given of the whole run, and of the seconds of the exchange beside the same seconds without one.

Examples:
    >>> longest_ms([0, 10, 250, 260, 900])
    640
    >>> longest_ms([0, 10, 250, 260, 900], Span(100, 255))
    240
    >>> slowest([0, 10, 250, 260, 900], n=2)
    [{'after_s': 0.26, 'pause_ms': 640}, {'after_s': 0.01, 'pause_ms': 240}]
"""

import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from safetensors.torch import load_file

from streamwatch.bench.cores import pinned_apart
from streamwatch.bench.desk import Desk, Lived, running_desk
from streamwatch.config import load
from streamwatch.errors import FatalError
from streamwatch.inference.opening import adapter_folder
from streamwatch.inference.swap import POLL_S
from streamwatch.models.adapter import write_adapter
from streamwatch.models.manifest import ADAPTER_FILE, read_manifest, write_manifest
from streamwatch.models.registry import add, promote

WARM_DOCUMENTS = 200
NOW = "2026-01-05T08:00:00Z"
WHY = "a benchmark of the exchange itself"
"""Written into the pointer; nothing depends on it."""
ROUNDING = 1.01
"""Between the two models: more than the file's float16 hides, less than what changes labels."""
SETTLED_S = 2.0
"""After the first answer of the new model: what it does for the first time is behind it."""
SHOWN = 5
"""Pauses that are listed: whether the exchange is among the worst is seen, and when the others were."""
Say = Callable[[str], None]


class Span(NamedTuple):
    """From one time to another, in ms."""

    from_ms: float
    to_ms: float


class Exchange(msgspec.Struct, frozen=True):
    """What is measured: `share` of the highest rate for `seconds` without an exchange, and again with one in the middle."""

    share: float = 0.5
    seconds: float = 40.0
    n_backlog: int = 2000
    model: str = "default"
    pin: bool = True


def bench(texts: list[str], plan: Exchange, say: Say) -> dict[str, Any]:
    """{"without": {…}, "with": {…}}: documents lost, longest pause, answers by model, latencies."""
    with ExitStack() as stack:
        cores = stack.enter_context(pinned_apart(plan.pin))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        first, second = two_models(adapter_folder(load(model=plan.model)), folder)
        registry = folder / "registry"
        promote(registry, first, NOW, force=WHY)
        desk = stack.enter_context(running_desk(texts, cores, model="default", registry=str(registry)))
        return _measured(desk, plan, say, lambda: promote(registry, second, NOW, force=WHY))


def two_models(source: Path, folder: Path) -> tuple[str, str]:
    """A registry in `folder` with the model of `source` and one that differs from it by a rounding; their ids."""
    other = folder / "other"
    shutil.copytree(source, other)
    weights = load_file(source / ADAPTER_FILE)
    name = next(name for name in weights if name.endswith("bias"))
    adapter = write_adapter(other, weights | {name: weights[name] * ROUNDING})
    write_manifest(other, msgspec.structs.replace(read_manifest(source), adapter=adapter))
    return add(folder / "registry", source), add(folder / "registry", other)


def _measured(desk: Desk, plan: Exchange, say: Say, exchange: Callable[[], object]) -> dict[str, Any]:
    desk.backlog(WARM_DOCUMENTS)
    say(f"a backlog of {plan.n_backlog} documents")
    rate = plan.share * desk.backlog(plan.n_backlog)
    say(f"{rate:.0f} documents/s for {plan.seconds:g} s, one model")
    without = desk.live(rate, plan.seconds, even=True)
    say(f"the same with an exchange after {plan.seconds / 2:g} s")
    moving = _Moving(exchange)
    lived = desk.live(rate, plan.seconds, even=True, half_way=moving.start)
    moved_ms = moving.ended_ms()
    return {
        "documents_per_second": rate,
        "without": _figures(without),
        "with": _figures(lived),
        "exchange": _of_the_exchange(lived, without, moved_ms) | {"poll_s": POLL_S},
    }


class _Moving:
    """Moves the pointer in a thread: its files are hashed first, and meanwhile documents have to come as before."""

    def __init__(self, exchange: Callable[[], object]) -> None:
        self._moved_ms: list[int] = []
        self._exchange = exchange
        self._thread = threading.Thread(target=self._move, name="promote")
        self.start = self._thread.start

    def _move(self) -> None:
        self._exchange()
        self._moved_ms.append(time.time_ns() // 1_000_000)

    def ended_ms(self) -> int:
        """When the pointer had moved. Raises `FatalError` when it could not be."""
        self._thread.join()
        if not self._moved_ms:
            raise FatalError("the pointer was not moved: see the error above")
        return self._moved_ms[0]


def _figures(lived: Lived) -> dict[str, Any]:
    times = _times(lived)
    return lived.figures | {
        "documents": lived.n_sent,
        "documents_lost": lived.n_sent - len({answer.document for answer in lived.answers}),
        "documents_doubled": len(lived.answers) - len({answer.document for answer in lived.answers}),
        "longest_pause_ms": longest_ms(times),
        "slowest": slowest(times),
        "answers_by_model": dict(Counter(answer.model for answer in lived.answers)),
    }


def _of_the_exchange(lived: Lived, without: Lived, moved_ms: int) -> dict[str, Any]:
    """From the move of the pointer until the new model has settled: the longest pause, and that of these seconds without."""
    first, times, others = lived.answers[0].model, _times(lived), _times(without)
    new = [answer.at_ms for answer in lived.answers if answer.model != first]
    if not new:
        return {"exchanged_after_s": None}
    span = Span(moved_ms, new[0] + SETTLED_S * 1000)
    earlier = times[0] - others[0]
    return {
        "exchanged_after_s": (new[0] - moved_ms) / 1000,
        "seconds": [round((at - times[0]) / 1000, 1) for at in span],
        "longest_pause_ms": longest_ms(times, span),
        "longest_pause_without_ms": longest_ms(others, Span(*(at - earlier for at in span))),
    }


def _times(lived: Lived) -> list[int]:
    return [answer.at_ms for answer in lived.answers]


def longest_ms(times: Sequence[int], span: Span | None = None) -> int:
    """The longest time between two answers, of those that reach into the span; 0 where there is none."""
    pauses = [
        after - before
        for before, after in pairwise(times)
        if span is None or (after > span.from_ms and before < span.to_ms)
    ]
    return max(pauses, default=0)


def slowest(times: Sequence[int], n: int = SHOWN) -> list[dict[str, Any]]:
    """The `n` longest pauses, and how long after the first answer each began."""
    pauses = sorted(((after - before, before) for before, after in pairwise(times)), reverse=True)[:n]
    return [{"after_s": round((before - times[0]) / 1000, 2), "pause_ms": pause} for pause, before in pauses]
