"""Patterns of series names: `*` stands for any run of characters, everything else for itself. Case matters.

No other wildcard and no regular expression: a series may be called `topic:what?` or `entity:A[1]`, and a pattern of a
stranger must not cost more than its length.

Examples:
    >>> matches("ticker:*", "ticker:AAPL"), matches("ticker:*", "Ticker:AAPL"), matches("all", "all")
    (True, False, True)
    >>> matches("a*b*c", "axbxbc"), matches("ab*bc", "abc")
    (True, False)
    >>> covers("topic:*", "topic:m*a"), covers("topic:m*a", "topic:*"), covers("*", "all")
    (True, False, True)
"""

from collections.abc import Iterable

ANY = "*"
_FRESH = "\0"


def matches(pattern: str, name: str) -> bool:
    """Whether `pattern` matches the whole of `name`. Linear: each part is looked for once, leftmost first."""
    first, *parts = pattern.split(ANY)
    if not parts:
        return first == name
    *middle, last = parts
    if not name.startswith(first) or not name.endswith(last):
        return False
    at, end = len(first), len(name) - len(last)
    for part in middle:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return at <= end


def matches_any(patterns: Iterable[str], name: str) -> bool:
    """Whether one of `patterns` matches."""
    return any(matches(pattern, name) for pattern in patterns)


def covers(wide: str, narrow: str) -> bool:
    """Whether everything that `narrow` matches is matched by `wide` too.

    Exact: a `*` of `narrow` may stand for a character that `wide` does not hold, so only a `*` of `wide` can cover it.
    """
    return matches(wide, narrow.replace(ANY, _FRESH))
