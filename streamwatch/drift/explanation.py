"""From evidence to a finding: which monitor, since when, what moved, and which topics carry it."""

from collections.abc import Sequence
from math import exp
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamwatch.drift.alternatives import BY_TOPIC, FIRST_TOPIC, KIND_OF, N_SIDES, TILTS, WEIGHTS
from streamwatch.drift.embedding import Embedding
from streamwatch.drift.evidence import Evidence, log_sum
from streamwatch.drift.finding import KINDS, DriftKind, Finding, Moved, TopicMoved
from streamwatch.drift.watched import SCORES
from streamwatch.drift.window import DIGITS, N_EMBEDDED, RESIDUAL, VECTOR, N, Since, Window
from streamwatch.records import PROJECTION_BYTES

Floats = NDArray[np.float64]

MOST_TOPICS = 5
LEAST_PART = 0.05
"""A topic with less of the residual carries nothing."""
LARGEST_BYTE = 127


class Leading(NamedTuple):
    """The alternative with most evidence: its score, whether it is about a rise, and its topic where it is of one alone."""

    score: int
    rise: bool
    topic: int | None


def explain(
    model: str,
    at_ms: int,
    evidence: Evidence,
    window: Window,
    topics: Sequence[str],
    embedding: Embedding,
    log_threshold: float,
) -> Finding:
    """The finding of an alarm."""
    parts = evidence.log_parts(WEIGHTS)
    log_e = log_sum(parts)
    leader = int(parts.argmax())
    kind = KINDS[KIND_OF[leader]]
    onset_ms = int(evidence.onset_ms[leader])
    since = window.since(onset_ms)
    theta = embedding.pointing()
    carried = _along(since, theta) if kind == "embedding" else _of_score(since, _leading(leader))
    return Finding(
        kind=kind,
        model=model,
        onset_ms=onset_ms,
        at_ms=at_ms,
        n=since.n,
        moved=_moved(kind, since, embedding),
        topics=_carriers(kind, since, carried, topics),
        log_e=log_e,
        log_threshold=log_threshold,
        evidence={of: round(exp(log_sum(parts[i == KIND_OF]) - log_e), DIGITS) for i, of in enumerate(KINDS)},
        toward=_bytes(theta[:PROJECTION_BYTES]) if kind == "embedding" else b"",
    )


def _leading(alternative: int) -> Leading:
    """What an alternative of a score is about.

    >>> _leading(0), _leading(FIRST_TOPIC + 7)
    (Leading(score=0, rise=True, topic=None), Leading(score=0, rise=False, topic=0))
    """
    rise = alternative % N_SIDES < len(TILTS)
    if alternative < FIRST_TOPIC:
        return Leading(alternative // N_SIDES, rise, None)
    topic, of_topic = divmod((alternative - FIRST_TOPIC) // N_SIDES, len(BY_TOPIC))
    return Leading(BY_TOPIC[of_topic], rise, topic)


def _scores(kind: DriftKind) -> list[int]:
    """Of class shares the labels alone: their probabilities say the same, less plainly."""
    return [i for i, score in enumerate(SCORES) if score.kind == kind and not score.name.startswith("p(")]


def _moved(kind: DriftKind, since: Since, embedding: Embedding) -> tuple[Moved, ...]:
    if kind == "embedding":
        return (Moved("distance", 0.0, round(embedding.distance(), DIGITS)),)
    return since.moved(None, _scores(kind))


def _of_score(since: Since, leading: Leading) -> Floats:
    """By topic, how much of the residual speaks for the alarm."""
    residual = since.rows[:, RESIDUAL + leading.score].astype(np.float64) * (1 if leading.rise else -1)
    if leading.topic is not None:
        residual[np.arange(len(residual)) != leading.topic] = 0.0
    return residual


def _along(since: Since, theta: Floats) -> Floats:
    made: Floats = since.rows[:, VECTOR:].astype(np.float64) @ theta
    return made


def _carriers(kind: DriftKind, since: Since, carried: Floats, topics: Sequence[str]) -> tuple[TopicMoved, ...]:
    """The topics with the largest parts. The share of documents without a topic is of no topic."""
    total = float(np.maximum(carried, 0.0).sum())
    if kind == "unclear_share" or total <= 0:
        return ()
    made = []
    for place in np.argsort(-carried, kind="stable")[:MOST_TOPICS].tolist():
        part = float(carried[place]) / total
        if part >= LEAST_PART and place < len(topics):
            made.append(_carrier(kind, since, place, topics[place], part))
    return tuple(made)


def _carrier(kind: DriftKind, since: Since, place: int, topic: str, part: float) -> TopicMoved:
    if kind == "embedding":
        n, moved = int(since.rows[place, N_EMBEDDED]), Moved("part", 0.0, round(part, DIGITS))
    else:
        scores = _scores(kind)
        n, moved = int(since.rows[place, N + scores[0]]), since.moved(place, scores)[0]
    return TopicMoved(topic, n, round(part, DIGITS), moved)


def _bytes(direction: Floats) -> bytes:
    """A direction as signed bytes, its largest coordinate ±127."""
    largest = float(np.abs(direction).max())
    if not largest:
        return b""
    return np.rint(direction / largest * LARGEST_BYTE).astype(np.int8).tobytes()
