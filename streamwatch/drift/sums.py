"""What the drift monitors keep of the documents of one bucket: whole numbers that can be added in any order.

A trend writer adds the documents of its partition, the sums of all partitions are merged when the bucket has closed, and the
monitors see nothing else. Since only whole numbers are added, neither the order of documents nor how they were cut into
batches and partitions leaves a trace.

Documents are counted in **strata**, topic × source: the monitors compare like with like, and a day that brings more of one
topic moves none of a stratum's shares. They are counted for each model version apart: two models are never compared.

Examples:
    >>> from streamwatch.records import Label, Prediction, SentimentLabel
    >>> said = Prediction(model="m/1", topic=Label(label="earnings", p=0.9), projection=bytes(64), sentiment=SentimentLabel(
    ...     label="negative", p=0.7, probabilities={"negative": 0.7, "neutral": 0.2, "positive": 0.1}))
    >>> record = Classified(outcome="classified", source_channel="news", source_partition=0, source_offset=0, follows=-1,
    ...                     observed_ms=0, source="wire", text_hash="00000000000000aa", prediction=said)
    >>> sums = Sums()
    >>> sums.add(record)
    >>> sums.merge(sums).n, sums.models["m/1"].strata[stratum_of("earnings", "wire")].n_embedded
    (2, 1)
    >>> Sums.unpacked(sums.packed()) == sums
    True
"""

from bisect import bisect_right
from collections.abc import Iterable

import msgspec
import numpy as np

from streamwatch.drift.always_encoded import chosen
from streamwatch.drift.fourier import fourier
from streamwatch.inference.engine import UNCLEAR
from streamwatch.records import PROJECTION_BYTES, SENTIMENTS, Classified, Prediction, Sentiment, SentimentLabel

P_UNIT = 1_000
"""A probability of 1: so fine that rounding is no part of any variance, so coarse that squares stay small."""
SENTIMENT_EDGES = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97)
TOPIC_EDGES = (0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97)
"""Of the histograms of the two probabilities: finer where calibrated models say most."""
N_BINS = len(SENTIMENT_EDGES) + 1

READ, LABELS, SOFT, SOFT_SQUARES = 0, 1, 4, 7
SENTIMENT_BINS = 10
TOPIC_BINS = SENTIMENT_BINS + N_BINS
CHECKED, WRONG = TOPIC_BINS + N_BINS, TOPIC_BINS + N_BINS + 1
N_COUNTS = WRONG + 1
"""The places of `Stratum.counts`: documents read; labels; sums of the three probabilities, and of their squares, in
`P_UNIT`; the two histograms; documents whose label is known from elsewhere, and those of them that the model has wrong."""
_SEPARATOR = "\x1f"


class Stratum(msgspec.Struct, array_like=True):
    """The sums of one topic and source: `counts` by the places above, and two vectors over the embedded documents, empty
    where there are none.
    """

    counts: list[int]
    n_embedded: int = 0
    projections: list[int] = []
    features: list[int] = []

    @classmethod
    def empty(cls) -> "Stratum":
        """Nothing counted."""
        return cls([0] * N_COUNTS)

    def absorb(self, other: "Stratum") -> None:
        """Add another's sums to these."""
        self.counts = _added(self.counts, other.counts)
        if other.n_embedded:
            self.embed(other.n_embedded, other.projections, other.features)

    def embed(self, n: int, projections: list[int], features: list[int]) -> None:
        """Add the sums of n embedded documents."""
        self.projections = _added(self.projections, projections) if self.n_embedded else projections
        self.features = _added(self.features, features) if self.n_embedded else features
        self.n_embedded += n


class ModelSums(msgspec.Struct, array_like=True):
    """The documents that one model version labelled: `n` all, `n_unclear` of no topic, among them the `n_unread`."""

    n: int = 0
    n_unclear: int = 0
    n_unread: int = 0
    strata: dict[str, Stratum] = {}

    def stratum(self, name: str) -> Stratum:
        """The stratum of that name, empty where nothing was counted in it."""
        held = self.strata.get(name)
        if held is None:
            held = self.strata[name] = Stratum.empty()
        return held

    def absorb(self, other: "ModelSums") -> None:
        """Add another's sums to these."""
        self.n += other.n
        self.n_unclear += other.n_unclear
        self.n_unread += other.n_unread
        for name, stratum in other.strata.items():
            self.stratum(name).absorb(stratum)


