"""The words of a hostile text in any script: what terms are made of, and what near copies are told by.

Letters in lower case, in the order of the text. URLs (and the `http` that stands for one), mentions, cashtags (`$AAPL`:
entities have them) and bare numbers are no words. A run of Chinese or Japanese has no spaces, so it is left whole (`run`)
for whoever cuts it; an emoji is a word. Only the first `READ_CHARS` are read, and a word longer than `LONGEST` is none: so
100 kB of one letter cost nothing and show nothing.

Scripts without spaces other than these (Thai, Khmer, Lao) come as one word a run.

Examples:
    >>> [word.text for word in words("@delta DL1207 cancelled AGAIN!! 3 hours on hold http://t.co/x $DAL")]
    ['dl1207', 'cancelled', 'again', 'hours', 'on', 'hold']
    >>> [(word.text, word.run) for word in words("航班延误 😡")]
    [('航班延误', True), ('😡', False)]
    >>> [word.follows for word in words("no bag, no gate")]
    [False, True, False, True]
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

READ_CHARS = 2000
"""As many as an alert shows of a document: a term that nobody can find in it would not help."""
LONGEST = 40
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f"
_RUN = re.compile(f"[{_CJK}]+")
_MARKS = (
    "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u0900-\u0963\u0971-\u0e4e\u0eb1-\u0ecd\u1000-\u109f\u1780-\u17d3"
)
"""Vowel signs and the like, which `\\w` does not know as parts of a word."""
_LETTER = f"(?:(?![{_CJK}_])[\\w{_MARKS}])"
_TOKEN = re.compile(
    rf"""(?P<skip>(?:https?://|www\.)\S+ | https?\b | @\w+ | \$[A-Za-z][\w.]* )
      | (?P<run>[{_CJK}]+)
      | (?P<word>{_LETTER}+(?:['’]{_LETTER}+)*)
      | (?P<emoji>[\u2600-\u27bf\u2b50\u2b55\U0001f1e6-\U0001f1ff\U0001f300-\U0001f3fa\U0001f400-\U0001faff])
      | (?P<stop>[^\s\#])""",
    re.VERBOSE,
)


_ASCII_TOKEN = re.compile(r"(?:https?://|www\.)\S+|https?\b|@\w+|\$[a-z][\w.]*|([a-z0-9]+(?:'[a-z0-9]+)*)", re.ASCII)
"""What `_TOKEN` finds in ASCII, as most texts are: word sets are made of every document."""


class Word(NamedTuple):
    """A word of a text. `follows`: nothing but space stands between it and the word before."""

    text: str
    run: bool
    follows: bool


def words(text: str) -> Iterator[Word]:
    """The words of the beginning of `text`, in order."""
    follows = False
    for match in _TOKEN.finditer(text[:READ_CHARS].lower()):
        kind, token = match.lastgroup, match[0]
        word = kind == "word" and _is_word(token)
        if word or kind in ("run", "emoji"):
            yield Word(token.replace("’", "'"), kind == "run", follows and word)
        follows = word


def word_set(text: str) -> frozenset[str]:
    """The different words of a text; runs are cut into pairs of characters. What near copies share."""
    if text.isascii():
        return frozenset(filter(_is_word, _ASCII_TOKEN.findall(text[:READ_CHARS].lower())))
    found: set[str] = set()
    for word in words(text):
        if word.run and len(word.text) > 1:
            found.update(word.text[i : i + 2] for i in range(len(word.text) - 1))
        else:
            found.add(word.text)
    return frozenset(found)


def is_run(term: str) -> bool:
    """Whether a term is of a script without spaces: then a shorter one in it is a part of it."""
    return _RUN.fullmatch(term) is not None


def _is_word(token: str) -> bool:
    return 0 < len(token) <= LONGEST and not token.isnumeric()
