"""How many documents a query has, in all and by steps of time, out of the full-text index alone.

A step is a division of the place, and what a document counts as lies in its last bits, so no row is read. The sums are those
of the windows: documents that were not read are counted apart.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

from streamwatch.documents.sqlite.asking import Asked
from streamwatch.documents.sqlite.days import CODE_MASK, CODES, SECOND_BITS
from streamwatch.documents.store import Count, Query
from streamwatch.errors import ConfigError
from streamwatch.timeline import DAY_MS, SECOND_MS

SENTIMENTS = ("negative", "neutral", "positive")


def total_of(days: Iterable[Asked]) -> int:
    """The documents of a query, over its days."""
    return sum(map(_total_of_day, days))


def _total_of_day(asked: Asked) -> int:
    of = (asked.low, asked.high, asked.match, asked.bounds)
    return asked.reader.total(asked.path, of, lambda db: next(asked.select("count(*)"))[0])


def check_whole_seconds(query: Query, step_ms: int) -> None:
    """Raises `ConfigError` where places cannot tell the steps apart."""
    for name, ms in (("step_ms", step_ms), ("from_ms", query.from_ms or 0), ("to_ms", query.to_ms or 0)):
        if ms % SECOND_MS or (name == "step_ms" and ms < SECOND_MS):
            raise ConfigError(f"{name}={ms}: documents are counted in whole seconds")


def counts_of(days: Iterable[Asked], step_ms: int) -> list[Count]:
    """The non-empty steps, in order."""
    steps: dict[int, Counter[tuple[str, bool]]] = defaultdict(Counter)
    for asked in days:
        for start_s, code, n in asked.select(*_grouped(asked, step_ms // SECOND_MS)):
            steps[start_s * SECOND_MS][CODES[code]] += n
    return [_count(start_ms, steps[start_ms]) for start_ms in sorted(steps)]


def _grouped(asked: Asked, step_s: int) -> tuple[str, str]:
    """The columns, start of the step, code and number; and what groups them."""
    second = f"({asked.place} >> {SECOND_BITS}) + {asked.day * DAY_MS // SECOND_MS}"
    return (
        f"{second} - ({second}) % {step_s} AS step, {asked.place} & {CODE_MASK} AS code, count(*)",
        "GROUP BY step, code",
    )


def _count(start_ms: int, of: Counter[tuple[str, bool]]) -> Count:
    negative, neutral, positive = (of[name, True] + of[name, False] for name in SENTIMENTS)
    n, news = negative + neutral + positive, sum(of[name, True] for name in SENTIMENTS)
    return Count(start_ms, n, negative, neutral, positive, news, n - news, of["", True] + of["", False])
