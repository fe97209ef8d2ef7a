"""The interface of what answers one task of a text."""

from collections.abc import Sequence
from typing import Any, Protocol

from streamwatch.errors import RejectError
from streamwatch.inference.engine import Prepared
from streamwatch.records import Label


class TaskBackend(Protocol):
    """Answers one task; like an `Engine` otherwise: in two steps, safe for several threads, a bad text fails alone."""

    @property
    def model(self) -> str:
        """The version: same version, same text, same label."""
        ...

    def prepare(self, texts: Sequence[str]) -> Sequence[Prepared | RejectError]:
        """The row of each of `texts`, in their order."""
        ...

    def predict(self, batch: Sequence[Any]) -> Sequence[Label | RejectError]:
        """One label for each row of one batch; for the task `sentiment` each is a `SentimentLabel`."""
        ...
