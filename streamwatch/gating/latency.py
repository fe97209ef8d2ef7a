"""Whether the candidate costs more: CPU time of both on the same texts, by turns.

A machine's load changes by the second, so the two are measured in pairs, each round in the other order, and the ratio of a
pair counts. The median of the ratios is little moved by what else runs. On a GPU the wall clock is read instead.

Examples:
    >>> from streamwatch.inference.engine import NullEngine
    >>> costs = measured(NullEngine(), NullEngine(), ["$AAPL falls"] * 50, rounds=3)
    >>> 3 <= len(costs) <= MOST_ROUNDS, latency([(1.0, 1.01), (1.1, 1.1), (1.0, 1.2)], n_texts=50).status
    (True, 'passed')
"""

import time
from collections.abc import Callable, Sequence
from statistics import median

from streamwatch.gating.limits import USUAL_LIMITS, Limits
from streamwatch.gating.report import Check, Row, Status
from streamwatch.inference.engine import BATCH_TOKENS, Engine, classify
from streamwatch.text.clean import model_text, stored_text

ROUNDS = 9
"""At least; on a busy machine its spread over repeats of equal models was under 2 %."""
LEAST_S, MOST_ROUNDS = 2.0, 99
"""A small model takes more rounds, until it has computed for so long: a round of its is over in milliseconds, and says little."""
N_TEXTS = 256
"""Two full batches of short texts: some seconds of a core in all."""
Costs = Sequence[tuple[float, float]]


def measured(
    incumbent: Engine, candidate: Engine, texts: Sequence[str], rounds: int = ROUNDS, *, cuda: bool = False
) -> list[tuple[float, float]]:
    """Seconds of the incumbent and of the candidate in each of `rounds` rounds or more; one before them warms up."""
    cleaned = [model_text(stored_text(text)) for text in texts]
    clock = time.perf_counter if cuda else time.process_time
    engines = (incumbent, candidate)
    for engine in engines:
        classify(engine, cleaned, BATCH_TOKENS)
    found: list[tuple[float, float]] = []
    while len(found) < rounds or (len(found) < MOST_ROUNDS and sum(map(sum, found)) < LEAST_S):
        order = (0, 1) if len(found) % 2 == 0 else (1, 0)
        cost = {k: _cost(engines[k], cleaned, clock) for k in order}
        found.append((cost[0], cost[1]))
    return found


def _cost(engine: Engine, texts: Sequence[str], clock: Callable[[], float]) -> float:
    began = clock()
    classify(engine, texts, BATCH_TOKENS)
    return clock() - began


def latency(costs: Costs, n_texts: int, limits: Limits = USUAL_LIMITS) -> Check:
    """Whether the median ratio is within its bound."""
    ratios = sorted(candidate / max(incumbent, 1e-9) for incumbent, candidate in costs)
    ratio = median(ratios)
    before, after = (1000 * median(cost[k] for cost in costs) / max(n_texts, 1) for k in (0, 1))
    row = Row("ms a text", len(costs), before, after, ratio, ratios[0], ratios[-1], failed=ratio > limits.latency_ratio)
    says = f"{ratio:.2f} times the incumbent's time over {len(costs)} rounds, {limits.latency_ratio:.2f} is allowed"
    status: Status = "failed" if row.failed else "passed"
    return Check("latency", "It costs no more", status, says, n_texts, limit=limits.latency_ratio, rows=(row,))
