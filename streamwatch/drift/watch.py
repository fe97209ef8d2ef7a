"""The monitors of one model version: steps, tests, learning, and the alarm.

closed bucket ─ waits for a step's worth ─ residuals ─ e-values ─ evidence ─ alarm, and all begins anew
                                              └──────── learnt after the test
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from streamwatch.drift.alternatives import (
    BY_TOPIC,
    FIRST_SCALE,
    FIRST_TOPIC,
    MAX_TOPICS,
    N_ALTERNATIVES,
    N_SCALES,
    N_SIDES,
    WEIGHTS,
    tilted,
)
from streamwatch.drift.embedding import NO_BETS, Embedding
from streamwatch.drift.evidence import Evidence
from streamwatch.drift.explanation import explain
from streamwatch.drift.finding import Finding
from streamwatch.drift.packing import pack_embedding, pack_spread, unpack_embedding, unpack_spread
from streamwatch.drift.reference import ALL_DOCUMENTS, Reference, Residuals
from streamwatch.drift.spread import Spread, Step
from streamwatch.drift.state import ModelState, array, raw
from streamwatch.drift.steps import StepTable, table
from streamwatch.drift.sums import ModelSums, topic_of
from streamwatch.drift.watched import N_COLUMNS
from streamwatch.drift.window import EXPECTED, N_EMBEDDED, RESIDUAL, VECTOR, WIDTH, N, Window

if TYPE_CHECKING:
    from streamwatch.drift.monitors import DriftConfig

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

STEP_DOCUMENTS = 20
"""Fewer are taken together: what a step costs is spread over them, and their sums are nearly Gaussian."""


class Watch:
    """All monitors of one model version; `state` holds everything."""

    _n: int
    _learnt_ms: int
    _waiting_ms: int
    _waiting: ModelSums
    _topics: list[str]
    _reference: Reference
    _evidence: Evidence
    _spread: Spread
    _embedding: Embedding
    _window: Window

    def __init__(self, config: DriftConfig, model: str, state: ModelState | None = None) -> None:
        self.config, self.model = config, model
        self.last_ms = 0
        if state is None:
            self._begin()
        else:
            self._restore(state)

    @property
    def learning(self) -> bool:
        """Whether the reference is not complete."""
        return self._n < self.config.reference_documents

    def advance(self, bucket_ms: int, sums: ModelSums) -> Finding | None:
        """Take this model's documents of a closed bucket."""
        self.last_ms = bucket_ms
        if not self._waiting.n:
            self._waiting_ms = bucket_ms
        self._waiting.absorb(sums)
        if self._waiting.n < STEP_DOCUMENTS:
            return None
        step, self._waiting = self._waiting, ModelSums()
        return self._take(self._waiting_ms, bucket_ms, step)

    @property
    def state(self) -> ModelState:
        """All that is remembered."""
        return ModelState(
            n=self._n, last_ms=self.last_ms, learnt_ms=self._learnt_ms,
            waiting_ms=self._waiting_ms, waiting=_copied(self._waiting),
            strata=[*self._reference.names], topics=[*self._topics], counts=raw(self._reference.counts),
            log_m=raw(self._evidence.log_m), cusum=raw(self._evidence.cusum), onset_ms=raw(self._evidence.onset_ms),
            spread=pack_spread(self._spread), embedding=pack_embedding(self._embedding), blocks=self._window.blocks,
        )  # fmt: skip

    def _take(self, start_ms: int, at_ms: int, sums: ModelSums) -> Finding | None:
        """Test a step where the reference is complete, then learn it."""
        step = table(sums)
        at = self._reference.places(step.names)
        topics = self._topics_of(step.names)
        residuals = self._reference.residuals(at, step.counts)
        vectors = self._embedding.residual(at, step.vectors)
        whole = Step(
            start_ms, *(of.sum(0) for of in (residuals.n, residuals.sums, residuals.variance, residuals.known))
        )
        if not self.learning:
            self._test(start_ms, whole, residuals, topics)
        self._bet(start_ms, vectors)
        self._window.add(start_ms, sums.n, self._rows(topics, residuals, vectors))
        if not self.learning and self._evidence.log_mean(WEIGHTS) >= self.config.log_threshold:
            found = self._found(at_ms)
            self._begin()
            return found
        self._learn(at_ms, sums.n, at, step, whole)
        return None

    def _test(self, start_ms: int, whole: Step, residuals: Residuals, topics: Places) -> None:
        """Add the evidence of the scores, over all strata together and by topic."""
        power, rho = self._spread.power, self._spread.rho
        self._log_e = np.zeros(N_ALTERNATIVES)
        self._seen = np.zeros(N_ALTERNATIVES)
        of_scores = tilted(whole.sums, self._spread.variance(whole), whole.known) * power[:, None]
        self._log_e[:FIRST_TOPIC], self._seen[:FIRST_TOPIC] = of_scores.ravel(), np.repeat(whole.n, N_SIDES)
        chosen = list(BY_TOPIC)
        n, sums, variance, known = (
            _by_topic(topics, of[:, chosen])
            for of in (residuals.n, residuals.sums, residuals.variance, residuals.known)
        )
        variance += np.maximum(n - 1, 0) * rho[chosen] * known
        of_topics = tilted(sums.ravel(), variance.ravel(), known.ravel()) * np.tile(power[chosen], MAX_TOPICS)[:, None]
        self._log_e[FIRST_TOPIC:FIRST_SCALE] = of_topics.ravel()
        self._seen[FIRST_TOPIC:FIRST_SCALE] = np.repeat(n.ravel(), N_SIDES)

    def _bet(self, start_ms: int, vectors: tuple[Floats, Floats, Floats]) -> None:
        """Add the evidence of the embedding, and let it learn where it pointed."""
        n, r, variance = (of.sum(0) for of in vectors)
        if n:
            bets = NO_BETS if self.learning else self._embedding.bets()
            if not self.learning:
                self._log_e[FIRST_SCALE:] = self._embedding.log_e(bets, r, n, variance)
                self._seen[FIRST_SCALE:] = n
            self._embedding.hold(start_ms, bets, r, n, variance)
        if not self.learning:
            self._evidence.add(self._log_e, self._seen, start_ms)

    def _learn(self, at_ms: int, n: int, at: Places, step: StepTable, whole: Step) -> None:
        kept = 0.5 ** ((at_ms - self._learnt_ms) / self.config.half_life_ms) if self._learnt_ms else 1.0
        self._reference.discount(kept)
        self._embedding.discount(kept)
        self._reference.learn(at, step.counts)
        self._embedding.learn(at, step.vectors)
        self._spread.hold(whole)
        learning, self._learnt_ms = self.learning, at_ms
        self._n += n
        if learning and not self.learning:
            self._spread.settle()
            self._embedding.settle()

    def _found(self, at_ms: int) -> Finding:
        return explain(
            self.model, at_ms, self._evidence, self._window, self._topics, self._embedding, self.config.log_threshold
        )

    def _topics_of(self, names: list[str]) -> Places:
        """The place of each stratum's topic: that of all documents first, those beyond `MAX_TOPICS` in the last one."""
        places = []
        for name in names:
            topic = topic_of(name)
            if topic not in self._topics and len(self._topics) < MAX_TOPICS:
                self._topics.append(topic)
            places.append(self._topics.index(topic) if topic in self._topics else MAX_TOPICS - 1)
        return np.array(places, dtype=np.int64)

    def _rows(
        self, topics: Places, residuals: Residuals, vectors: tuple[Floats, Floats, Floats]
    ) -> NDArray[np.float32]:
        """A step by topic, for the window."""
        made = np.zeros((len(topics), WIDTH))
        made[:, N:EXPECTED], made[:, EXPECTED:RESIDUAL] = residuals.n, residuals.expected
        made[:, RESIDUAL:N_EMBEDDED] = residuals.sums
        made[:, N_EMBEDDED], made[:, VECTOR:] = vectors[0], vectors[1]
        return _by_topic(topics, made, len(self._topics)).astype(np.float32)

    def _begin(self) -> None:
        """Know nothing."""
        self._n = self._learnt_ms = self._waiting_ms = 0
        self._waiting = ModelSums()
        self._topics = [ALL_DOCUMENTS]
        self._reference = Reference()
        self._evidence = Evidence.fresh(N_ALTERNATIVES)
        self._spread = Spread()
        self._embedding = Embedding()
        self._window = Window()

    def _restore(self, state: ModelState) -> None:
        self._n, self.last_ms, self._learnt_ms = state.n, state.last_ms, state.learnt_ms
        self._waiting_ms, self._waiting = state.waiting_ms, _copied(state.waiting)
        self._topics = [*state.topics]
        self._reference = Reference(state.strata, array(state.counts, "<f8", -1, N_COLUMNS))
        self._evidence = Evidence(array(state.log_m, "<f8"), array(state.cusum, "<f8"), array(state.onset_ms, "<i8"))
        self._spread = unpack_spread(state.spread)
        self._embedding = unpack_embedding(state.embedding)
        self._window = Window(state.blocks)


def _copied(sums: ModelSums) -> ModelSums:
    """A state does not change when its monitors go on."""
    copied = ModelSums()
    copied.absorb(sums)
    return copied


def _by_topic(topics: Places, values: Floats, n_topics: int = MAX_TOPICS) -> Floats:
    """Rows of strata added to rows of topics."""
    made = np.zeros((n_topics, values.shape[1]))
    np.add.at(made, topics, values)
    return made


assert N_SCALES == N_ALTERNATIVES - FIRST_SCALE
