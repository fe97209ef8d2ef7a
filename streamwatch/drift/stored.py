"""The sums of one bucket as the fields of a Redis hash: a field for each stratum, so that adding documents touches theirs alone.

    <model>                         [documents, of no topic, unread]
    <model> \\x1f <topic> \\x1f <source>   [counts] or [counts, n embedded, projections, features]

Fields are packed whole numbers, which `apply.lua` adds place by place. Sources come with the documents, so whoever writes
documents can invent any number of them: a bucket of one partition has `MOST_STRATA` at most, by first appearance in the log,
and what has no place is counted in the stratum of its topic without a source. So no document is lost to the monitors.

Examples:
    >>> sums = Sums({"m/1": ModelSums(3, 1, 1, {stratum_of("ipo", "wire"): Stratum.empty()})})
    >>> [(field.name, field.fallback) for field in fields(sums)]
    [('m/1', 'm/1'), ('m/1\\x1fipo\\x1fwire', 'm/1\\x1fipo\\x1f')]
    >>> read((field.name.encode(), field.packed) for field in fields(sums)) == sums
    True
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from streamwatch.drift.sums import ModelSums, Stratum, Sums, stratum_of, topic_of
from streamwatch.inference.cascade.mark import has_first_stage
from streamwatch.records import Classified
from streamwatch.timeline import MINUTE_MS

DRIFT_BUCKET_MS = MINUTE_MS
"""Of detection time. Fixed, since it is the grain of what is stored; the monitors' clock is documents, not buckets."""
MOST_STRATA = 512
"""Fields of a bucket and partition: twenty topics times some twenty-five sources a minute. 0.3 MB at most where each has
embeddings, which Redis gives in a millisecond."""
OTHER_SOURCES = ""
_SEPARATOR = "\x1f"

_encode = msgspec.msgpack.Encoder().encode
_counts = msgspec.msgpack.Decoder(tuple[int, int, int]).decode
_stratum = msgspec.msgpack.Decoder(Stratum).decode


class Field(NamedTuple):
    """What a hash gains: in the field `name`, or in `fallback` where there is no room for another."""

    name: str
    fallback: str
    packed: bytes


def sums_of(records: Iterable[Classified]) -> Sums:
    """The sums of records that each count. Of a model with a first stage only those embeddings count that every text of
    their hash would have: the others are no fair sample."""
    alone: list[Classified] = []
    behind: list[Classified] = []
    for record in records:
        assert record.prediction is not None
        (behind if has_first_stage(record.prediction.model) else alone).append(record)
    sums = Sums()
    sums.add_many(alone)
    sums.add_many(behind, cascade=True)
    return sums


def fields(sums: Sums) -> Iterator[Field]:
    """What `sums` add to the hash of their bucket, in the order in which the log has them."""
    for name_of_model, of_model in sums.models.items():
        model = name_of_model.replace(
            _SEPARATOR, " "
        )  # who wrote the record may have named it so; it ends a field's first part
        yield Field(model, model, _encode((of_model.n, of_model.n_unclear, of_model.n_unread)))
        for name, stratum in of_model.strata.items():
            other = stratum_of(topic_of(name), OTHER_SOURCES)
            yield Field(f"{model}{_SEPARATOR}{name}", f"{model}{_SEPARATOR}{other}", _encode(_parts(stratum)))


def read(held: Iterable[tuple[bytes, bytes]]) -> Sums:
    """The sums out of the hash's fields."""
    sums = Sums()
    for name, raw in held:
        model, _, stratum = name.decode().partition(_SEPARATOR)
        of_model = sums.model(model)
        if stratum:
            of_model.stratum(stratum).absorb(_stratum(raw))
        else:
            of_model.absorb(ModelSums(*_counts(raw)))
    return sums


def _parts(stratum: Stratum) -> tuple[Any, ...]:
    """No empty list among them: to Lua an empty list and an empty map are one."""
    if not stratum.n_embedded:
        return (stratum.counts,)
    return stratum.counts, stratum.n_embedded, stratum.projections, stratum.features
