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
from streamwatch.evaluation.shares import Shares, best_share, shares_of
from streamwatch.evaluation.tally import Said, Tally
from streamwatch.inference.engine import UNCLEAR, Engine
from streamwatch.inference.unread import scripts_of, unread_prediction
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
            scored.tally.add(row.label, _said(answer, engine, terms, scored), row.group)
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


def _answers(texts: list[str], engine: Engine, terms: Terms) -> list[Shares | RejectError | None]:
    """What is said of each text; None of a text that no model is asked about."""
    ruled = [_ruled(text, terms.max_chars, engine) for text in texts]
    asked = iter(
        shares_of(
            engine,
            terms.task,
            [found for found in ruled if isinstance(found, str)],
            everything=not terms.labels.all_known,
            batch_tokens=terms.batch_tokens,
        )
    )
    return [next(asked) if isinstance(found, str) else found for found in ruled]


def _ruled(text: str, max_chars: int, engine: Engine) -> str | RejectError | None:
    """The model text, None where it cannot be read, an error where it is no text."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return RejectError("invalid_utf8", f"character {error.start}")
    cleaned = model_text(stored_text(text[:max_chars]))
    return None if unread_reason(cleaned, scripts_of(engine)) else cleaned


def _said(answer: Shares | RejectError | None, engine: Engine, terms: Terms, scored: Scored) -> Said | None:
    """The best of the scored labels; None where there is no answer. What failed and what was not read is counted."""
    if isinstance(answer, RejectError):
        scored.n_failed += 1
        return None
    if answer is None:
        scored.n_unread += 1
        answer = best_share(unread_prediction(engine.model), terms.task)
    names = terms.labels.names
    shares = {name: answer[name] for name in names if name in answer}
    if not shares:
        return None
    best = max(shares, key=lambda name: shares[name])
    p = shares[best] if terms.labels.all_known else _renormalised(shares[best], sum(shares.values()), len(names))
    return Said(names.index(best), p, confident=p >= terms.confident_at and best != UNCLEAR)


def _renormalised(p: float, total: float, n: int) -> float:
    """Where all of them were rounded to 0, each is as likely."""
    return p / total if total else 1 / n
