"""How soon under load: from arrival to classified record at shares of the highest rate, and under a burst above it.

The highest rate is the one that the worker keeps up with live (`streamwatch.bench.sustained`), found first, from the rate of a
backlog on. Documents come at random times (exponential gaps, as independent posts do), each text once. Both times are
Kafka's own: of the source record and of the classified one.

The worker remembers few texts here, so that its cache is full before the shares begin: memory that still grows then grows
for ever. What the cache of a worker with the usual settings takes when it is full is said in docs/benchmarks.md.
"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import msgspec

from streamwatch.bench.cores import pinned_apart
from streamwatch.bench.desk import Desk, running_desk
from streamwatch.bench.memory import growth, series
from streamwatch.bench.sustained import sustained
from streamwatch.errors import FatalError

WARM_DOCUMENTS = 200
REMEMBERED = 2000
"""Texts: fewer than the backlog has."""
Say = Callable[[str], None]


class Load(msgspec.Struct, frozen=True):
    """What is measured.

    Attributes:
        shares: of the highest rate, each for `seconds`.
        burst: the rate of the burst, in highest rates; it lasts `burst_s`. 0: none.
        n_backlog: documents whose rate the search for the highest live rate begins with.
        highest: that rate, where it is known; 0: it is searched.
        pin: whether the worker gets a core to itself, and broker and Redis the others.
    """

    shares: tuple[float, ...]
    seconds: float = 30.0
    burst: float = 2.0
    burst_s: float = 30.0
    n_backlog: int = 3000
    highest: float = 0.0
    model: str = "default"
    pin: bool = True


def bench(texts: list[str], plan: Load, say: Say) -> dict[str, Any]:
    """{"max_documents_per_second", "20 %": {n, p50_s, p99_s, max_s, cores, …}, …, "burst": …, "memory": {…}}."""
    with ExitStack() as stack:
        cores = stack.enter_context(pinned_apart(plan.pin))
        chosen = {"model": plan.model, "prediction_cache": REMEMBERED}
        desk = stack.enter_context(running_desk(texts, cores, **chosen))
        return {"pinned": cores is not None, **_measured(desk, plan, say)}


def _measured(desk: Desk, plan: Load, say: Say) -> dict[str, Any]:
    desk.backlog(WARM_DOCUMENTS)
    say(f"a backlog of {plan.n_backlog} documents")
    backlog = desk.backlog(plan.n_backlog)
    highest = plan.highest or sustained(desk, backlog, say)
    if not highest:
        raise FatalError(f"the worker keeps up with no rate, but did {backlog:.0f} documents/s of a backlog")
    desk.memory.clear()
    figures: dict[str, Any] = {"backlog_documents_per_second": backlog, "max_documents_per_second": highest}
    for share in plan.shares:
        say(f"{share:.0%} of {highest:.0f} documents/s for {plan.seconds:g} s")
        figures[f"{share:.0%}"] = desk.live(share * highest, plan.seconds).figures
    before_burst = len(desk.memory)
    if plan.burst:
        say(f"{plan.burst:g} times {highest:.0f} documents/s for {plan.burst_s:g} s")
        figures["burst"] = desk.live(plan.burst * highest, plan.burst_s).figures
    return figures | {"memory": _memory(desk, before_burst)}


def _memory(desk: Desk, before_burst: int) -> dict[str, Any]:
    """How memory went at the shares, and how it went on."""
    return growth(desk.memory[:before_burst]) | {"after_burst_mb": desk.rss_mb(), "series": series(desk.memory)}
