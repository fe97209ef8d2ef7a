"""How many documents a query has, in all and by steps of time, out of the full-text index alone.

A step is a division of the place, and what a document counts as is one of its names, so no row is read. The sums are those
of the windows: documents that were not read are counted apart.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

from streamwatch.documents.sqlite.asking import Asked
from streamwatch.documents.sqlite.days import SECOND_BITS
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
    steps: dict[int, Counter[str]] = defaultdict(Counter)
    for asked in days:
        for name in (*SENTIMENTS, "unread"):
            _add(steps, asked.also(f"sentiment:{name}"), name, step_ms)
        news = asked.also("kind:news")
        for name in SENTIMENTS if news else ():
            assert news is not None
            _add(steps, news.also(f"sentiment:{name}"), "news", step_ms)
    return [_count(start_ms, steps[start_ms]) for start_ms in sorted(steps)]


def _add(steps: dict[int, Counter[str]], asked: Asked | None, name: str, step_ms: int) -> None:
    if asked is None:
        return
    step_s, day_s = step_ms // SECOND_MS, asked.day * DAY_MS // SECOND_MS
    grouped = asked.select(
        f"({asked.place} >> {SECOND_BITS}) + {day_s} - (({asked.place} >> {SECOND_BITS}) + {day_s}) % {step_s} AS step, "
        "count(*)",
        "GROUP BY step",
    )
    for start_s, n in grouped:
        steps[start_s * SECOND_MS][name] += n


def _count(start_ms: int, of: Counter[str]) -> Count:
    n = sum(of[name] for name in SENTIMENTS)
    return Count(start_ms, n, of["negative"], of["neutral"], of["positive"], of["news"], n - of["news"], of["unread"])
