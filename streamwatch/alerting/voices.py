"""One text is one voice: the copies in a bucket become one, whichever partition they came from and in whichever
order.

Examples:
    >>> first = Entry("t1", "negative", ("all", "ticker:B"), "", 1, 7)
    >>> copies = [first, Entry("t1", "negative", ("all",), "ann", 0, 3)]
    >>> voices(copies) == voices(copies[::-1])
    True
    >>> voices(copies)[0].series, voices(copies)[0].copies
    (('all', 'ticker:B'), 2)
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from zlib import crc32

import msgspec

from streamwatch.trends.entry import Entry


class Voice(msgspec.Struct, frozen=True):
    """A text with all its copies of one bucket: the union of their series, the sentiment of most.

    `signature` tells near copies (`text.signature`); 0 is not known. `model` is the version that read it. `draw`
    and `doubt` are of the document that stands for the text (`labelling.chance`).
    """

    text_hash: str
    sentiment: str
    series: tuple[str, ...]
    author_hash: str
    partition: int
    offset: int
    copies: int
    signature: int = 0
    model: int = 0
    draw: int = 0
    doubt: int = 0

    @property
    def negative(self) -> bool:
        """Whether it counts as a negative."""
        return self.sentiment == "negative"


def voices(entries: Iterable[Entry]) -> list[Voice]:
    """The voices of a bucket, by text hash."""
    by_text: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_text[entry.text_hash].append(entry)
    return [_voice(by_text[text_hash]) for text_hash in sorted(by_text)]


def _voice(copies: list[Entry]) -> Voice:
    if len(copies) == 1:
        one = copies[0]
        return Voice(
            one.text_hash,
            one.sentiment,
            one.series,
            one.author_hash,
            one.partition,
            one.offset,
            1,
            one.signature,
            one.model,
            one.draw,
            one.doubt,
        )
    first = min(copies, key=lambda e: (e.author_hash == "", e.author_hash, _unlike_draw(e), e.partition, e.offset))
    named = {name for entry in copies for name in entry.series}
    return Voice(
        first.text_hash,
        _most(copies),
        tuple(sorted(named)),
        first.author_hash,
        first.partition,
        first.offset,
        len(copies),
        first.signature,
        first.model,
        first.draw,
        first.doubt,
    )


def _unlike_draw(entry: Entry) -> int:
    """An order that does not depend on partitions, nor tells how likely the first one is drawn."""
    return crc32(entry.draw.to_bytes(4, "big"))


def _most(copies: list[Entry]) -> str:
    """The most frequent sentiment; of equals the first by name, so that `negative` wins."""
    counts = Counter(entry.sentiment for entry in copies)
    return min(counts, key=lambda sentiment: (-counts[sentiment], sentiment))
