"""Where documents lie: a file for each day of publication, and in it a place by second and arrival.

A place is a number that orders the documents of a day: the second in its upper bits, below them the how-manieth of its
second a document was to arrive, and in the last three bits what it counts as. So a page is a range of places read
backwards, counting by steps of time and sentiment reads the full-text index and no row, and the lists of that index,
which hold differences of places, stay short.

Examples:
    >>> file_name(20_000), day_of("2024-10-04.sqlite"), day_of("index.sqlite")
    ('2024-10-04.sqlite', 20000, None)
    >>> first_place(61_500) == 61 << SECOND_BITS
    True
    >>> place = place_at(first_place(61_500), 2, "negative", news=True)
    >>> place >> SECOND_BITS, number_of(place), CODES[place & CODE_MASK]
    (61, 2, ('negative', True))
    >>> places_between(20_000, 20_000 * DAY_MS + 1_500, None) == (1 << SECOND_BITS, LAST_PLACE)
    True
"""

from datetime import date, timedelta
from pathlib import Path

from streamwatch.timeline import DAY_MS, SECOND_MS

SECOND_BITS = 24
CODE_BITS = 3
"""Between them two million documents of one second: a provider that dates by the day puts a whole day's into one."""
CODE_MASK = (1 << CODE_BITS) - 1
CODES = tuple((sentiment, news) for news in (False, True) for sentiment in ("", "negative", "neutral", "positive"))
"""What the last bits say: the sentiment as counted, empty where the document was not read, and whether it came by `news`."""
MOST_OF_A_SECOND = 1 << (SECOND_BITS - CODE_BITS)
LAST_PLACE = (DAY_MS // SECOND_MS << SECOND_BITS) - 1
SUFFIX = ".sqlite"
LEDGER = "index.sqlite"
_EPOCH = date(1970, 1, 1)


def file_name(day: int) -> str:
    """The file of a day (days since 1970)."""
    return f"{_EPOCH + timedelta(days=day)}{SUFFIX}"


def day_of(name: str) -> int | None:
    """The day of a file; None for files that are no day's."""
    try:
        return (date.fromisoformat(name.removesuffix(SUFFIX)) - _EPOCH).days if name.endswith(SUFFIX) else None
    except ValueError:
        return None


def days_in(folder: Path) -> dict[int, Path]:
    """The day files of a folder, the newest first; none where there is no folder."""
    if not folder.is_dir():
        return {}
    found = {day: path for path in folder.iterdir() if (day := day_of(path.name)) is not None}
    return dict(sorted(found.items(), reverse=True))


def files_of(path: Path) -> list[Path]:
    """A database and what SQLite keeps beside it while it is open."""
    return [path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))]


def first_place(ms_of_day: int) -> int:
    """The first place of the second that holds this millisecond."""
    return ms_of_day // SECOND_MS << SECOND_BITS


def place_at(first: int, number: int, sentiment: str, *, news: bool) -> int:
    """The place of the document with this number in the second that begins at `first`."""
    return first + (number << CODE_BITS) + CODES.index((sentiment, news))


def number_of(place: int) -> int:
    """The how-manieth of its second a document was to arrive, from 0."""
    return (place & ((1 << SECOND_BITS) - 1)) >> CODE_BITS


def places_between(day: int, from_ms: int | None, to_ms: int | None) -> tuple[int, int]:
    """The first and last place of a day that a span can need; whole seconds, so bounds inside one need a second look."""
    start_ms = day * DAY_MS
    low = 0 if from_ms is None or from_ms <= start_ms else first_place(min(from_ms - start_ms, DAY_MS))
    high = LAST_PLACE
    if to_ms is not None and to_ms < start_ms + DAY_MS:
        high = first_place(max(to_ms - start_ms, 0) + SECOND_MS - 1) - 1
    return low, high
