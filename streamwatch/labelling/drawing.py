"""Which documents people should see: drawn by a hash, more of those that the model is unsure of, some of all.

A deterministic function from the sequence of closed buckets to draws, as the evaluator is to alerts: so a replay at any
speed, a crash and a reload anywhere, other numbers of workers and partitions draw the same documents with the same π. In
the classifier that could not be: it is ahead of the buckets by as much as it is quick, so what the hour before held would
be known to a slow one and not to a fast one.

Drawn from are the texts that detection counts: each once in its horizon, the ones that were read. A document is drawn when
its hash lies below its π (`rates`), thinned where it resembles others just before or its author writes much (`recent`); 1/π is
its weight in every estimate over the stream (Horvitz and Thompson, 1952).

Examples:
    >>> from streamwatch.alerting.voices import Voice
    >>> drawing = Drawing(DrawingConfig(per_hour=2, uniform_share=0.5, per_author=4, novel_per_hour=0))
    >>> voice = Voice("t1", "negative", ("all",), "", partition=3, offset=9, copies=1, draw=2**30, doubt=255)
    >>> [one] = drawing.draw(0, [voice])         # the first of all: π is 1
    >>> one.partition, one.offset, one.drawn_as, one.p
    (3, 9, 'uniform', 1.0)
    >>> Drawing(drawing.config, drawing.state).draw(10_000, [voice])      # the same again, without words to compare
    [Draw(partition=3, offset=9, p=1.0, p_uniform=0.5, drawn_as='uniform')]
"""

import heapq
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from zlib import crc32

import msgspec

from streamwatch.alerting.voices import Voice
from streamwatch.config import Settings
from streamwatch.labelling.chance import chance
from streamwatch.labelling.rarity import NO_TOPIC, Rarity, faded
from streamwatch.labelling.rates import Budget, Hour, Rates, rates
from streamwatch.labelling.recent import Authors, Copies
from streamwatch.records import Classified, Drawn, DriftSample
from streamwatch.timeline import HOUR_MS, bucket_start, from_ms

VERSION = 2
"""Of the state's layout. One of another version is left, and the draw begins anew, as in its first hour."""
CANDIDATES = 200
"""Documents of an hour of drift, chosen by a second hash, of which the most unlike ones are picked: their records are read."""
TOPIC = "topic:"
"""Begins the name of a topic's series."""
CENTRES = 128
"""Projections of drawn documents that are remembered: what a novel one must be unlike."""


class DrawingConfig(NamedTuple):
    """What an hour of event time may bring, as the settings say."""

    per_hour: float
    uniform_share: float
    per_author: float
    novel_per_hour: int

    @classmethod
    def of(cls, settings: Settings) -> "DrawingConfig":
        """Of a deployment."""
        return cls(
            settings.labelling_per_hour,
            settings.labelling_uniform_share,
            settings.labelling_per_author,
            settings.labelling_novel_per_hour,
        )

    @property
    def budget(self) -> Budget:
        """By how documents are drawn."""
        return Budget(self.per_hour * self.uniform_share, self.per_hour * (1 - self.uniform_share))


class Draw(msgspec.Struct, frozen=True, array_like=True):
    """A document that was drawn, or might be: where its record lies in `classified`, and with which probabilities."""

    partition: int
    offset: int
    p: float
    p_uniform: float
    drawn_as: Drawn

    def sample(self, record: Classified) -> DriftSample:
        """The record for people, made of the one in `classified`, which was read."""
        assert record.prediction is not None
        return DriftSample(
            id=record.id,
            text=record.text,
            published_at=from_ms(record.published_ms),
            source_channel=record.source_channel,
            source_partition=record.source_partition,
            source_offset=record.source_offset,
            source=record.source,
            author_hash=record.author_hash,
            prediction=record.prediction,
            drawn_as=self.drawn_as,
            inclusion_probability=self.p,
            p_uniform=self.p_uniform,
        )


class State(msgspec.Struct, array_like=True):
    """What is kept between steps. Candidates are kept under the negative of their second hash: the largest goes first."""

    version: int = VERSION
    hour: Hour | None = None
    before: Hour | None = None
    copies: list[tuple[int, int]] = []
    authors: dict[str, float] = {}
    candidates: list[tuple[int, Draw]] = []
    centres: list[bytes] = []
    topics: dict[str, float] = {}


