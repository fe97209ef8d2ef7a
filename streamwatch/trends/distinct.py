"""Distinct authors and texts of a window, from what its buckets keep: nothing, sketches, or HyperLogLogs."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import msgspec

from streamwatch.redis_errors import answering
from streamwatch.trends.keys import Keys
from streamwatch.trends.levels import MINUTE, Level
from streamwatch.trends.sketch import estimate, union

_two_lists = msgspec.msgpack.Decoder(list[int])


class Distinct(Protocol):
    """Counts what is distinct in some buckets together."""

    def of(self, buckets: Sequence[int]) -> tuple[int | None, int | None]:
        """(authors, texts) of the buckets that begin at these moments; None where it is not known."""
        ...


class Uncounted:
    """Buckets of 10 s keep nothing distinct: it would cost more than all that they count."""

    def of(self, buckets: Sequence[int]) -> tuple[None, None]:
        """Not known."""
        return None, None


class MinuteDistinct:
    """Sketches of minutes: (block, fields of its hash) of each partition.

    >>> texts, authors = msgspec.msgpack.encode([3, 7]), msgspec.msgpack.encode([5])
    >>> MinuteDistinct([(0, {b"0": texts + authors}), (0, {b"1": texts + authors})]).of([0, 60_000])
    (1, 2)
    """

    def __init__(self, blocks: Iterable[tuple[int, dict[bytes, bytes]]]) -> None:
        self._texts: dict[int, list[list[int]]] = {}
        self._authors: dict[int, list[list[int]]] = {}
        for block, fields in blocks:
            for index, raw in fields.items():
                bucket_ms = MINUTE.bucket_of(block, int(index))
                texts, authors = split(raw)
                self._texts.setdefault(bucket_ms, []).append(texts)
                self._authors.setdefault(bucket_ms, []).append(authors)

    def of(self, buckets: Sequence[int]) -> tuple[int, int]:
        """Estimated on the union; exact up to 64."""
        return _count(self._authors, buckets), _count(self._texts, buckets)


def _count(sketches: dict[int, list[list[int]]], buckets: Sequence[int]) -> int:
    return estimate(union(some for bucket_ms in buckets for some in sketches.get(bucket_ms, ())))


def split(raw: bytes) -> tuple[list[int], list[int]]:
    """The two packed lists of a field, texts and authors: the first one's header says where it ends."""
    n = (raw[0] & 0x0F) if raw[0] < 0xDC else int.from_bytes(raw[1:3], "big")
    end = 1 if raw[0] < 0xDC else 3
    for _ in range(n):
        end += {0xCC: 2, 0xCD: 3, 0xCE: 5}.get(raw[end], 1)
    return _two_lists.decode(raw[:end]), _two_lists.decode(raw[end:])


class HourlyDistinct:
    """HyperLogLogs of hours or days, merged by Redis over buckets and partitions (standard error 0.8 %)."""

    def __init__(self, redis: Any, partitions: Sequence[Keys], level: Level, series: str) -> None:
        self._redis, self._partitions, self._level, self._series = redis, partitions, level, series

    def of(self, buckets: Sequence[int]) -> tuple[int, int]:
        """Estimated on the merged registers."""
        pipe = self._redis.pipeline(transaction=False)
        where = [(keys, bucket_ms) for keys in self._partitions for bucket_ms in buckets]
        pipe.pfcount(*(keys.authors(self._level, bucket_ms, self._series) for keys, bucket_ms in where))
        pipe.pfcount(*(keys.texts(self._level, bucket_ms, self._series) for keys, bucket_ms in where))
        with answering():
            authors, texts = pipe.execute()
        return int(authors), int(texts)
