"""The documents that were drawn for people: the channel `drift`, folded.

A record may come twice (a crash between sending and noting it, a Redis that was wiped and built anew): the first of an id
counts. One without a value forgets its id.

Examples:
    >>> from streamwatch.labelling.examples import sample
    >>> samples = Samples()
    >>> for one in (sample("d1", text="first"), sample("d1", text="again"), sample("d2")): samples.apply(one)
    >>> [one.text for one in samples]
    ['first', 'Sales fell']
    >>> samples.forget("d1"); len(samples), samples.get("d1") is None
    (1, True)
"""

import logging
from collections.abc import Iterator

from streamwatch.config import Settings
from streamwatch.records import DriftSample

log = logging.getLogger(__name__)


class Samples:
    """By document id what was drawn, in the order of the channel."""

    def __init__(self) -> None:
        self._by_id: dict[str, DriftSample] = {}

    def apply(self, sample: DriftSample) -> None:
        """Count one record."""
        self._by_id.setdefault(sample.id, sample)

    def forget(self, document_id: str) -> None:
        """Forget a document."""
        self._by_id.pop(document_id, None)

    def copied(self) -> "Samples":
        """All of it as it is now, for who reads while another goes on folding."""
        copy = Samples()
        copy._by_id = dict(self._by_id)
        return copy

    def get(self, document_id: str) -> DriftSample | None:
        """The sample of a document, if it was drawn."""
        return self._by_id.get(document_id)

    def __iter__(self) -> Iterator[DriftSample]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)


def read_samples(settings: Settings) -> Samples:
    """All that the channel `drift` holds now. A record that is none of ours is said and left out.

    Raises `ConfigError` where there is no channel, `BrokerUnavailable`.
    """
    from streamwatch.following.channel_log import fold

    samples = Samples()
    fold(settings, "drift", DriftSample, samples.apply, samples.forget)
    return samples
