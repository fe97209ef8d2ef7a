"""Documents of one's own stream, drawn uniformly: the past of somebody who has no other.

A model that learns from few answers forgets what nobody asked about. What it said of 5,000 documents drawn from the channel
`classified` is kept and taught again beside the answers (learning without forgetting; Li and Hoiem, arXiv 1606.09282).
The draw is by hash: of the documents that were classified and read, each different text once, those with the smallest
hashes. So the same stream gives the same documents, whoever reads it and in whatever order.
"""

import heapq
from collections.abc import Iterable, Iterator
from pathlib import Path

from streamwatch.codec import decode
from streamwatch.config import Settings
from streamwatch.errors import ConfigError, RejectError
from streamwatch.records import Classified
from streamwatch.retraining.known import KnownText, id_hash

ENOUGH = 5_000
"""Documents of the past that a retraining wants at least. With fewer, rare classes are not among them."""


class Draw:
    """The `n` documents with the smallest hashes among those that were offered. Holds no more than that.

    >>> from streamwatch.testing.records import classified
    >>> one, other = Draw(2), Draw(2)
    >>> for i in range(9):
    ...     one.offer(classified(f"d{i}")), other.offer(classified(f"d{8 - i}"))  # doctest: +ELLIPSIS
    (...
    >>> [text.id for text in one.texts()] == [text.id for text in other.texts()]
    True
    """

    def __init__(self, n: int) -> None:
        self.n_offered = 0
        self._n = n
        self._heap: list[tuple[int, str]] = []
        self._texts: dict[str, KnownText] = {}

    def offer(self, record: Classified) -> None:
        """Take part in the draw; what the model did not read, and further copies of a text, do not."""
        if record.outcome != "classified" or record.prediction is None or record.unread or not record.text:
            return
        self.n_offered += 1
        by = record.text_hash or id_hash(record.id)  # copies in several partitions are one text
        key = int(id_hash(by), 16)
        if by in self._texts:
            self._texts[by] = min(self._texts[by], _known(record), key=lambda text: text.id)  # whichever came first
            return
        if len(self._heap) == self._n and (not self._n or -self._heap[0][0] < key):
            return
        self._texts[by] = _known(record)
        if len(self._heap) < self._n:
            heapq.heappush(self._heap, (-key, by))
        else:
            del self._texts[heapq.heapreplace(self._heap, (-key, by))[1]]

    def texts(self) -> list[KnownText]:
        """What was drawn, by hash."""
        return [self._texts[by] for _, by in sorted(self._heap, reverse=True)]


def _known(record: Classified) -> KnownText:
    return KnownText(
        id=record.id,
        text=record.text,
        published_ms=record.published_ms,
        origin="stream",
        source=record.source,
        author_hash=record.author_hash,
        uniform=True,
    )


def draw(records: Iterable[Classified], n: int) -> list[KnownText]:
    """`n` documents out of `records`, or all that can be drawn where those are fewer."""
    drawing = Draw(n)
    for record in records:
        drawing.offer(record)
    return drawing.texts()


def classified_records(settings: Settings) -> Iterator[Classified]:
    """What the channel `classified` holds now. Raises `ConfigError` where there is no channel, `BrokerUnavailable`."""
    from streamwatch.following.channel_log import values

    for value in values(settings, "classified", from_start=True, follow=False):
        try:
            yield decode(value, Classified)
        except RejectError:  # of another version: no reason to stop a retraining
            continue


def classified_file(path: Path) -> Iterator[Classified]:
    """The records of a JSONL file. Raises `ConfigError` with the line that is none."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _record(path, number, line)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error


def _record(path: Path, number: int, line: bytes) -> Classified:
    try:
        return decode(line, Classified)
    except RejectError as error:
        raise ConfigError(f"{path}, line {number}: {error}") from error


def check_enough(n_past: int, n_asked: int) -> None:
    """Raises `ConfigError` when the past is too small to be guarded, and says what to do."""
    if n_past < n_asked:
        raise ConfigError(
            f"the past is guarded by {n_past} documents, and {n_asked} are wanted: {n_asked - n_past} are missing. Let the "
            f"workers run until `classified` holds some {round((n_asked - n_past) * 1.5)} more different texts, name recorded "
            "ones with --stream FILE, or accept a weaker guard with --past"
        )
