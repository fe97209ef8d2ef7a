"""What the first stage sees of a text: hashed words, pairs of words, and runs of 3 to 5 bytes.

All n-grams of many texts are hashed at once. With P[i] = Σ_{k<i} byte_k · B^k modulo 2^64, the bytes from i to j have the
hash (P[j] − P[i]) · B^−i, wherever they stand (Karp and Rabin, IBM Journal 31, 1987); B is odd, so its inverse exists.

Examples:
    >>> seen = hashed(["Oil climbs", "oil climbs", "Oil falls"], n_buckets=1 << 14)
    >>> rows = [seen.buckets[a:b].tolist() for a, b in zip(seen.starts, [*seen.starts[1:], None])]
    >>> rows[0] == rows[1], rows[0] == rows[2]
    (True, False)
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

U64 = NDArray[np.uint64]
Ints = NDArray[np.int64]

BASE = 0x9E3779B97F4A7C15
"""B: odd, its bits well mixed (2^64 over the golden ratio)."""
BASE_INVERSE = pow(BASE, -1, 1 << 64)
BYTE_GRAMS = (3, 4, 5)
FAMILY = {
    3: 0xC2B2AE3D27D4EB4F,
    4: 0x165667B19E3779F9,
    5: 0x27D4EB2F165667C5,
    1: 0x85EBCA77C2B2AE63,
    2: 0xFF51AFD7ED558CCD,
}
"""An odd factor for each kind of n-gram (1, 2: words), so that equal bytes of different kinds fall apart."""
MAX_CHARS = 1000
"""Of a text that are looked at; a longer one is never answered here."""


class Hashed(NamedTuple):
    """The features of some texts, one after the other.

    Attributes:
        buckets: of every n-gram, int64.
        weights: of every n-gram, float32: 1 / √(n-grams of its family in its text), so that long texts do not shout.
        starts: where each text's features begin, int64; every text has one at least, of the spaces around it.
    """

    buckets: Ints
    weights: NDArray[np.float32]
    starts: Ints


def hashed(texts: Sequence[str], n_buckets: int) -> Hashed:
    """The features of `texts`; `n_buckets` is a power of two."""
    encoded = [f"  {text[:MAX_CHARS].lower()} ".encode("utf-8", "replace") for text in texts]
    data = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    owner = np.repeat(np.arange(len(texts)), [len(part) for part in encoded])
    prefix = _prefix(data)
    shift = np.uint64(64 - (n_buckets.bit_length() - 1))
    found = [_byte_grams(data, owner, prefix, n) for n in BYTE_GRAMS]
    parts = [
        (np.concatenate([h for h, _ in found]), np.concatenate([o for _, o in found])),
        _words(data, owner, prefix),
    ]
    buckets = np.concatenate([hashes >> shift for hashes, _ in parts]).astype(np.int64)
    owners = np.concatenate([owner for _, owner in parts])
    weights = np.concatenate([_weights(owner, len(texts)) for _, owner in parts])
    order = np.argsort(owners, kind="stable")
    return Hashed(buckets[order], weights[order], np.searchsorted(owners[order], np.arange(len(texts))))


def _prefix(data: NDArray[np.uint8]) -> U64:
    """P, one longer than `data`."""
    prefix = np.zeros(len(data) + 1, dtype=np.uint64)
    np.cumsum((data.astype(np.uint64) + np.uint64(1)) * _powers(BASE, len(data)), out=prefix[1:])
    return prefix


def _powers(base: int, n: int) -> U64:
    """base^0 … base^(n−1) modulo 2^64."""
    return _all_powers(base, 1 << max(n, 1).bit_length())[:n]


@lru_cache(16)
def _all_powers(base: int, n: int) -> U64:
    powers = np.full(n, base, dtype=np.uint64)
    powers[0] = 1
    return np.cumprod(powers)


def _span(prefix: U64, start: Ints, end: Ints, family: int) -> U64:
    """The hash of the bytes from `start` to `end`."""
    found: U64 = (prefix[end] - prefix[start]) * _powers(BASE_INVERSE, len(prefix))[start] * np.uint64(FAMILY[family])
    return _mixed(found)


def _mixed(hashes: U64) -> U64:
    """Spread the low bits to the high ones, which choose the bucket."""
    return (hashes ^ (hashes >> np.uint64(29))) * np.uint64(BASE)


def _byte_grams(data: NDArray[np.uint8], owner: Ints, prefix: U64, n: int) -> tuple[U64, Ints]:
    start = np.flatnonzero(owner[: 1 - n] == owner[n - 1 :])
    return _span(prefix, start, start + n, n), owner[start]


_IN_WORD = np.zeros(256, dtype=bool)
_IN_WORD[[*range(128, 256), *b"abcdefghijklmnopqrstuvwxyz0123456789$#@%'+-."]] = True


def _words(data: NDArray[np.uint8], owner: Ints, prefix: U64) -> tuple[U64, Ints]:
    """Words and pairs of neighbours. A text begins and ends with a space, so no word spans two texts."""
    edges = np.flatnonzero(np.diff(_IN_WORD[data].astype(np.int8)))
    start, end = edges[::2] + 1, edges[1::2] + 1
    words = _span(prefix, start, end, 1)
    first = np.flatnonzero(owner[start[:-1]] == owner[start[1:]])
    pairs = _mixed(words[first] * np.uint64(FAMILY[2]) + words[first + 1])
    return np.concatenate([words, pairs]), np.concatenate([owner[start], owner[start[first]]])


def _weights(owner: Ints, n_texts: int) -> NDArray[np.float32]:
    counts = np.bincount(owner, minlength=n_texts)
    weights: NDArray[np.float32] = (1 / np.sqrt(np.maximum(counts, 1)))[owner].astype(np.float32)
    return weights
