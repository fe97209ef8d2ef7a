"""What an exchange of the model costs under load: documents lost, and the longest pause beside the same run without one.

Two models lie in a registry: the one to measure, and the same one with one bias a hundredth larger. A pause is the
time between two answers; documents come evenly, so that without an exchange pauses are as short as batches.
"""

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
from safetensors.torch import load_file

from streamwatch.bench.cores import pinned_apart
from streamwatch.bench.desk import Desk, Lived, running_desk
from streamwatch.config import load
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
Say = Callable[[str], None]


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
    without = _figures(desk.live(rate, plan.seconds, even=True))
    moved_ms: list[int] = []

    def move() -> None:
        exchange()
        moved_ms.append(time.time_ns() // 1_000_000)

    say(f"the same with an exchange after {plan.seconds / 2:g} s")
    lived = desk.live(rate, plan.seconds, even=True, half_way=move)
    return {
        "documents_per_second": rate,
        "without": without,
        "with": _figures(lived) | {"exchanged_after_s": _exchanged_after_s(lived, moved_ms[0]), "poll_s": POLL_S},
    }


def _figures(lived: Lived) -> dict[str, Any]:
    times = [answer.at_ms for answer in lived.answers]
    pauses = [after - before for before, after in pairwise(times)]
    return lived.figures | {
        "documents": lived.n_sent,
        "documents_lost": lived.n_sent - len({answer.document for answer in lived.answers}),
        "documents_doubled": len(lived.answers) - len({answer.document for answer in lived.answers}),
        "longest_pause_ms": max(pauses),
        "answers_by_model": dict(Counter(answer.model for answer in lived.answers)),
    }


def _exchanged_after_s(lived: Lived, moved_ms: int) -> float | None:
    """From the move of the pointer to the first answer of the new model."""
    first = lived.answers[0].model
    times = [answer.at_ms for answer in lived.answers if answer.model != first]
    return (times[0] - moved_ms) / 1000 if times else None
