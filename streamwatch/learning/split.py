"""Which examples are held out: decided by a hash of the text, so that copies never stand on both sides.

A random split leaks: syndicated headlines and retweets differ in a link or a hashtag sign, and a model is then tested
on what it was taught. Texts that agree in their letters and digits get the same hash here, in every source and run: so a
teacher has never seen what its pupil is measured on. Of texts that are merely near copies those on the learning side
are left out, since moving them would make a text's side depend on what else is there.

Three sides: what is learned from, a `dev` part of that for choices (early stopping, temperatures), and `report`, which
nothing is chosen by.

Examples:
    >>> held_out("Apple beats estimates!") == held_out("apple BEATS estimates http")
    True
    >>> sides(["a headline on its own"])
    ['train']
"""

import re
from collections.abc import Sequence
from typing import Literal

from streamwatch.learning.near_copies import near_copies
from streamwatch.text.clean import text_hash

Side = Literal["train", "dev", "report", "left out"]

VALIDATION_SHARE = 0.12
"""1,107 of the smaller of the two large financial sets: the standard error of an accuracy of .88 is one point there."""

DEV_SHARE = 0.05
"""Of all texts: some 3,900 of the permissive sets, enough to tell a worse epoch and to fit a handful of temperatures."""

_LINK = re.compile(r"\bhttps?\b|@user")
_OTHER = re.compile(r"[\W_]+")
_PARTS = 10_000


def held_out(text: str, share: float = VALIDATION_SHARE) -> bool:
    """Whether a model text belongs to the reported part."""
    return place(text) < share * _PARTS


def place(text: str) -> int:
    """Where a text stands between 0 and 9,999: a hash of its letters and digits."""
    skeleton = _OTHER.sub("", _LINK.sub("", text.casefold()))
    return int(text_hash(skeleton), 16) % _PARTS


def sides(texts: Sequence[str], dev_share: float = DEV_SHARE) -> list[Side]:
    """The side of each text. Near copies of a reported text are left out, and such of a dev text if they would be learned.

    A text that stands in several files has one place, so all of them must be given at once.
    """
    made: list[Side] = [_by_place(place(text), dev_share) for text in texts]
    _leave_out(texts, made, "dev", "report")
    _leave_out(texts, made, "train", "report")
    _leave_out(texts, made, "train", "dev")
    return made


def _by_place(at: int, dev_share: float) -> Side:
    if at < VALIDATION_SHARE * _PARTS:
        return "report"
    return "dev" if at < (VALIDATION_SHARE + dev_share) * _PARTS else "train"


def _leave_out(texts: Sequence[str], made: list[Side], side: Side, copied: Side) -> None:
    rows = [i for i, its in enumerate(made) if its == side]
    copies = near_copies(
        [texts[i] for i in rows], [text for text, its in zip(texts, made, strict=True) if its == copied]
    )
    for i, is_copy in zip(rows, copies, strict=True):
        if is_copy:
            made[i] = "left out"
