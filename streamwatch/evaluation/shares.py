"""What an engine says of texts as far as it is scored: labels with their probabilities.

All labels of the head are scored: the best one and its probability are enough, as the worker has them. Only some are
(`--classes`): the probabilities of all are needed. A sentiment brings them; for another head the engine must give them.

Examples:
    >>> from streamwatch.inference.engine import NullEngine
    >>> [said] = shares_of(NullEngine(), "sentiment", ["$AAPL falls"], everything=True, batch_tokens=4096)
    >>> {name: round(p, 2) for name, p in said.items()}
    {'negative': 0.08, 'neutral': 0.84, 'positive': 0.08}
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import numpy as np

from streamwatch.errors import ConfigError, RejectError
from streamwatch.inference.engine import Answer, Engine, classify, in_batches
from streamwatch.learning.metrics import Floats
from streamwatch.records import Prediction

Shares = Mapping[str, float]
"""Label to probability."""


class TellsAll(Protocol):
    """An engine that gives the probabilities of all labels."""

    labels: Mapping[str, tuple[str, ...]]

    def probabilities(self, batch: Sequence[Any]) -> Mapping[str, Floats]:
        """Of each head `(n, k)` for the `n` rows of a batch; not finite where the network's were not."""
        ...


def shares_of(
    engine: Engine, task: str, texts: Sequence[str], *, everything: bool, batch_tokens: int
) -> list[Shares | RejectError]:
    """What is said of each text: the best label alone, or `everything`. Raises `ConfigError` when that cannot be had."""
    if everything and task != "sentiment":
        return _all_shares(engine, task, texts, batch_tokens)
    return [_shares(answer, task, everything) for answer in classify(engine, texts, batch_tokens)]


def _shares(answer: Answer, task: str, everything: bool) -> Shares | RejectError:
    if isinstance(answer, RejectError):
        return answer
    if everything and answer.sentiment is not None:
        return answer.sentiment.probabilities
    return best_share(answer, task)


def best_share(prediction: Prediction, task: str) -> Shares:
    """What a head says; nothing where the text was not read. Raises `ConfigError` for a head that is not there."""
    labels = {"sentiment": prediction.sentiment, "topic": prediction.topic, **prediction.heads}
    if task not in labels and prediction.sentiment is not None:
        raise ConfigError(f"--task {task}: the model has no such head; its heads are {', '.join(labels)}")
    label = labels.get(task)
    return {} if label is None else {label.label: label.p}


def _all_shares(engine: Engine, task: str, texts: Sequence[str], batch_tokens: int) -> list[Shares | RejectError]:
    if not hasattr(engine, "probabilities"):
        raise ConfigError(f"--classes: this model gives no probability of a {task} but the best one's")
    teller = cast(TellsAll, engine)
    return in_batches(
        engine,
        texts,
        batch_tokens,
        lambda rows: [_named(teller.labels[task], p) for p in teller.probabilities(rows)[task]],
    )


def _named(names: Sequence[str], p: Floats) -> Shares | RejectError:
    if not np.isfinite(p).all():
        return RejectError("classification_failed", "the model gave no finite probabilities")
    return dict(zip(names, p.tolist(), strict=True))
