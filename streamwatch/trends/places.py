"""How many series may have windows in one partition and day.

Names of entities come with the documents, so whoever writes documents can invent any number of them, and each costs
Redis some keys in every level. The first `max_window_series` of a day in the log have windows; later ones are counted as
`series_refused` (documents times series) and nothing else changes for their documents. Which come first is a function of
the log, not of how it is cut into batches.

Topics and sources have some places more, which invented names cannot take.

Examples:
    >>> places_for("entity:invented", 5000), places_for("topic:earnings", 5000), places_for("all", 5000)
    (5000, 6000, 6000)
"""

RESERVED = 1000
"""The shipped model has 20 topics; the rest is for sources and for topics that are given with documents."""


def places_for(series: str, max_series: int) -> int:
    """A new series is refused when its day would have more than this many."""
    return max_series if series.startswith(("entity:", "ticker:")) else max_series + RESERVED
