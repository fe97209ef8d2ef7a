"""A fair remainder of all that was learned: equal room for every class and month, and within these a draw by hash.

A plain reservoir keeps the stream's shares, so that a class of one per cent is soon a handful of texts. Here each stratum (class
and month) gets the same room, and what a small one does not fill goes to the others. Within one the texts with the
smallest hashes stay (bottom-k sampling; Cohen and Kaplan, PODC 2007): the draw depends on no order and on no state, two
reservoirs merge into the one of all texts, and a text that comes twice is there once.

Examples:
    >>> shared_out({"bank/2026-01": 2, "oil/2026-01": 50, "oil/2026-02": 50}, room=20)
    {'bank/2026-01': 2, 'oil/2026-01': 9, 'oil/2026-02': 9}
    >>> room(n_seen=600), room(n_seen=2_000_000)
    (60, 50000)
"""

from collections.abc import Iterable, Mapping

SHARE_OF_SEEN = 0.1
MOST = 50_000
"""The smaller of both bounds what is kept: a tenth of what was learned, 50,000 texts (some 15 MB) at most."""


def room(n_seen: int) -> int:
    """How many texts are kept when `n_seen` different ones were learned."""
    return min(int(SHARE_OF_SEEN * n_seen), MOST)


def shared_out(sizes: Mapping[str, int], room: int) -> dict[str, int]:
    """How many of each stratum are kept: the same number of all, all of those that have fewer.

    What does not divide goes to the largest, the last by name of several.
    """
    left, kept = room, {}
    by_size = sorted(sizes, key=lambda name: (sizes[name], name))
    for i, name in enumerate(by_size):
        kept[name] = min(sizes[name], left // (len(by_size) - i))
        left -= kept[name]
    return dict(sorted(kept.items()))


def drawn(strata: Mapping[str, Iterable[str]], room: int) -> set[str]:
    """Which hashes stay, of those that each stratum holds.

    >>> sorted(drawn({"oil": ["c", "a", "b"], "bank": ["d"]}, room=3))
    ['a', 'b', 'd']
    """
    members = {name: sorted(set(hashes)) for name, hashes in strata.items()}
    sizes = shared_out({name: len(hashes) for name, hashes in members.items()}, room)
    return {one for name, hashes in members.items() for one in hashes[: sizes[name]]}
