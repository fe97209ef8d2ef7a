"""Streams that are drawn from real documents (`drift_documents`): nothing happens, or only topics come and go, or something
moves.

A stream is a sequence of places in the documents, in buckets of equal size; `Buckets` makes the sums of each. Documents are
drawn with replacement from the pool of their topic, so that what is asked of a stream holds exactly.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from drift_documents import AIRLINE, FINANCE, Documents

from streamwatch.drift.fourier import fourier
from streamwatch.drift.sums import Stratum, Sums, stratum_of
from streamwatch.inference.engine import UNCLEAR
from streamwatch.records import SENTIMENTS, Classified, Label, Prediction, SentimentLabel

SOURCE = "twitter"
CHUNK = 500
"""Documents between two changes of the mix."""
MIX_SD = 1.0
"""Of the log of a topic's weight: in one chunk in six a topic is 2.7 times as frequent as usual, or more."""
NEGATIVE = SENTIMENTS.index("negative")


class Stream(NamedTuple):
    """How documents are drawn. `by` is what strata are drawn by, one number a document of the set; `wander` the standard
    deviation of the log-weights of strata, drawn anew every `CHUNK` documents; `swing` that of the log-odds of negatives, of all
    strata alike.

    After the change: `shift` more of the documents in each stratum are negative by `negative`, `airline` of them are of that set.
    """

    of_set: str = FINANCE
    by: str = "predicted"
    wander: float = 0.0
    swing: float = 0.0
    shift: float = 0.0
    negative: str = "predicted"
    airline: float = 0.0


class Pools:
    """Documents of a set by stratum and by whether they are negative."""

    def __init__(self, documents: Documents, stream: Stream) -> None:
        self.stream = stream
        inside = np.flatnonzero(documents.of_set == stream.of_set)
        labels = np.unique(documents.label[inside], return_inverse=True)[1]
        strata = documents.topic.copy()
        if stream.by == "label":
            strata[inside] = labels
        negative = (
            documents.sentiment == NEGATIVE
            if stream.negative == "predicted"
            else documents.label == SENTIMENTS[NEGATIVE]
        )
        self.airline = np.flatnonzero(documents.of_set == AIRLINE)
        self.weights = np.bincount(strata[inside]) / len(inside)
        pools = [
            [inside[(strata[inside] == stratum) & (negative[inside] == side)] for side in (False, True)]
            for stratum in range(len(self.weights))
        ]
        self.shares = np.array([len(pool[1]) / max(1, len(pool[0]) + len(pool[1])) for pool in pools])
        filled = [[pool[side] if len(pool[side]) else pool[1 - side] for side in (0, 1)] for pool in pools]
        self._lengths = np.array([[len(of_side) for of_side in pool] for pool in filled])
        self._starts = np.concatenate([[0], np.cumsum(self._lengths)[:-1]]).reshape(-1, 2)
        self._flat = np.concatenate([of_side for pool in filled for of_side in pool])

    def draw(self, n: int, rng: np.random.Generator, changed: bool) -> np.ndarray:
        """Some documents, with one mix of strata."""
        weights = self.weights * np.exp(self.stream.wander * rng.standard_normal(len(self.weights)))
        strata = rng.choice(len(weights), n, p=weights / weights.sum())
        odds = self.shares / np.maximum(1 - self.shares, 1e-9) * np.exp(self.stream.swing * rng.standard_normal())
        shares = np.minimum(odds / (1 + odds) + (self.stream.shift if changed else 0.0), 1.0)
        negative = (rng.random(n) < shares[strata]).astype(np.int64)
        lengths, starts = self._lengths[strata, negative], self._starts[strata, negative]
        drawn = self._flat[starts + (rng.random(n) * lengths).astype(np.int64)]
        if changed and self.stream.airline:
            replaced = rng.random(n) < self.stream.airline
            drawn[replaced] = rng.choice(self.airline, int(replaced.sum()))
        return drawn


class Buckets:
    """Makes the sums of documents; what a document adds is computed once."""

    def __init__(self, documents: Documents) -> None:
        self.model = str(documents.model)
        self.strata = [stratum_of(str(topic), SOURCE) for topic in documents.topics]
        self.of_topic = documents.topic
        self.unclear = np.array([str(topic) == UNCLEAR for topic in documents.topics])[documents.topic]
        self.counts = np.array([_counts(documents, i) for i in range(len(documents.topic))], dtype=np.int64)
        self.vectors = np.concatenate([documents.projection.astype(np.int64), fourier(documents.projection)], axis=1)

    def sums(self, places: np.ndarray) -> Sums:
        """The sums of the documents at these places."""
        sums = Sums()
        model = sums.model(self.model)
        model.n, model.n_unclear = len(places), int(self.unclear[places].sum())
        topics = self.of_topic[places]
        for topic in np.unique(topics):
            inside = places[topics == topic]
            vector = self.vectors[inside].sum(0).tolist()
            counts = self.counts[inside].sum(0).tolist()
            model.strata[self.strata[topic]] = Stratum(counts, len(inside), vector[:64], vector[64:])
        return sums

    def of(self, pools: Pools, rng: np.random.Generator, n_before: int, n_bucket: int) -> Iterator[Sums]:
        """A stream for ever: `n_before` documents without the change, then with it."""
        seen = 0
        while True:
            drawn = pools.draw(CHUNK, rng, seen >= n_before)
            for at in range(0, CHUNK, n_bucket):
                yield self.sums(drawn[at : at + n_bucket])
            seen += CHUNK


def record(documents: Documents, i: int) -> Classified:
    """A document as a record of `classified`."""
    p = documents.p[i].tolist()
    said = Prediction(
        model=str(documents.model),
        topic=Label(label=str(documents.topics[documents.topic[i]]), p=float(documents.p_topic[i])),
        sentiment=SentimentLabel(
            label=SENTIMENTS[documents.sentiment[i]], p=max(p), probabilities=dict(zip(SENTIMENTS, p, strict=True))
        ),
        projection=documents.projection[i].tobytes(),
    )
    return Classified(
        outcome="classified", source_channel="social", source_partition=0, source_offset=i, follows=i - 1, observed_ms=i,
        id=str(i), text_hash=f"{i:016x}", source=SOURCE, prediction=said,
    )  # fmt: skip


def _counts(documents: Documents, i: int) -> list[int]:
    sums = Sums()
    sums.add(record(documents, i))
    [stratum] = sums.models[str(documents.model)].strata.values()
    return stratum.counts
