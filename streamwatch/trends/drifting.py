"""The drift monitors' part of a batch: what the sums of its buckets gain, as `apply.lua` reads it.

Examples:
    >>> packed_sums({})
    []
"""

from collections.abc import Iterable, Mapping
from typing import Any

from streamwatch.drift.stored import MOST_STRATA, fields, sums_of
from streamwatch.records import Classified
from streamwatch.trends.batch import as_text


def packed_sums(heard: Mapping[int, Iterable[Classified]]) -> list[list[Any]]:
    """[bucket, most fields, [field, fallback, gain], …] for each bucket."""
    return [
        [
            bucket_ms,
            MOST_STRATA,
            *([field.name, field.fallback, as_text(field.packed)] for field in fields(sums_of(records))),
        ]
        for bucket_ms, records in heard.items()
    ]
