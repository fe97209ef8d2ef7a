"""What a trend is asked about: series, and filters that are series themselves or cross with one.

A filter that is itself a series (`all` with topic=earnings is `topic:earnings`) is read from the windows. Anything that
crosses (AAPL in the news, negative earnings) nobody has counted: it is counted from the documents.

Examples:
    >>> Filters(topic="earnings").over("all").series, Filters(topic="earnings").over("ticker:AAPL").series
    ('topic:earnings', None)
    >>> Filters(topic="earnings", sentiment="negative").over("ticker:AAPL").query.names()
    ['ticker:AAPL', 'topic:earnings', 'sentiment:negative']
"""

from typing import NamedTuple

from streamwatch.documents.store import Query, SourceKind
from streamwatch.records import Sentiment


class Asked(NamedTuple):
    """One line of a trend: under which name, and the series of the windows or the question to the documents."""

    shown: str
    series: str | None
    query: Query | None


class Filters(NamedTuple):
    """What every series of a trend is filtered by."""

    source_kind: SourceKind | None = None
    ticker: str | None = None
    topic: str | None = None
    sentiment: Sentiment | None = None

    def over(self, series: str) -> Asked:
        """`series` under these filters."""
        names = [name for name in dict.fromkeys([series, *self._series()]) if name != "all"]
        if self.source_kind is None and self.sentiment is None and len(names) <= 1:
            name = names[0] if names else "all"
            return Asked(name, name, None)
        query = Query(series=tuple(names), source_kind=self.source_kind, sentiment=self.sentiment)
        return Asked(series, None, query)

    def _series(self) -> list[str]:
        named = [] if self.ticker is None else [f"ticker:{self.ticker}"]
        return named if self.topic is None else [*named, f"topic:{self.topic}"]
