"""Which series are watched under the cap.

There is a cap on all series, and each rule has one of its own, by which its threshold was set. While there is room, a
series is watched from its first document on. When there is none, it is decided from merged counts
as an hour of event time closes: a series' weight is its documents, half as heavy after `HALF_LIFE_HOURS`, and a newcomer's
is what it brought in that hour. So who is watched must be outdone by one hour of another, and does not lose its history to
noise. A series that is in an episode stays. Ties go by name.

Names that are heard and not watched are counted for one hour only, and no more than `NAMES_KEPT` of them: beyond that the
rarest half is forgotten. Nothing here depends on the order of documents within a bucket.

Examples:
    >>> roster = Roster()
    >>> for name, n in (("a", 5), ("b", 1)):
    ...     roster.hear(name, n, at_ms=0)
    >>> roster.hear("c", 3, at_ms=0)
    >>> room = Room({"": 2}, lambda name: ("",))
    >>> roster.close_hour(3_600_000, room, watched={"a", "b"}, staying=set())
    ['b']
    >>> room.take("a"), room.take("d"), roster.admits("c", room), roster.admits("b", room), roster.n_turned_away
    (None, None, True, False, 0)
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from streamwatch.timeline import HOUR_MS

HALF_LIFE_HOURS = 72.0
KEPT_AN_HOUR = 0.5 ** (1 / HALF_LIFE_HOURS)
NAMES_KEPT = 4096


class Room:
    """How many series there may be.

    Args:
        caps: by budget.
        drawn_on: which budgets a series draws on: that of all, and those of the rules that own it.
    """

    def __init__(self, caps: Mapping[str, int], drawn_on: Callable[[str], Collection[str]]) -> None:
        self._caps = caps
        self._drawn_on = drawn_on
        self._used: Counter[str] = Counter()

    def take(self, name: str) -> None:
        """The series is watched from now on."""
        self._used.update(self._drawn_on(name))

    def give_back(self, name: str) -> None:
        """It is watched no longer."""
        self._used.subtract(self._drawn_on(name))

    def fits(self, name: str) -> bool:
        """Whether there is room for one more, this one."""
        return all(self._used[budget] < self._caps[budget] for budget in self._drawn_on(name))

    def choose(self, ranked: Iterable[str]) -> set[str]:
        """The first of `ranked` that would fit into an empty room, each beside those before it."""
        empty, chosen = Room(self._caps, self._drawn_on), set()
        for name in ranked:
            if empty.fits(name):
                empty.take(name)
                chosen.add(name)
        return chosen


class Roster(msgspec.Struct, array_like=True):
    """`weights` of the watched series; `heard` in the running hour, of all; how many had no place in the last one."""

    hour: int = -1
    weights: dict[str, float] = {}
    heard: dict[str, int] = {}
    n_turned_away: int = 0

    def hear(self, name: str, n: int, at_ms: int) -> None:
        """Count `n` documents of a series in the bucket at `at_ms`."""
        self.hour = at_ms // HOUR_MS
        self.heard[name] = self.heard.get(name, 0) + n

    def trim(self) -> None:
        """After a bucket: forget the rarest names where there are too many."""
        if len(self.heard) > NAMES_KEPT:
            ranked = sorted(self.heard, key=lambda name: (-self.heard[name], name))
            self.heard = {name: self.heard[name] for name in ranked[: NAMES_KEPT // 2]}

    def closes(self, at_ms: int) -> bool:
        """Whether the running hour ends at or before `at_ms`."""
        return self.hour >= 0 and at_ms // HOUR_MS > self.hour

    def close_hour(self, at_ms: int, room: Room, watched: Collection[str], staying: Collection[str]) -> list[str]:
        """The running hour has ended before `at_ms`: the watched series that must make room, by name."""
        hours = at_ms // HOUR_MS - self.hour
        weights = {name: self.weights.get(name, 0.0) + self.heard.get(name, 0) for name in watched}
        newcomers = {name: float(n) for name, n in self.heard.items() if name not in weights}
        everyone = weights | newcomers
        ranked = sorted(everyone, key=lambda name: (name not in staying, -everyone[name], name))
        chosen = room.choose(ranked) | set(staying)
        self.weights = {name: weights[name] * KEPT_AN_HOUR**hours for name in sorted(weights) if name in chosen}
        self.weights |= {name: newcomers[name] for name in sorted(newcomers) if name in chosen}
        self.n_turned_away = len(newcomers.keys() - chosen)
        self.heard, self.hour = {}, -1
        return sorted(name for name in weights if name not in chosen)

    def admits(self, name: str, room: Room) -> bool:
        """Whether a series that is not watched may be from now on: it was chosen, or there is room."""
        return name in self.weights or room.fits(name)
