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
    >>> room.take("a"), room.take("b"), roster.close_hour(room, watched={"a", "b"}, staying=set())
    (None, None, ['b'])
    >>> room.give_back("b"), roster.admit("b", room), roster.admit("c", room), roster.n_turned_away
    (None, False, True, 0)
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
    """Who has how many documents.

    Attributes:
        hour: that is running, −1 before its first document.
        weights: of the watched series, and of the newcomers that may be, as the hour `weighed` closed.
        heard: in the running hour, of all.
        n_turned_away: how many had no place in the last one.
        places: kept for newcomers, until they write again or the next hour closes.
    """

    hour: int = -1
    weights: dict[str, float] = {}
    heard: dict[str, int] = {}
    n_turned_away: int = 0
    weighed: int = -1
    places: list[str] = []

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

    def close_hour(self, room: Room, watched: Collection[str], staying: Collection[str]) -> list[str]:
        """The running hour has ended: the watched series that must make room, by name. Newcomers that may be get a place."""
        for name in self.places:
            room.give_back(name)
        kept = KEPT_AN_HOUR ** (self.hour - self.weighed)
        everyone = {name: self.weights.get(name, 0.0) * kept + self.heard.get(name, 0) for name in watched}
        newcomers = {name: float(n) for name, n in self.heard.items() if name not in everyone}
        everyone |= newcomers
        ranked = sorted(everyone, key=lambda name: (name not in staying, -everyone[name], name))
        chosen = room.choose(ranked) | set(staying)
        self.weights = {name: everyone[name] for name in sorted(chosen)}
        self.places = sorted(chosen & newcomers.keys())
        for name in self.places:
            room.take(name)
        self.n_turned_away = len(newcomers) - len(self.places)
        self.heard, self.hour, self.weighed = {}, -1, self.hour
        return [name for name in sorted(watched) if name not in chosen]

    def admit(self, name: str, room: Room) -> bool:
        """Whether a series that is not watched is from now on: a place was kept for it, or there is room, which it takes."""
        if name in self.places:
            self.places.remove(name)
            return True
        if not room.fits(name):
            return False
        room.take(name)
        return True
