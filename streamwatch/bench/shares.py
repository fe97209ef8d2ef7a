"""How soon under load: from arrival to classified record at shares of the highest rate, and under a burst above it.

The highest rate is measured first, over a backlog. Then documents come at random times (exponential gaps, as independent
posts do), each text once. Both times are Kafka's own: of the source record and of the classified one.
"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import msgspec

from streamwatch.bench.cores import pinned_apart
from streamwatch.bench.desk import Desk, running_desk

WARM_DOCUMENTS = 200
Say = Callable[[str], None]


class Load(msgspec.Struct, frozen=True):
    """What is measured.

    Attributes:
        shares: of the highest rate, each for `seconds`.
        burst: the rate of the burst, in highest rates; it lasts `burst_s`. 0: none.
        n_backlog: documents over which the highest rate is measured.
        pin: whether the worker gets a core to itself, and broker and Redis the others.
    """

    shares: tuple[float, ...]
    seconds: float = 30.0
    burst: float = 2.0
    burst_s: float = 30.0
    n_backlog: int = 3000
    model: str = "default"
    pin: bool = True


def bench(texts: list[str], plan: Load, say: Say) -> dict[str, Any]:
    """{"max_documents_per_second", "20 %": {n, p50_s, p99_s, max_s, rss_mb, cpu}, …, "burst": …, "rss_mb": {before, after}}."""
    with ExitStack() as stack:
        cores = stack.enter_context(pinned_apart(plan.pin))
        desk = stack.enter_context(running_desk(texts, cores, model=plan.model))
        return {"pinned": cores is not None, **_measured(desk, plan, say)}


def _measured(desk: Desk, plan: Load, say: Say) -> dict[str, Any]:
    desk.backlog(WARM_DOCUMENTS)
    say(f"a backlog of {plan.n_backlog} documents")
    highest = desk.backlog(plan.n_backlog)
    before = desk.rss_mb()
    figures: dict[str, Any] = {"max_documents_per_second": highest}
    for share in plan.shares:
        say(f"{share:.0%} of {highest:.0f} documents/s for {plan.seconds:g} s")
        figures[f"{share:.0%}"] = desk.live(share * highest, plan.seconds).figures
    if plan.burst:
        say(f"{plan.burst:g} times {highest:.0f} documents/s for {plan.burst_s:g} s")
        figures["burst"] = desk.live(plan.burst * highest, plan.burst_s).figures
    return figures | {"rss_mb": {"before": before, "after": desk.rss_mb()}}
