"""What two models say of the same documents: the ground of every comparison, and of a promotion's shift.

Texts are cleaned as the worker cleans them, and each is read once by each model. A text that a model cannot read, or
fails on, has no sentiment there (all three probabilities are NaN) and the topic that the worker would write.

`uniform` draws documents by the hash of their id: the n smallest hashes of any number of documents are a uniform sample
without replacement, the same one in every run, in memory of n.

Examples:
    >>> from streamwatch.inference.engine import NullEngine
    >>> both = score_pair(NullEngine(), NullEngine(), ["$AAPL falls", "...", "Oil climbs"])
    >>> both.incumbent.sentiment.shape, both.read.tolist(), bool(both.changed("sentiment").any())
    ((3, 3), [True, False, True], False)
    >>> uniform([("a", 1), ("b", 2), ("c", 3)], 2) == uniform([("c", 3), ("b", 2), ("a", 1)], 2)
    True
"""

import heapq
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from streamwatch.errors import RejectError
from streamwatch.inference.engine import BATCH_TOKENS, Answer, Engine, classify
from streamwatch.inference.unread import scripts_of, unread_prediction
from streamwatch.records import SENTIMENTS, Prediction
from streamwatch.text.clean import model_text, stored_text
from streamwatch.text.readable import unread_reason

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Names = NDArray[np.str_]
T = TypeVar("T")
Progress = Callable[[int, int], None]

CHUNK_TEXTS = 1024
"""Texts classified together: enough to sort by length; progress is told after each."""
MAX_CHARS = 20_000
"""Where the worker cuts a text, by default."""
SALT = b"paired"
"""Of the draw's hash: it is not the queue's, so that what is drawn here says nothing of what was labelled."""
FAILED = ""
"""The topic of a text that a model failed on."""


class Said(NamedTuple):
    """What one model says of n texts.

    Args:
        model: its version, as on records.
        sentiment: `(n, 3)` probabilities in the order of `SENTIMENTS`; NaN where there is none.
        topic: `(n,)` names; `FAILED` where the model failed.
        topic_p: `(n,)` their probabilities.
    """

    model: str
    sentiment: Floats
    topic: Names
    topic_p: Floats

    @property
    def read(self) -> Bools:
        """Which texts have a sentiment."""
        return ~np.isnan(self.sentiment[:, 0])

    def labels(self, task: str) -> Names:
        """The label of each text by name: `sentiment` or `topic`; empty where there is none."""
        if task == "topic":
            return self.topic
        best = np.argmax(np.nan_to_num(self.sentiment), axis=1)
        return np.where(self.read, np.array(SENTIMENTS)[best], FAILED)

    def p(self, task: str) -> Floats:
        """The probability of each text's label; 0 where there is none."""
        return self.topic_p if task == "topic" else np.nan_to_num(self.sentiment).max(axis=1, initial=0.0)

    @property
    def negative(self) -> Bools:
        """Which texts are called negative."""
        return self.labels("sentiment") == SENTIMENTS[0]


class Paired(NamedTuple):
    """What both models say of the same n texts, in their order."""

    incumbent: Said
    candidate: Said

    @property
    def read(self) -> Bools:
        """Which texts both models read."""
        return self.incumbent.read & self.candidate.read

    def changed(self, task: str) -> Bools:
        """Which texts have another label with the candidate."""
        return self.incumbent.labels(task) != self.candidate.labels(task)


def score_pair(incumbent: Engine, candidate: Engine, texts: Sequence[str], progress: Progress | None = None) -> Paired:
    """What both engines say of `texts` (as stored or as they came: cleaning a clean text changes nothing).

    `progress` hears how many of 2 n readings are done. Raises what an engine raises as a whole.
    """
    n = len(texts)
    told = progress or (lambda done, total: None)
    first = score(incumbent, texts, lambda done, _: told(done, 2 * n))
    return Paired(first, score(candidate, texts, lambda done, _: told(n + done, 2 * n)))


def score(engine: Engine, texts: Sequence[str], progress: Progress | None = None) -> Said:
    """What one engine says of `texts`."""
    answers: list[Answer] = []
    for start in range(0, len(texts), CHUNK_TEXTS):
        answers += _answers(engine, texts[start : start + CHUNK_TEXTS])
        if progress:
            progress(len(answers), len(texts))
    return _said(engine.model, answers)


class UniformDraw(Generic[T]):
    """The `n` documents whose ids have the smallest hashes, among those that were offered. Holds no more than that."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._kept: dict[int, T] = {}
        self._waiting: list[int] = []

    def __len__(self) -> int:
        return len(self._kept)

    def takes(self, name: str) -> bool:
        """Whether a document of that id would be among them now; of several with one id the first is kept."""
        return self._has_room(_place(name))

    def offer(self, name: str, document: T) -> bool:
        """Take part in the draw; says whether the document is among them for now."""
        place = _place(name)
        if not self._has_room(place):
            return False
        self._kept[place] = document
        heapq.heappush(self._waiting, -place)
        if len(self._waiting) > self._n:
            del self._kept[-heapq.heappop(self._waiting)]
        return True

    def drawn(self) -> list[T]:
        """What was drawn, in the order of the hashes."""
        return [self._kept[place] for place in sorted(self._kept)]

    def _has_room(self, place: int) -> bool:
        return place not in self._kept and (len(self._waiting) < self._n or place < -self._waiting[0])


def uniform(documents: Iterable[tuple[str, T]], n: int) -> list[T]:
    """The `n` of (id, document) whose ids have the smallest hashes, all of them where there are fewer.

    Of several with one id the first is kept.
    """
    draw = UniformDraw[T](n)
    for name, document in documents:
        draw.offer(name, document)
    return draw.drawn()


def _place(name: str) -> int:
    return int.from_bytes(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8, person=SALT).digest(), "big")


def _answers(engine: Engine, texts: Sequence[str]) -> list[Answer]:
    cleaned = [model_text(stored_text(text[:MAX_CHARS])) for text in texts]
    scripts = scripts_of(engine)
    unread = [bool(unread_reason(text, scripts)) for text in cleaned]
    asked = iter(classify(engine, [text for text, no in zip(cleaned, unread, strict=True) if not no], BATCH_TOKENS))
    return [unread_prediction(engine.model) if no else next(asked) for no in unread]


def _said(model: str, answers: Sequence[Answer]) -> Said:
    return Said(
        model,
        np.array([_sentiment(answer) for answer in answers], dtype=np.float64).reshape(-1, len(SENTIMENTS)),
        np.array([FAILED if isinstance(a, RejectError) else a.topic.label for a in answers], dtype=np.str_),
        np.array([0.0 if isinstance(a, RejectError) else a.topic.p for a in answers], dtype=np.float64),
    )


def _sentiment(answer: Answer) -> list[float]:
    if isinstance(answer, Prediction) and answer.sentiment is not None:
        return [answer.sentiment.probabilities[name] for name in SENTIMENTS]
    return [float("nan")] * len(SENTIMENTS)
