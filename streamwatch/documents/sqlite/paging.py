"""One page of a query, plain or folded.

Folded, a text is shown once, by its newest document of the query. Whether a document is that one is asked of the rows that
share its text, so a page needs no memory of the pages before it.

A cursor is the day and place of the page's last document:

    >>> cursor_of((20_000, 33)), place_of("20000.33")
    ('20000.33', (20000, 33))
    >>> place_of("20000")
    Traceback (most recent call last):
      ...
    streamwatch.errors.ConfigError: cursor='20000': no page gave it
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from streamwatch.documents.sqlite.asking import ROW, Asked
from streamwatch.documents.sqlite.days import LAST_PLACE
from streamwatch.errors import ConfigError

FIRST_LOOK = 200
MOST_A_LOOK = 20_000
"""Places that are looked through at once when texts are folded; it grows while copies follow each other."""
Place = tuple[int, int]
"""Day and place in it."""
_CURSOR = re.compile(r"(-?\d{1,7})\.(\d{1,16})")


class Picked(NamedTuple):
    """A document of the page: where it was found, its row, and how many share its text."""

    asked: Asked
    row: Any
    n_copies: int


def cursor_of(place: Place) -> str:
    """The cursor of a page that ends here."""
    return f"{place[0]}.{place[1]}"


def place_of(cursor: str | None) -> Place | None:
    """Where a page ended. Raises `ConfigError`."""
    if cursor is None:
        return None
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise ConfigError(f"cursor={cursor[:40]!r}: no page gave it")
    return int(match[1]), int(match[2])


def before(days: Sequence[Asked], last: Place | None) -> Iterator[Asked]:
    """What of `days` comes after the page that ended at `last`."""
    for asked in days:
        if last is None or asked.day < last[0]:
            yield asked
        elif asked.day == last[0]:
            yield asked.between(0, last[1] - 1)


def plain_page(days: Sequence[Asked], last: Place | None, limit: int) -> list[Picked]:
    """The `limit` newest documents after `last`."""
    page: list[Picked] = []
    for asked in before(days, last):
        page += [Picked(asked, row, 1) for row in asked.newest_first(ROW, limit - len(page))]
        if len(page) == limit:
            break
    return page


def folded_page(days: Sequence[Asked], last: Place | None, limit: int) -> list[Picked]:
    """The `limit` newest texts whose newest document comes after `last`, each with how many documents it has."""
    chosen: dict[int, tuple[Asked, int]] = {}
    met: set[int] = set()
    fresh: dict[int, tuple[Asked, int]] = {}
    for asked, place, key in _texts(days, last):
        if key in met:
            continue
        met.add(key)
        fresh[key] = asked, place
        if len(chosen) + len(fresh) == limit:
            chosen |= _not_shown(days, last, fresh)
            fresh = {}
            if len(chosen) == limit:
                break
    return _picked(days, chosen | _not_shown(days, last, fresh))


def _texts(days: Sequence[Asked], last: Place | None) -> Iterator[tuple[Asked, int, int]]:
    """Day, place and text of the documents after `last`, the newest first, in looks that grow."""
    for asked in before(days, last):
        n_look, rest = FIRST_LOOK, asked
        while found := rest.newest_first(f"{asked.place}, documents.text_key", n_look):
            yield from ((asked, place, key) for place, key in found)
            if len(found) < n_look:
                break
            rest, n_look = rest.between(0, found[-1][0] - 1), min(n_look * 4, MOST_A_LOOK)


def _not_shown(
    days: Sequence[Asked], last: Place | None, fresh: dict[int, tuple[Asked, int]]
) -> dict[int, tuple[Asked, int]]:
    """Those whose text has no newer document on an earlier page."""
    if last is None or not fresh:
        return fresh
    shown: set[int] = set()
    for asked in days:
        if asked.day < last[0]:
            break
        earlier = asked.between(last[1] if asked.day == last[0] else 0, LAST_PLACE)
        shown.update(earlier.n_copies(list(fresh)))
    return {key: where for key, where in fresh.items() if key not in shown}


def _picked(days: Sequence[Asked], chosen: dict[int, tuple[Asked, int]]) -> list[Picked]:
    copies: Counter[int] = Counter()
    for asked in days:
        copies.update(asked.n_copies(list(chosen)))
    return [
        Picked(
            asked, asked.db.execute(f"SELECT {ROW} FROM documents WHERE place = ?", (place,)).fetchone(), copies[key]
        )
        for key, (asked, place) in chosen.items()
    ]
