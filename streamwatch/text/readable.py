"""Which texts a model cannot read: those of which nothing is left, and those in a script that it was not trained on.

A model answers for any text, also where it sees only [UNK]. Such an answer is none, so these texts have no sentiment: they
are counted as `n_unread`, beside the documents that were read. Everything else is read, however short or odd it is, and
whatever the language: this is about letters, and a model that knows Latin ones is asked about Spanish too.

Letters decide, more than half of them. Digits, currency signs and other symbols are in every script, so that a text of
them alone is read. A pictograph stands beside the letters as a readable one, because the model reads its name in words.
What stands for something that was taken out (`http`, `@user`, `[email]`) says nothing, nor does punctuation, nor `RT`.

Letters that only look Latin (`𝗕𝗨𝗬`, `ВUУ` in Cyrillic) are other letters here as they are in the vocabulary.

Examples:
    >>> unread_reason("$AAPL falls http"), unread_reason("🚀🚀🚀"), unread_reason("Газпром beats estimates")
    ('', '', '')
    >>> unread_reason("RT @user http"), unread_reason("..."), unread_reason("")
    ('nothing_left', 'nothing_left', 'nothing_left')
    >>> unread_reason("今天涨停了 $AAPL"), unread_reason("今天涨停了", scripts=("Latin", "Han"))
    ('other_script', '')
"""

from functools import lru_cache
from typing import NamedTuple

import regex

from streamwatch.records import Unread

LATIN = ("Latin",)
"""The scripts, by their Unicode names, that a model knows where its manifest names no others."""

_MASKS = r"\bhttps?\b|@user|\[(?:email|iban|card|ssn|phone)\]|\bRT\b"
_PICTOGRAPH = r"[\u2600-\u27bf\U0001f300-\U0001faff]"
"""What `streamwatch.models.tokens` spells in words; a test holds the two together."""
_SAYS = r"[[\p{L}\p{N}\p{Sc}\p{So}]--[\u2800\ufffc\ufffd]]"
"""Letters, numbers, currency signs and pictures, without the three that show that nothing is there: the blank Braille
pattern, and what stands in place of an object or of bytes that were no text."""

_ONLY_MASKS = regex.compile(rf"(?V1)(?:{_MASKS}|[^{_SAYS}])*+")
_ASCII_ONLY_MASKS = regex.compile(rf"(?:{_MASKS}|[^A-Za-z0-9$])*+")
"""The same for ASCII, as most texts are: this runs for every document."""
_MASK = regex.compile(_MASKS)


def unread_reason(text: str, scripts: tuple[str, ...] = LATIN) -> Unread:
    """Why a text, as the model reads it (`streamwatch.text.clean.model_text`), cannot be read; empty where it can.

    Linear in the length of the text.

    Args:
        scripts: that the model was trained on, such as `("Latin", "Han")`; `check_scripts` says which there are.
    """
    if text.isascii() and "Latin" in scripts:
        return "nothing_left" if _ASCII_ONLY_MASKS.fullmatch(text) else ""
    if _ONLY_MASKS.fullmatch(text):
        return "nothing_left"
    letters = _letters(scripts)
    if not letters.foreign.search(text):
        return ""
    left = _MASK.sub(" ", text)
    return "other_script" if _count(letters.foreign, left) > _count(letters.readable, left) else ""


def check_scripts(scripts: tuple[str, ...]) -> None:
    """Raises `ValueError` where Unicode has no script of such a name, or where there is none at all.

    >>> check_scripts(("Latin", "Klingon"))
    Traceback (most recent call last):
      ...
    ValueError: no scripts of Unicode: Latin, Klingon
    """
    _letters(scripts)


class _Letters(NamedTuple):
    """What is counted: letters of other scripts, and letters of the model's scripts with pictographs."""

    foreign: "regex.Pattern[str]"
    readable: "regex.Pattern[str]"


@lru_cache
def _letters(scripts: tuple[str, ...]) -> _Letters:
    known = "".join(rf"\p{{Script={script}}}" for script in scripts)
    try:
        if not scripts or not all(script.replace("_", "").isalpha() for script in scripts):
            raise regex.error("a name is made of letters")
        return _Letters(
            regex.compile(rf"(?V1)[\p{{L}}--[{known}]]"),
            regex.compile(rf"(?V1)[[\p{{L}}&&[{known}]]{_PICTOGRAPH}]"),
        )
    except regex.error as error:
        raise ValueError(f"no scripts of Unicode: {', '.join(scripts) or 'none named'}") from error


def _count(pattern: "regex.Pattern[str]", text: str) -> int:
    return sum(1 for _ in pattern.finditer(text))
