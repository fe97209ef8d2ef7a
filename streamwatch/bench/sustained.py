"""The highest rate of live documents that a worker keeps up with.

Not what it does of a backlog: of a backlog every batch is full, every fetch and every produce request is a large one, and
the records that the trend writer has still to count are not waited for. Documents that come one by one cost more each.

Examples:
    >>> round(highest_rate(lambda rate: rate <= 700, guess=1000))
    694
    >>> highest_rate(lambda rate: False, guess=1000)
    0.0
"""

from collections.abc import Callable

from streamwatch.bench.desk import Desk

ABOVE = 1.2
"""The first rate that is taken for too high, in rates of the backlog."""
HALVINGS = 6
"""Of what lies between: the rate is found to two parts in a hundred of the backlog's."""
TRY_S = 15.0
DONE_S = 1.0
"""How long after its last document a worker that keeps up has counted everything: some tenths of a second are its latency.
One that is short of 3 % has half a second of documents more before it by then."""
Say = Callable[[str], None]


def highest_rate(keeps_up: Callable[[float], bool], guess: float) -> float:
    """The highest rate found that is kept up with, by halving between nothing and somewhat more than `guess`."""
    low, high = 0.0, guess * ABOVE
    for _ in range(HALVINGS):
        rate = (low + high) / 2
        if keeps_up(rate):
            low = rate
        else:
            high = rate
    return low


def sustained(desk: Desk, guess: float, say: Say) -> float:
    """The highest rate at which all documents are counted within `DONE_S` of the last, after `TRY_S` at random times."""

    def keeps_up(rate: float) -> bool:
        figures = desk.live(rate, TRY_S).figures
        say(f"{rate:.0f} documents/s: all counted {figures['done_after_s']:.1f} s after the last")
        return bool(figures["done_after_s"] <= DONE_S)

    return highest_rate(keeps_up, guess)
