"""The run itself: slice after slice, every variant in turn, none always first."""

from collections.abc import Callable, Sequence

import msgspec

from streamwatch.bench.inference.variant import Opened, Said

Say = Callable[[str], None]


class Timed(msgspec.Struct):
    """What one variant took and said: wall and CPU seconds of each slice, and all labels."""

    n_texts: list[int]
    wall_s: list[float]
    cpu_s: list[float]
    said: Said


def run_rounds(opened: Sequence[Opened], texts: Sequence[str], n_rounds: int, say: Say) -> dict[str, Timed]:
    """Every variant over every slice; by name. The order turns by one place a round."""
    timed = {one.name: Timed([], [], [], {"sentiment": [], "topic": []}) for one in opened}
    for number, part in enumerate(slices(texts, n_rounds)):
        turn = number % len(opened)
        for one in [*opened[turn:], *opened[:turn]]:
            _measure(one, part, timed[one.name])
            say(f"round {number + 1}/{n_rounds}, {one.name}: {len(part) / timed[one.name].wall_s[-1]:,.0f} documents/s")
    return timed


def slices(texts: Sequence[str], n: int) -> list[Sequence[str]]:
    """`texts` in `n` parts, in order, of almost the same size.

    >>> slices("abcde", 2)
    ['abc', 'de']
    """
    size = -(-len(texts) // n)
    return [texts[i : i + size] for i in range(0, len(texts), size)]


def _measure(one: Opened, part: Sequence[str], timed: Timed) -> None:
    found = one.variant.measured(part)
    timed.wall_s.append(found.wall_s)
    timed.cpu_s.append(found.cpu_s)
    timed.n_texts.append(len(part))
    for task, labels in timed.said.items():
        labels.extend(found.said[task])
