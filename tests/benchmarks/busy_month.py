"""A busy month of 20 sources: the state of a series as it is after four weeks, and its size on the way.

A bucket of documents every five minutes, with a daily cycle, an incident each week, and more authors than any ring
remembers. The state of one series does not know its name, so that it serves for a thousand.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import cos, pi
from random import Random

import msgspec

from streamwatch.alerting.evaluator import Evaluator, Header
from streamwatch.alerting.transition import EvaluatorState
from streamwatch.config import Settings
from streamwatch.text.clean import text_hash
from streamwatch.text.signature import signature
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS, WEEK_MS
from streamwatch.trends.entry import Entry

START_MS = 1_700_000_000_000 - 1_700_000_000_000 % WEEK_MS
EVERY_MS = 5 * MINUTE_MS
N_SOURCES = 20
N_AUTHORS = 5000
BUSY = "ticker:BUSY"
INCIDENT_MS = 5 * DAY_MS
"""Into each week: two hours of bad news begin."""


@dataclass
class Month:
    """What is left of it. Sizes are the largest of all series at the end of any hour, in bytes of msgpack."""

    end_ms: int
    state: EvaluatorState
    n_documents: int = 0
    n_alerts: int = 0
    detector_bytes: int = 0
    evidence_bytes: int = 0
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Of each series at the end: detectors, evidence."""

    def cloned(self, names: list[str]) -> EvaluatorState:
        """As if each of `names` had had the month of the busy series, beside `all`."""
        of = {name: "all" if name == "all" else BUSY for name in names}
        header = msgspec.msgpack.decode(self.state.header, type=Header)
        header.roster.weights = dict.fromkeys(names, 1000.0)
        header.incidents = []
        return EvaluatorState(
            {name: self.state.detectors[one] for name, one in of.items()},
            {name: self.state.evidence[one] for name, one in of.items()},
            self.state.texts,
            msgspec.msgpack.encode(header),
        )


def busy_month(weeks: int = 4, seed: int = 1) -> Month:
    """Live through it. The last days are quiet, so that nothing fires at the end."""
    evaluator = Evaluator(Settings())
    month = Month(START_MS + weeks * WEEK_MS, EvaluatorState())
    state: EvaluatorState = month.state
    hour: list[tuple[int, list[Entry]]] = []
    for start_ms, entries in buckets(weeks, seed):
        hour.append((start_ms, entries))
        month.n_documents += len(entries)
        if (start_ms + EVERY_MS) % HOUR_MS == 0:
            month.n_alerts += sum(t.alert.revision == 1 for t in evaluator.advance(start_ms + EVERY_MS, hour))
            changes = evaluator.take_changes()
            state = state.after(changes)
            hour = []
            month.detector_bytes = max(month.detector_bytes, *(len(raw or b"") for raw in changes.detectors.values()))
            month.evidence_bytes = max(month.evidence_bytes, *(len(raw or b"") for raw in changes.evidence.values()))
    month.state = state
    month.sizes = {name: (len(raw), len(state.evidence[name])) for name, raw in state.detectors.items()}
    return month


def buckets(weeks: int, seed: int) -> Iterator[tuple[int, list[Entry]]]:
    """The buckets that have documents."""
    draw = Random(seed)
    for start_ms in range(START_MS, START_MS + weeks * WEEK_MS, EVERY_MS):
        into_week = (start_ms - START_MS) % WEEK_MS
        bad = INCIDENT_MS <= into_week < INCIDENT_MS + 2 * HOUR_MS
        usual = 4 - 3 * cos(2 * pi * (start_ms % DAY_MS) / DAY_MS)
        n = int(usual * (4 if bad else 1) * draw.uniform(0.5, 1.5))
        found = [document(draw, 0.7 if bad else 0.2, f"{start_ms} {i}", (BUSY, "topic:busy")) for i in range(n)]
        if found:
            yield start_ms, found


def document(draw: Random, p_negative: float, key: str, series: tuple[str, ...]) -> Entry:
    """One document of a source drawn at random."""
    sentiment = "negative" if draw.random() < p_negative else draw.choice(("neutral", "positive"))
    source, author = f"source:s{draw.randrange(N_SOURCES)}", f"author {draw.randrange(N_AUTHORS)}"
    text = " ".join(draw.choices(_WORDS, k=8)) + key
    return Entry(
        text_hash(text), sentiment, ("all", source, *series), text_hash(author), draw.randrange(4), draw.randrange(10**7),
        signature(text),
    )  # fmt: skip


_WORDS = [a + b for a in ("ba", "ko", "ni", "tu", "se", "lor", "mip", "gan") for b in ("ra", "to", "lem", "is", "uck")]
