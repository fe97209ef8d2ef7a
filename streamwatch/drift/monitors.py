"""The drift monitors: do the model's labels still mean what they meant?

Closed buckets go in, in order of event time; findings come out. Five kinds are watched with one budget of false alarms: class
shares and probabilities, confidence, embeddings, error rate where labels are known, and the share of documents without a
topic. All but the last are compared within topic and source, so that the news of the day is no drift.

Buckets are taken together to steps of `STEP_DOCUMENTS` or more. A step is tested against what was learnt before it, and then
learnt. The first `reference_documents` of a model version are learnt only. After an alarm all is learnt anew: what has
come is what is usual then, and one change is told once.

The result is a function of the sequence of closed buckets: not of calls, partitions, the wall clock, or of where the
state was written and read again.

Examples:
    >>> monitors = Monitors(DriftConfig(reference_documents=400))
    >>> def bucket(n_negative, n):
    ...     sums = Sums()
    ...     model = sums.model("m/1")
    ...     model.n = n
    ...     counts = model.stratum("earnings\\x1fwire").counts
    ...     counts[READ], counts[LABELS], counts[LABELS + 1] = n, n_negative, n - n_negative
    ...     return sums
    >>> for minute in range(40):
    ...     assert not monitors.advance(minute * 60_000, bucket(5 + minute % 3, 20))
    >>> found = [one for minute in range(40, 70) for one in monitors.advance(minute * 60_000, bucket(14, 20))]
    >>> found[0].kind, found[0].onset_ms // 60_000, found[0].at_ms // 60_000, found[0].topics[0].topic
    ('class_shares', 40, 42, 'earnings')
"""

from math import log

import msgspec

from streamwatch.drift.finding import Finding
from streamwatch.drift.state import ModelState, MonitorState
from streamwatch.drift.sums import LABELS, READ, Sums
from streamwatch.drift.watch import Watch
from streamwatch.timeline import DAY_MS

__all__ = ["LABELS", "READ", "DriftConfig", "Monitors"]

MAX_MODELS = 3
"""Model versions that are remembered: that which serves, and those that a promotion or a roll-back may bring back."""


class DriftConfig(msgspec.Struct, frozen=True):
    """What the monitors are told.

    Attributes:
        run_length: documents to a false alarm, at least, of all monitors of a model version together.
        reference_documents: of a model version, before anything is tested.
        half_life_ms: of event time, after which what was learnt weighs half: slow seasons are followed, not told.
    """

    run_length: float = 50_000.0
    reference_documents: int = 2_000
    half_life_ms: int = 28 * DAY_MS

    @property
    def log_threshold(self) -> float:
        """log A."""
        return log(self.run_length)


class Monitors:
    """All monitors of all model versions.

    Args:
        config: as for the life of the state.
        state: what `state` gave earlier; None begins anew.
    """

    def __init__(self, config: DriftConfig | None = None, state: MonitorState | None = None) -> None:
        self.config = config or DriftConfig()
        held = state or MonitorState()
        self._last_ms = held.last_ms
        self._watches = {model: Watch(self.config, model, of_model) for model, of_model in held.models.items()}

    @property
    def state(self) -> MonitorState:
        """All that is remembered."""
        models: dict[str, ModelState] = {model: watch.state for model, watch in self._watches.items()}
        return MonitorState(models=models, last_ms=self._last_ms)

    def advance(self, bucket_ms: int, sums: Sums) -> list[Finding]:
        """Take a closed bucket, merged over all partitions; what is found with it.

        Raises `ValueError` for a bucket that is not later than the last one.
        """
        if bucket_ms <= self._last_ms:
            raise ValueError(f"bucket {bucket_ms} came after {self._last_ms}: closed buckets come in order, each once")
        self._last_ms = bucket_ms
        found = []
        for name, model in sorted(sums.models.items()):
            finding = self._watch(name).advance(bucket_ms, model)
            if finding is not None:
                found.append(finding)
        return found

    def learning(self, model: str) -> bool:
        """Whether the reference of a model version is not complete, so that nothing is tested."""
        return model not in self._watches or self._watches[model].learning

    def _watch(self, model: str) -> Watch:
        if model not in self._watches:
            if len(self._watches) >= MAX_MODELS:
                del self._watches[min(self._watches, key=lambda name: (self._watches[name].last_ms, name))]
            self._watches[model] = Watch(self.config, model)
        return self._watches[model]
