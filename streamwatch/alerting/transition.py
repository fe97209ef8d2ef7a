"""What the evaluator says: an alert without its documents, and where those are to be read."""

import msgspec

from streamwatch.records import Alert, Record, Sentiment


class Reference(Record, frozen=True):
    """A record of `classified` that shows why: its partition and offset there."""

    partition: int
    offset: int
    text_hash: str
    copies: int = 1
    sentiment: Sentiment = "negative"


class Transition(Record, frozen=True, kw_only=True):
    """A new state of an episode. `alert.evidence` has the concentration and no documents; `complete` fills them in.

    `past_refs` is a sample of what the series spoke of before its window: what terms are compared with. With `toward`, 64
    signed bytes, those of `refs` are shown whose projections point there most.
    """

    alert: Alert
    refs: tuple[Reference, ...] = ()
    past_refs: tuple[Reference, ...] = ()
    toward: bytes = b""

    @property
    def key(self) -> tuple[str, int]:
        """What is sent once: the episode and its revision."""
        return self.alert.id, self.alert.revision


class Changes(msgspec.Struct, frozen=True):
    """What the store must write, in one step with the transitions, to continue from here.

    `detectors` and `evidence` are a series' two states, None where it is dropped; `texts` are new hashes by hour (start,
    ms); `header` is always there.
    """

    detectors: dict[str, bytes | None]
    evidence: dict[str, bytes | None]
    texts: dict[int, list[str]]
    dropped_hours: list[int]
    header: bytes


class EvaluatorState(msgspec.Struct, frozen=True):
    """What the store kept: the sum of all changes."""

    detectors: dict[str, bytes] = {}
    evidence: dict[str, bytes] = {}
    texts: dict[int, list[str]] = {}
    header: bytes = b""

    def after(self, changes: Changes) -> "EvaluatorState":
        """This state with `changes` applied: what a store does, for tests and for memory."""
        hours = set(self.texts) | set(changes.texts)
        texts = {hour: [*self.texts.get(hour, ()), *changes.texts.get(hour, ())] for hour in hours}
        for hour in changes.dropped_hours:
            texts.pop(hour, None)
        return EvaluatorState(
            _merged(self.detectors, changes.detectors), _merged(self.evidence, changes.evidence), texts, changes.header
        )


def _merged(kept: dict[str, bytes], changed: dict[str, bytes | None]) -> dict[str, bytes]:
    return {name: raw for name, raw in (kept | changed).items() if raw is not None}
