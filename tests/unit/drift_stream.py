"""A small stream of classified documents whose shares, topics and embeddings are told, for the tests of the drift monitors."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from streamwatch.drift.sums import Sums
from streamwatch.records import SENTIMENTS, Classified, Given, Label, Prediction, SentimentLabel

MINUTE_MS = 60_000
MODEL = "m/1"
USUAL_TOPICS = {"earnings": 0.5, "macro": 0.3, "ipo": 0.2}
P_NEGATIVE = {"earnings": 0.2, "macro": 0.5, "ipo": 0.3, "unclear": 0.3}


class Now(NamedTuple):
    """How documents are made: the weights of topics, how much more are negative, how sure the model is, the part of documents
    that lie elsewhere, and the part of labels, if known, that are wrong."""

    topics: Mapping[str, float] = USUAL_TOPICS
    more_negative: float = 0.0
    sure: float = 0.8
    elsewhere: float = 0.0
    wrong: float | None = None


def documents(rng: np.random.Generator, n: int, now: Now) -> list[Classified]:
    """Some documents."""
    names = list(now.topics)
    weights = np.array([now.topics[name] for name in names])
    return [_one(rng, names[topic], now) for topic in rng.choice(len(names), n, p=weights / weights.sum())]


def buckets(seed: int, n_buckets: int, now: Now | None = None, n: int = 25) -> list[Sums]:
    """Buckets of n documents."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n_buckets):
        sums = Sums()
        sums.add_many(documents(rng, n, now or Now()))
        made.append(sums)
    return made


def timed(parts: list[Sums]) -> Iterator[tuple[int, Sums]]:
    """One a minute, from the first minute on."""
    return ((place * MINUTE_MS, sums) for place, sums in enumerate(parts, 1))


def _one(rng: np.random.Generator, topic: str, now: Now) -> Classified:
    negative = rng.random() < P_NEGATIVE[topic] + now.more_negative
    label = "negative" if negative else SENTIMENTS[1 + int(rng.random() < 0.4)]
    p = float(np.clip(now.sure + 0.1 * rng.standard_normal(), 0.4, 0.99))
    rest = (1 - p) / 2
    centre = 60.0 if rng.random() < now.elsewhere else 10.0 * (len(topic) % 3)
    x = np.clip(centre * np.sign(np.arange(64) % 3 - 0.5) + 30 * rng.standard_normal(64), -127, 127).astype(np.int8)
    said = Prediction(
        model=MODEL,
        topic=Label(label=topic, p=0.9),
        sentiment=SentimentLabel(label=label, p=p, probabilities={s: p if s == label else rest for s in SENTIMENTS}),
        projection=x.tobytes(),
    )
    return Classified(
        outcome="classified", source_channel="news", source_partition=0, source_offset=0, follows=-1, observed_ms=0,
        source="wire", text_hash=f"{int(rng.integers(2**62)):016x}", prediction=said, given=_given(rng, label, now),
    )  # fmt: skip


def _given(rng: np.random.Generator, label: str, now: Now) -> Given | None:
    if now.wrong is None:
        return None
    other = SENTIMENTS[(SENTIMENTS.index(label) + 1) % 3]
    return Given(sentiment=other if rng.random() < now.wrong else label)
