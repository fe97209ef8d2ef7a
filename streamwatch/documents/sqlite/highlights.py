"""Where the words of a search stand in a text, as offsets: whoever shows them makes no markup of what strangers wrote.

SQLite marks what it found; the marks are random, so no text holds them, and are taken out again.

Examples:
    >>> offsets(f"a {OPEN}profit{CLOSE} warning, {OPEN}profits{CLOSE}")
    ((2, 8), (18, 25))
"""

import secrets
import sqlite3
from collections.abc import Sequence

import msgspec

OPEN = f"\ue000{secrets.token_hex(8)}\ue001"
CLOSE = f"\ue001{secrets.token_hex(8)}\ue000"
QUERY = """
SELECT rowid, highlight(words, 0, ?, ?) FROM words
WHERE words MATCH ? AND rowid BETWEEN ? AND ? AND +rowid IN (SELECT value FROM json_each(?))
"""
"""One pass for a whole page: a beginning (`a*`) is looked up in all its words anew for each search, however few rows it gives."""


def marked(db: sqlite3.Connection, match: str, places: Sequence[int]) -> dict[int, tuple[tuple[int, int], ...]]:
    """By place, where the words of a search stand in the texts of one day."""
    asked = (OPEN, CLOSE, match, min(places), max(places), msgspec.json.encode(places).decode())
    return {place: offsets(text) for place, text in db.execute(QUERY, asked)}


def offsets(marked: str) -> tuple[tuple[int, int], ...]:
    """[start, end) of each marked part, in code points of the text without marks."""
    before, *parts = marked.split(OPEN)
    at, found = len(before), []
    for part in parts:
        inner, _, rest = part.partition(CLOSE)
        found.append((at, at + len(inner)))
        at += len(inner) + len(rest)
    return tuple(found)
