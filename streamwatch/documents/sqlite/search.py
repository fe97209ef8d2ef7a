"""What a person types, as an expression of SQLite's full-text search that is never a mistake.

Words must all be there; `"words in quotes"` follow each other; `refund*` is a beginning. All of it goes into FTS5 as quoted
strings, so that nothing typed is an operator (`AND`, `NEAR`, `-`, `^`, a column). Case and accents do not matter; what holds no
letter and no digit is no word, and a text without any word finds nothing. A word of a script without spaces is found
by its whole run only.

Examples:
    >>> words_of('profit "supply chain" refund* AND')
    ['"profit"', '"supply chain"', '"refund" *', '"AND"']
    >>> words_of('it"s -5 !!! "open')
    ['"it"', '"s -5 !!! "', '"open"']
    >>> words_of("?! 🙂"), words_of("a* a* a*")
    ([], ['"a" *'])
    >>> expression(["z1", "z2"], "profit*")
    'tags : (z1 AND z2) AND text : ("profit" *)'
    >>> expression([], None), expression([], "!")
    (None, 'text : ("")')
"""

import re
import unicodedata
from collections.abc import Sequence

_PART = re.compile(r'"([^"]*)"?(\*?)|([^\s"]+)')
PREFIX = " *"
"""What follows a phrase that is a beginning; within quotes it may stand, too."""
NOTHING = '""'
"""An FTS5 phrase without a word: no document has it."""


def words_of(text: str) -> list[str]:
    """The quoted phrases of FTS5 that `text` asks for."""
    words = []
    for phrase, star, bare in _PART.findall(_speakable(text)):
        inner, prefix = (phrase, bool(star)) if not bare else (bare.rstrip("*"), bare.endswith("*"))
        if any(_in_a_word(c) for c in inner):
            words.append(f'"{inner}"{PREFIX}' if prefix else f'"{inner}"')
    return list(dict.fromkeys(words))


def expression(tags: Sequence[str], text: str | None) -> str | None:
    """The expression for documents with all `tags` and all words of `text`; None where every document is meant."""
    parts = [f"tags : ({' AND '.join(tags)})"] if tags else []
    if text is not None and text.strip():
        parts.append(f"text : ({' AND '.join(words_of(text)) or NOTHING})")
    return " AND ".join(parts) or None


def _speakable(text: str) -> str:
    """Without what ends a text for SQLite (NUL) or has no UTF-8 (half of a surrogate pair)."""
    return text.replace("\0", " ").encode(errors="ignore").decode()


def _in_a_word(character: str) -> bool:
    """Whether the tokenizer (`unicode61`) keeps it."""
    category = unicodedata.category(character)
    return category[0] in "LN" or category == "Co"