class Drawing:
    """Draws from closed buckets, in their order.

    Args:
        config: what an hour may bring; nothing is drawn where `per_hour` is 0.
        state: as kept by the store.
    """

    def __init__(self, config: DrawingConfig, state: bytes = b"") -> None:
        self.config = config
        self._state = _read(state)
        self._copies = Copies(self._state.copies)
        self._authors = Authors(config.per_author, self._state.authors)
        self._rarity = Rarity(self._state.topics)

    @property
    def state(self) -> bytes:
        """What a store must keep to go on from here."""
        self._state.copies, self._state.authors = list(self._copies), self._authors.sums
        return msgspec.msgpack.encode(self._state)

    def draw(self, start_ms: int, voices: Iterable[Voice], drifting: bool = False) -> list[Draw]:
        """Draw from the texts of the bucket at `start_ms` that count, buckets in time order.

        `drifting` says that embeddings have drifted: then the others become candidates for novel ones.
        """
        if self.config.per_hour <= 0:
            return []
        self._come_to(start_ms)
        found = []
        for voice in sorted(voices, key=lambda one: one.text_hash):
            draw = self._judge(voice)
            if draw.drawn_as != "novel":
                found.append(draw)
            elif drifting:
                self._consider(voice, draw)
        return found

    def _judge(self, voice: Voice) -> Draw:
        """How the document fares; as a `novel` one where its hash does not draw it."""
        hour, u, topic = self._hour, chance(voice.draw), _topic(voice)
        wanted = rates(voice.doubt, hour, self._state.before, self.config.budget, topic, self._rarity)
        hour.count(voice.doubt, topic)
        alike = self._copies.thinning(voice.signature, wanted.p)
        got = wanted.thinned(alike * self._authors.thinning(voice.author_hash, wanted.p))
        return Draw(voice.partition, voice.offset, got.p, got.p_uniform, _how(u, got))

    @property
    def _hour(self) -> Hour:
        assert self._state.hour is not None
        return self._state.hour

    def _come_to(self, start_ms: int) -> None:
        """The hour of the bucket, which begins anew where it is a later one."""
        state, start_ms = self._state, bucket_start(start_ms, HOUR_MS)
        if state.hour is not None and state.hour.start_ms == start_ms:
            return
        if state.hour is not None and state.hour.n:
            self._close(state.hour)
        state.hour = Hour(start_ms)
        self._authors = Authors(self.config.per_author)

    def _close(self, hour: Hour) -> None:
        """What an hour that is over leaves to the next: how rare topics were lately, and the scale that goes with it."""
        state = self._state
        state.topics = faded(state.topics, hour.topics)
        self._rarity = Rarity(state.topics)
        hour.solved_n = -1
        hour.find_scale(self.config.budget.margin, self._rarity)
        state.before = hour

    # -- novel ones

    def _consider(self, voice: Voice, draw: Draw) -> None:
        """Keep it among the candidates of the hour: those with the smallest second hash."""
        if self.config.novel_per_hour:
            heapq.heappush(self._state.candidates, (-crc32(voice.draw.to_bytes(4, "big")), draw))
            if len(self._state.candidates) > CANDIDATES:
                heapq.heappop(self._state.candidates)

    def take_candidates(self, start_ms: int) -> list[Draw]:
        """The candidates of an hour that is over when the bucket at `start_ms` begins; they are then forgotten."""
        over = self._state.hour is not None and self._state.hour.start_ms + HOUR_MS <= start_ms
        if not over or not self._state.candidates:
            return []
        kept, self._state.candidates = self._state.candidates, []
        return sorted((draw for _, draw in kept), key=lambda one: (one.partition, one.offset))

    def remember(self, projections: Sequence[bytes]) -> None:
        """Remember the projections of what was drawn."""
        some = [projection for projection in projections if projection]
        self._state.centres = [*self._state.centres, *some][-CENTRES:]

    @property
    def centres(self) -> list[bytes]:
        """Projections of what was drawn lately."""
        return self._state.centres


def _topic(voice: Voice) -> str:
    """The topic that it counts under; the first by name where copies count under several."""
    return next((name for name in voice.series if name.startswith(TOPIC)), NO_TOPIC)


def _how(u: float, got: Rates) -> Drawn:
    if u < got.p_uniform:
        return "uniform"
    return "margin" if u < got.p else "novel"


def _read(state: bytes) -> State:
    if not state:
        return State()
    version = msgspec.msgpack.decode(state)[0]
    return msgspec.msgpack.decode(state, type=State) if version == VERSION else State()