class Sums(msgspec.Struct, array_like=True):
    """All that is kept of one bucket, by model version."""

    models: dict[str, ModelSums] = {}

    @property
    def n(self) -> int:
        """Documents counted."""
        return sum(model.n for model in self.models.values())

    def add(self, record: Classified, *, cascade: bool = False) -> None:
        """Count one record; see `add_many`."""
        self.add_many((record,), cascade=cascade)

    def add_many(self, records: Iterable[Classified], *, cascade: bool = False) -> None:
        """Count records; those without a prediction (markers, dead letters) count nowhere. Copies are the caller's affair: it
        gives each text once.

        Args:
            cascade: whether a cache or a first stage answers some texts; then embeddings are summed of those texts alone
                that always go through the encoder (`chosen`), since the others are no fair sample.
        """
        embedded: list[tuple[Stratum, bytes]] = []
        for record in records:
            said = record.prediction
            if said is None:
                continue
            stratum = self._count(record, said)
            if stratum and len(said.projection) == PROJECTION_BYTES and (not cascade or chosen(record.text_hash)):
                embedded.append((stratum, said.projection))
        if embedded:
            _add_embedded(embedded)

    def add_checked(self, model: str, topic: str, source: str, *, wrong: bool) -> None:
        """Count a document whose right label has become known, to the bucket in which it did."""
        _check(self.model(model).stratum(stratum_of(topic, source)), wrong)

    def model(self, name: str) -> ModelSums:
        """The sums of one model version, empty where nothing was counted."""
        held = self.models.get(name)
        if held is None:
            held = self.models[name] = ModelSums()
        return held

    def merge(self, other: "Sums") -> "Sums":
        """The sums of both; neither is changed."""
        merged = Sums()
        merged.absorb(self)
        merged.absorb(other)
        return merged

    def absorb(self, other: "Sums") -> None:
        """Add another's sums to these."""
        for name, model in other.models.items():
            self.model(name).absorb(model)

    def packed(self) -> bytes:
        """The same bytes for the same sums, in whatever order they were added."""
        return _pack(self)

    @classmethod
    def unpacked(cls, raw: bytes) -> "Sums":
        """Sums out of their bytes."""
        return _unpack(raw)

    def _count(self, record: Classified, said: Prediction) -> Stratum | None:
        """Count all but the embedding; the stratum, None where no sentiment was said."""
        model = self.model(said.model)
        model.n += 1
        model.n_unclear += said.topic.label == UNCLEAR
        if said.sentiment is None:
            model.n_unread += 1
            return None
        stratum = model.stratum(stratum_of(said.topic.label, record.source))
        _count_labels(stratum.counts, said.sentiment, said.topic.p)
        if record.given is not None and record.given.sentiment is not None:
            _check(stratum, record.given.sentiment != said.sentiment.label)
        return stratum


def stratum_of(topic: str, source: str) -> str:
    """The name of a stratum.

    >>> topic_of(stratum_of("earnings", "wire"))
    'earnings'
    """
    return f"{topic}{_SEPARATOR}{source}"


def topic_of(stratum: str) -> str:
    """The topic of a stratum."""
    return stratum.partition(_SEPARATOR)[0]


def _count_labels(counts: list[int], sentiment: SentimentLabel, p_topic: float) -> None:
    counts[READ] += 1
    counts[LABELS + _place(sentiment.label)] += 1
    told = sentiment.probabilities
    for place, name in _PLACES.items():
        p = told.get(name, 0.0)
        if 0.0 < p <= 1.0:  # what is none, or no number, adds nothing
            soft = round(P_UNIT * p)
            counts[SOFT + place] += soft
            counts[SOFT_SQUARES + place] += soft * soft
    counts[SENTIMENT_BINS + bisect_right(SENTIMENT_EDGES, sentiment.p)] += 1
    counts[TOPIC_BINS + bisect_right(TOPIC_EDGES, p_topic)] += 1


def _place(sentiment: str) -> int:
    """The place of a label; a foreign one is no sentiment that windows know, and counts as neutral there too."""
    return _OF_NAME.get(sentiment, _OF_NAME["neutral"])


_PLACES: dict[int, Sentiment] = dict(enumerate(SENTIMENTS))
_OF_NAME: dict[str, int] = {name: place for place, name in _PLACES.items()}


def _check(stratum: Stratum, wrong: bool) -> None:
    stratum.counts[CHECKED] += 1
    stratum.counts[WRONG] += wrong


def _add_embedded(embedded: list[tuple[Stratum, bytes]]) -> None:
    """Add the projections and their features to their strata: the products for all at once, the sums by stratum."""
    x = np.frombuffer(b"".join(raw for _, raw in embedded), dtype=np.int8).reshape(-1, PROJECTION_BYTES)
    both = np.concatenate([x.astype(np.int64), fourier(x)], axis=1)
    rows: dict[int, list[int]] = {}
    for row, (stratum, _) in enumerate(embedded):
        rows.setdefault(id(stratum), []).append(row)
    for places in rows.values():
        total = both[places].sum(axis=0).tolist()
        embedded[places[0]][0].embed(len(places), total[:PROJECTION_BYTES], total[PROJECTION_BYTES:])


def _added(a: list[int], b: list[int]) -> list[int]:
    return [x + y for x, y in zip(a, b, strict=True)]


_pack = msgspec.msgpack.Encoder(order="deterministic").encode
_unpack = msgspec.msgpack.Decoder(Sums).decode
