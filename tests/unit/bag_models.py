"""Tiny models that really learn: a linear classifier over hashed words, trained in milliseconds."""

import re
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamwatch.errors import RejectError
from streamwatch.inference.engine import Answer
from streamwatch.records import SENTIMENTS, Label, Prediction, SentimentLabel

WIDTH = 2048
RIDGE = 2.0
SHARPNESS = (2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)
"""Makes probabilities out of a ridge regression's scores, which lie near 0 and 1; the best on held-out texts is taken."""
HELD_OUT = 5
"""One text of so many, by its hash: copies of a text lie on one side."""


class Words(NamedTuple):
    """A text as this model reads it."""

    text: str
    n_tokens: int


class BagEngine:
    """Sentiment by the words of a text; every topic is `earnings`.

    It learns from `labelled` and `known`; how sure it may be it finds on a part of `labelled` that it has not learned yet.
    """

    def __init__(self, name: str, labelled: Sequence[tuple[str, str]], known: Sequence[tuple[str, str]] = ()) -> None:
        self.model = name
        self.labels = {"sentiment": SENTIMENTS, "topic": ("earnings",)}
        texts = [*labelled, *known]
        states = features([text for text, _ in texts])
        wanted = np.array([[label == one for one in SENTIMENTS] for _, label in texts], dtype=np.float64)
        held = np.array([zlib.crc32(text.encode()) % HELD_OUT == 0 for text, _ in texts])
        held[len(labelled) :] = False
        scores = states[held] @ _fitted(states[~held], wanted[~held])
        self._sharpness = min(SHARPNESS, key=lambda one: _log_loss(one * scores, wanted[held]))
        self._weights = _fitted(states, wanted)

    def prepare(self, texts: Sequence[str]) -> list[Words | RejectError]:
        """The texts, each as long as it has words."""
        return [Words(text, len(text.split()) + 1) for text in texts]

    def predict(self, batch: Sequence[Words]) -> list[Answer]:
        """A prediction for each row."""
        scores = self._sharpness * features([row.text for row in batch]) @ self._weights
        return [self._said(row) for row in _softmax(scores)]

    def _said(self, p: NDArray[np.float64]) -> Prediction:
        best = int(p.argmax())
        shares = {name: float(one) for name, one in zip(SENTIMENTS, p, strict=True)}
        return Prediction(
            topic=Label(label="earnings", p=1.0),
            sentiment=SentimentLabel(label=SENTIMENTS[best], p=float(p[best]), probabilities=shares),
            model=self.model,
        )


def _fitted(states: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.linalg.solve(states.T @ states + RIDGE * np.eye(states.shape[1]), states.T @ wanted)


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    p = np.exp(scores - scores.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def _log_loss(scores: NDArray[np.float64], wanted: NDArray[np.float64]) -> float:
    return float(-np.mean(np.log((_softmax(scores) * wanted).sum(1))))


def features(texts: Sequence[str]) -> NDArray[np.float64]:
    """Hashed words, each text of length 1, and a constant."""
    rows = np.zeros((len(texts), WIDTH + 1))
    for i, text in enumerate(texts):
        for word in re.findall(r"\w+", text.lower()):
            rows[i, zlib.crc32(word.encode()) % WIDTH] += 1.0
        rows[i] /= max(float(np.linalg.norm(rows[i])), 1e-9)
        rows[i, WIDTH] = 0.3
    return rows
