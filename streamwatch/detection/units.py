"""In whose units the baselines of a series are kept, and which version is coming.

A baseline is a number of some model: what share *it* calls negative. When documents of another version come, a `guest`,
they are judged against the baseline translated into the guest's units, each bucket by its documents of each version, and
they teach the baseline by how far they lie from there. So a worker that swaps before another does no harm, nor does one
document of the old version after a hundred of the new.

With `TAKES_OVER` documents the guest has shown what it says of this series: the baselines are rewritten in its units. Until
then the bound of what is usual holds the error of the measured shift.

Examples:
    >>> units = Units()
    >>> units.receive({7: 3}), units.version             # the first documents of the series
    ('', 7)
    >>> units.receive({7: 40}), units.receive({7: 2, 8: 1}), units.receive({8: 400})
    ('', 'arrived', '')
    >>> units.receive({8: 99}), (units.version, units.guest, units.newest)
    ('takes_over', (7, 8, 8))
    >>> units.take_over()
    >>> units.receive({7: 1}), (units.version, units.guest)
    ('arrived', (8, 7))
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from streamwatch.detection.versions import NO_VERSION

TAKES_OVER = 500
"""Documents of the new version in the series: a share of .3 is known to ±.04 by then, before overdispersion."""

What = Literal["", "arrived", "takes_over"]


class Units(msgspec.Struct, array_like=True):
    """`version` is `NO_VERSION` before the first document, `guest` while no other version has come."""

    version: int = NO_VERSION
    guest: int = NO_VERSION
    n_guest: int = 0

    @property
    def newest(self) -> int:
        """The version that came last."""
        return self.guest or self.version

    def receive(self, n_by_version: Mapping[int, int]) -> What:
        """Documents of one bucket: whether a guest `arrived`, or is to take over now."""
        counts = {version: n for version, n in n_by_version.items() if version != NO_VERSION}
        if self.version == NO_VERSION and counts:
            self.version = _most(counts)
        counts.pop(self.version, None)
        if not counts:
            return ""
        came = _most(counts)
        arrived = came != self.guest
        if arrived:
            self.guest, self.n_guest = came, 0
        self.n_guest += counts[came]
        return "arrived" if arrived else "takes_over" if self.n_guest >= TAKES_OVER else ""

    def take_over(self) -> None:
        """The guest's units are those of the series from now on."""
        self.version, self.guest, self.n_guest = self.guest, NO_VERSION, 0


def _most(counts: Mapping[int, int]) -> int:
    """The version with most documents; of equals the largest code, so that their order does not matter."""
    return max(counts, key=lambda version: (counts[version], version))


def regrouped(guests: Mapping[int, int], n: int, old: int, new: int) -> dict[int, int]:
    """The guests of an open bucket of `n` documents when the units change from `old` to `new`.

    >>> regrouped({8: 3, 9: 1}, n=10, old=7, new=8)
    {9: 1, 7: 6}
    """
    own = n - sum(guests.values())
    rest = {version: count for version, count in guests.items() if version != new}
    return rest | ({old: own} if own else {})
