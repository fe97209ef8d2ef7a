"""The newest documents of each topic and sentiment: what a drift alert can show of the classes that moved.

A document is kept by its coordinates in `classified`, the newest `KEPT` texts of each pair. Topics may come with documents, so
there are `MOST_TOPICS` at most: the one that was silent for longest makes room.

Examples:
    >>> examples = Examples()
    >>> for n, mood in enumerate(("negative", "negative", "positive")):
    ...     examples.add(60_000 * n, [Voice(f"t{n}", mood, ("all", "topic:ipo"), "", 0, n, 1)])
    >>> [one.offset for one in examples.of(("ipo",), since_ms=0)]
    [2, 1, 0]
    >>> [one.offset for one in examples.of((), "negative", since_ms=60_000)]
    [1]
"""

from collections.abc import Collection, Iterable
from typing import cast

import msgspec

from streamwatch.alerting.transition import Reference
from streamwatch.alerting.voices import Voice
from streamwatch.records import Sentiment

KEPT = 8
"""As many as an alert shows."""
MOST_TOPICS = 64
"""Three times what the shipped model tells apart; 50 KB when all are full."""
GIVEN = 24
"""Documents of an alert at most: what its terms are counted in."""
_TOPIC = "topic:"


class Example(msgspec.Struct, array_like=True, frozen=True, order=True):
    """A text that counted in the bucket at `at_ms`."""

    at_ms: int
    text_hash: str
    partition: int
    offset: int
    copies: int


class Examples(msgspec.Struct, array_like=True):
    """By topic and sentiment, oldest first."""

    by_topic: dict[str, dict[str, list[Example]]] = {}

    def add(self, start_ms: int, voices: Iterable[Voice]) -> None:
        """Remember the texts that counted in the bucket at `start_ms`, whatever their order."""
        for voice in voices:
            one = Example(start_ms, voice.text_hash, voice.partition, voice.offset, voice.copies)
            for name in voice.series:
                if name.startswith(_TOPIC):
                    held = self._room(name.removeprefix(_TOPIC)).setdefault(voice.sentiment, [])
                    held.append(one)
                    held.sort()
                    del held[:-KEPT]

    def of(
        self, topics: Collection[str] = (), sentiment: str = "", since_ms: int = 0, at_most: int = GIVEN
    ) -> tuple[Reference, ...]:
        """The newest of some topics (none: of all) and a sentiment (empty: of any) since a moment, the newest first."""
        found = {
            (one, said)
            for topic, by_sentiment in self.by_topic.items()
            if not topics or topic in topics
            for said, kept in by_sentiment.items()
            if sentiment in ("", said)
            for one in kept
            if one.at_ms >= since_ms
        }
        newest = sorted(found, reverse=True)[:at_most]
        return tuple(
            Reference(one.partition, one.offset, one.text_hash, one.copies, cast(Sentiment, said))
            for one, said in newest
        )

    def _room(self, topic: str) -> dict[str, list[Example]]:
        if topic not in self.by_topic and len(self.by_topic) >= MOST_TOPICS:
            del self.by_topic[min(self.by_topic, key=lambda name: (self._newest_ms(name), name))]
        return self.by_topic.setdefault(topic, {})

    def _newest_ms(self, topic: str) -> int:
        return max(kept[-1].at_ms for kept in self.by_topic[topic].values())
