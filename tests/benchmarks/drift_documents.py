"""Real documents as the shipped model sees them, computed once: what `drift_power.py` resamples its streams from.

The cache is a folder-less `.npz`: predictions and projections of some 12,000 texts, no text. It is written in chunks, so that
a stopped run goes on where it was.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from streamwatch.config import load
from streamwatch.inference.opening import open_engine
from streamwatch.records import PROJECTION_BYTES, SENTIMENTS, Prediction
from streamwatch.text.clean import model_text, stored_text

CHUNK = 500
"""Texts between two writes of the cache."""
FINANCE, TOPICS, AIRLINE = "finance", "topics", "airline"
SETS = {
    FINANCE: ("sentiment/twitter_financial_train.csv", 5_500),
    TOPICS: ("topic/twitter_financial_train.csv", 4_000),
    AIRLINE: ("stream/airline_tweets_2015.csv.gz", 2_500),
}
"""Files and how many of their texts, drawn with one seed: 12,000 together."""


class Documents(NamedTuple):
    """Of each text: its set, its own label and what the model says of it (`topic` and `sentiment` as places of `topics`
    and of SENTIMENTS), and what classifying all of them has cost."""

    of_set: np.ndarray
    label: np.ndarray
    topic: np.ndarray
    p_topic: np.ndarray
    p: np.ndarray
    projection: np.ndarray
    topics: np.ndarray
    cpu_s: np.ndarray
    model: np.ndarray

    @property
    def sentiment(self) -> np.ndarray:
        """The label that the model gives."""
        return self.p.argmax(1)


def documents(cache: Path, data: Path, seed: int = 1) -> Documents:
    """Read the cache, and compute what it does not have yet."""
    held = dict(np.load(cache, allow_pickle=False)) if cache.exists() else None
    wanted = list(_wanted(data, seed))
    done = len(held["label"]) if held else 0
    if done == len(wanted):
        return Documents(**held)
    return _compute(cache, wanted, held)


def _compute(cache: Path, wanted: Sequence[tuple[str, str, str]], held: dict | None) -> Documents:
    engine = open_engine(load(precision="fp32", cascade="off"))
    topics = list(engine.labels["topic"])
    done = len(held["label"]) if held else 0
    for at in range(done, len(wanted), CHUNK):
        chunk = wanted[at : at + CHUNK]
        texts = [model_text(stored_text(text)) for _, text, _ in chunk]
        started = time.process_time()
        answers = engine.classify(texts)
        held = _appended(held, chunk, answers, topics, time.process_time() - started, engine.model)
        np.savez(cache, **held)
        print(f"\rclassified {at + len(chunk):,} of {len(wanted):,}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return Documents(**held)


def _appended(held: dict | None, chunk: Sequence, answers: Sequence, topics: list, cpu_s: float, model: str) -> dict:
    assert all(isinstance(answer, Prediction) for answer in answers), "a text was not classified"
    made = {
        "of_set": np.array([of_set for of_set, _, _ in chunk]),
        "label": np.array([label for _, _, label in chunk]),
        "topic": np.array([topics.index(answer.topic.label) for answer in answers]),
        "p_topic": np.array([answer.topic.p for answer in answers]),
        "p": np.array([[answer.sentiment.probabilities[s] for s in SENTIMENTS] for answer in answers]),
        "projection": np.frombuffer(b"".join(a.projection for a in answers), np.int8).reshape(-1, PROJECTION_BYTES),
    }
    both = {name: np.concatenate([held[name], new]) for name, new in made.items()} if held else made
    spent = (float(held["cpu_s"]) if held else 0.0) + cpu_s
    return {**both, "topics": np.array(topics), "cpu_s": np.array(spent), "model": np.array(model)}


def _wanted(data: Path, seed: int) -> Iterator[tuple[str, str, str]]:
    """(set, text, label), in one order."""
    for name, (file, n) in SETS.items():
        frame = pd.read_csv(data / file)
        column = "sentiment" if "sentiment" in frame else "label"
        for row in frame.sample(n, random_state=seed).itertuples():
            yield name, row.text, getattr(row, column)
