"""Pages: a cursor says after which item the next page begins, so that what comes or goes meanwhile moves nothing.

A cursor is opaque and carries a digest of the question, so that one of another question, or one that somebody made up, is
refused and never answered with a page that looks right.

Examples:
    >>> page = cut(["a", "b", "c"], key=lambda item: (item,), limit=2, cursor=None, question="letters")
    >>> page.items, cut(["a", "b", "b2", "c"], lambda item: (item,), 2, page.next, "letters").items
    (['a', 'b'], ['b2', 'c'])
    >>> cut(["a"], lambda item: (item,), 2, page.next, "numbers")
    Traceback (most recent call last):
      ...
    streamwatch.dashboard.problems.Problem: this cursor is of another question: begin with no cursor
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from fastapi import Query

from streamwatch.dashboard.problems import Problem

T = TypeVar("T")

MOST_ITEMS = 500
"""Of one page."""
USUAL_ITEMS = 100
DIGEST_BYTES = 8
MOST_CURSOR_CHARS = 2048

Limit = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="Items of a page at most.")]
Cursor = Annotated[
    str | None, Query(max_length=MOST_CURSOR_CHARS, description="`next` of the page before; the first page has none.")
]


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some items, and the cursor of the next page: null on the last one."""

    items: list[T]
    next: str | None = None


def cut(
    items: Sequence[T], key: Callable[[T], tuple[Any, ...]], limit: int, cursor: str | None, question: Any
) -> Page[T]:  # fmt: skip
    """One page of `items`, which are in the order of `key`; no two keys are equal.

    Raises `Problem` (422) for a cursor that is none of this question.
    """
    if cursor is not None:
        after = _opened(cursor, question)
        try:
            items = [item for item in items if key(item) > after]
        except TypeError as error:
            raise _refused("this cursor is not whole: begin with no cursor") from error
    shown = list(items[:limit])
    more = len(items) > limit
    return Page(shown, _closed(key(shown[-1]), question) if more else None)


def _closed(place: tuple[Any, ...], question: Any) -> str:
    raw = _digest(question) + msgspec.json.encode(place)
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _opened(cursor: str, question: Any) -> tuple[Any, ...]:
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        if raw[:DIGEST_BYTES] == _digest(question):
            return tuple(msgspec.json.decode(raw[DIGEST_BYTES:], type=list[Any]))
    except (ValueError, RecursionError, msgspec.DecodeError) as error:
        raise _refused("this cursor is not whole: begin with no cursor") from error
    raise _refused("this cursor is of another question: begin with no cursor")


def _digest(question: Any) -> bytes:
    return blake2b(msgspec.json.encode(question), digest_size=DIGEST_BYTES).digest()


def _refused(detail: str) -> Problem:
    return Problem(422, "bad-cursor", "This cursor cannot be used", detail)
