"""Ask an engine about labelled texts, cleaned as the worker cleans them, and keep what it says.

Nothing is left out in silence. A text that the model cannot read (`n_unread`) or fails on (`n_failed`) is scored as wrong,
whatever its label: who measures two models on one file compares them on the same texts. Only a row whose label is not
among the scored ones is left out, and counted.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import NamedTuple

import msgspec

from streamwatch.errors import ConfigError, RejectError
from streamwatch.evaluation.labelled_file import LabelledText
from streamwatch.evaluation.labels import Labels
from streamwatch.evaluation.tally import Said, Tally
from streamwatch.inference.engine import UNCLEAR, Answer, Engine, classify
from streamwatch.inference.unread import scripts_of, unread_prediction
from streamwatch.records import Label, Prediction, SentimentLabel
from streamwatch.text.clean import model_text, stored_text
from streamwatch.text.readable import unread_reason

CHUNK_ROWS = 2048
"""Rows classified together: enough to sort by length, and half a megabyte of tweets in memory."""


class Terms(NamedTuple):
    """On what terms a model is scored.

    Args:
        task: the head.
        labels: that are scored.
        confident_at: the least probability of a confident answer.
        max_chars: a longer text is cut there, as in the worker.
        batch_tokens: of one batch.
    """

    task: str
    labels: Labels
    confident_at: float
    max_chars: int
    batch_tokens: int


class Scored(msgspec.Struct):
    """The tally of a file, the rows that had no answer or were left out, and how long it took from first to last."""

    tally: Tally
    n_left_out: int = 0
    n_unread: int = 0
    n_failed: int = 0
    seconds: float = 0.0


class _Known(NamedTuple):
    """A row whose label is scored."""

    label: int
    text: str
    group: str


def score(
    rows: Iterable[LabelledText], engine: Engine, terms: Terms, path: str, progress: Callable[[int], None]
) -> Scored:
    """Score all rows, some thousand at a time. Raises `ConfigError` for a label that is not known."""
    scored, began = Scored(Tally()), monotonic()
    known = _known(rows, terms.labels, path, scored)
    while chunk := list(itertools.islice(known, CHUNK_ROWS)):
        for row, answer in zip(chunk, _answers([row.text for row in chunk], engine, terms), strict=True):
            scored.tally.add(row.label, _said(answer, terms, scored), row.group)
        progress(len(scored.tally))
    scored.seconds = monotonic() - began
    if not len(scored.tally):
        raise ConfigError(f"{path}: no rows to score ({scored.n_left_out} left out)")
    return scored


def _known(rows: Iterable[LabelledText], labels: Labels, path: str, scored: Scored) -> Iterator[_Known]:
    for row in rows:
        label = labels.number(row.label, f"{path}: row {row.row}")
        if label is None:
            scored.n_left_out += 1
        else:
            yield _Known(label, row.text, row.group)


def _answers(texts: list[str], engine: Engine, terms: Terms) -> list[Answer]:
    """What is said of each text: by the engine, or by rule of a text that cannot be read."""
    ruled = [_ruled(text, terms.max_chars, engine) for text in texts]
    asked = classify(engine, [found for found in ruled if isinstance(found, str)], terms.batch_tokens)
    answers = iter(asked)
    return [next(answers) if isinstance(found, str) else found for found in ruled]


def _ruled(text: str, max_chars: int, engine: Engine) -> str | Answer:
    """The model text, or the answer where no model is asked."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return RejectError("invalid_utf8", f"character {error.start}")
    cleaned = model_text(stored_text(text[:max_chars]))
    return unread_prediction(engine.model) if unread_reason(cleaned, scripts_of(engine)) else cleaned


def _said(answer: Answer, terms: Terms, scored: Scored) -> Said | None:
    """The best of the scored labels; None, and counted, where there is no answer."""
    if isinstance(answer, RejectError):
        scored.n_failed += 1
        return None
    scored.n_unread += answer.sentiment is None
    label = label_of(answer, terms.task)
    best = None if label is None else _best(label, terms.labels)
    if best is None:
        return None
    name, p = best
    return Said(terms.labels.names.index(name), p, confident=p >= terms.confident_at and name != UNCLEAR)


def label_of(prediction: Prediction, task: str) -> Label | None:
    """What a head says, None where the text was not read. Raises `ConfigError` for a head that the model does not have."""
    if task == "topic":
        return prediction.topic
    if task == "sentiment" or prediction.sentiment is None:
        return prediction.sentiment
    if task not in prediction.heads:
        heads = ", ".join(["sentiment", "topic", *prediction.heads])
        raise ConfigError(f"--task {task}: the model has no such head; its heads are {heads}")
    return prediction.heads[task]


def _best(label: Label, labels: Labels) -> tuple[str, float] | None:
    """The name and the probability among the scored labels, which sum to 1; None where it says none of them."""
    if labels.all_known:
        return label.label, label.p
    if not isinstance(label, SentimentLabel):
        return (label.label, label.p) if label.label in labels.names else None
    chosen = [label.probabilities[name] for name in labels.names]
    total, best = sum(chosen), max(chosen)
    share = best / total if total else 1 / len(chosen)
    return labels.names[chosen.index(best)], share
