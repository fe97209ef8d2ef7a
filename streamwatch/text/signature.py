"""A signature of 32 bits by which near copies of a text are told where the text itself is not kept.

Of the hashes of its different words the four smallest, one byte each: a bottom-k sketch (Cohen and Kaplan 2007). Two
texts that share most of their words share most of their smallest hashes too. It is a function of the words alone, so
neither their order nor what stands between them matters, and nothing has to be known of other texts.

Four bytes are little. Against the true similarity of the words (Jaccard .7 and more) of neighbouring posts,
`tests/benchmarks/near_copies.py` says how many of the near copies it finds, and how many unlike pairs it takes for such. A
group of many near copies is found nearly whole all the same, since each of them needs to resemble one other only.

Examples:
    >>> a = signature("Markets closed today for Labor Day, back tomorrow")
    >>> b = signature("markets CLOSED today, for Labor Day! Back tomorrow...")
    >>> c = signature("My flight was cancelled and nobody answers the phone")
    >>> alike(a, b), alike(a, c), signature("...")
    (True, False, 0)
"""

from collections.abc import Iterable
from functools import lru_cache
from zlib import crc32

from streamwatch.text.words import word_set

N_HASHES = 4
SHARED = 0.7
"""Of the hashes of the text that has more: three of four."""
_MIX = 0x9E3779B1
"""2^32 over the golden ratio: crc32 alone is too regular for words that differ in their last letter."""


def signature(text: str) -> int:
    """The signature of a text (as the model reads it: links and mentions masked), 0 where it has no words."""
    smallest = sorted(set(map(_hash, word_set(text))))
    packed = 0
    for value in smallest[:N_HASHES]:
        packed = packed << 8 | max(value & 0xFF, 1)  # an empty place is 0
    return packed


@lru_cache(16_384)  # of words: most of a text's are met again and again
def _hash(word: str) -> int:
    return crc32(word.encode("utf-8", "surrogatepass")) * _MIX & 0xFFFFFFFF


def alike(a: int, b: int) -> bool:
    """Whether two signatures are of near copies; nothing is like a text without words."""
    bytes_a, bytes_b = _places(a), _places(b)
    return bool(bytes_a) and len(bytes_a & bytes_b) >= SHARED * max(len(bytes_a), len(bytes_b))


def n_alike(signature: int, others: Iterable[int]) -> int:
    """How many of `others` are near copies of a signature: as `alike`, for each negative document and all that are kept.

    >>> n_alike(0x01020304, [0x01020305, 0x01020304, 0x05060708, 0])
    2
    """
    places, n = _places(signature), 0
    for other in others:
        theirs = _places(other)
        if not places.isdisjoint(theirs) and len(places & theirs) >= SHARED * max(len(places), len(theirs)):
            n += 1
    return n


@lru_cache(4096)
def _places(packed: int) -> frozenset[int]:
    return frozenset(byte for byte in (packed & 0xFFFFFFFF).to_bytes(N_HASHES, "big") if byte)
