"""A small stream of its own and what people answered of it, for the tests of retraining: no data set is read."""

import random
from pathlib import Path
from typing import Any

from streamwatch.codec import encode
from streamwatch.labelling.answers import Answers
from streamwatch.labelling.examples import answer
from streamwatch.learning.split import place
from streamwatch.models.base import locate_base
from streamwatch.models.manifest import read_manifest
from streamwatch.records import Answer, Classified
from streamwatch.retraining.job import Sources
from streamwatch.retraining.request import DEFAULT, Retraining
from streamwatch.testing.records import JANUARY_MS, classified
from streamwatch.timeline import DAY_MS, from_ms

WORDS = ("shares", "fall", "rise", "profit", "bag", "lost", "company")
TINY_PLAN = {"rank": 2, "epochs": 1.0, "batch_size": 16, "evaluations": 2.0, "learning_rate": 1e-3}


def text_of(i: int) -> str:
    """A text that no other number has."""
    chance = random.Random(i)
    return " ".join(chance.choices(WORDS, k=6)) + f" {chance.choice('abcdefgh')}{i}"


def stream(n: int) -> list[Classified]:
    """`n` classified documents, a day's worth."""
    return [
        classified(f"d{i}", text_of(i), published_ms=JANUARY_MS + i * 60_000, author_hash=f"w{i % 97}")
        for i in range(n)
    ]


def mood(text: str) -> str:
    """What a person says of a text: the first of the two words decides."""
    fall, rise = (text.find(word) for word in ("fall", "rise"))
    if fall < 0 and rise < 0:
        return "neutral"
    return "negative" if rise < 0 or 0 <= fall < rise else "positive"


def answers(n: int, first: int = 10_000) -> list[Answer]:
    """`n` answers of one labeller, two of three drawn uniformly; each document by a writer of its own."""
    return [
        answer(
            f"d{i}", "ann", text=text_of(i), published_at=from_ms(JANUARY_MS + (i % 50) * DAY_MS), author_hash=f"x{i}",
            sentiment=mood(text_of(i)), topic=("earnings", "ipo")[i % 2], reading=("market", "customer")[i % 2],
            drawn_as="margin" if i % 3 == 0 else "uniform", answered_at=from_ms(JANUARY_MS + i * 1000),
        )
        for i in range(first, first + n)
    ]  # fmt: skip


def sources(said: list[Answer], documents: list[Classified]) -> Sources:
    """Where a test's retraining reads from."""
    return Sources(lambda: Answers(said), lambda: documents)


def retraining(model: Path, out: Path, **changes: Any) -> Retraining:
    """A retraining of a tiny model, of some steps."""
    plan = {name: changes.pop(name) for name in list(changes) if name in DEFAULT.__struct_fields__}
    base = locate_base(model, read_manifest(model).base)
    told: dict[str, Any] = {"out": out, "incumbent": model, "base": base, "past": 60, "doubtful": "off"}
    import msgspec

    return Retraining(**told | changes, plan=msgspec.structs.replace(DEFAULT, **TINY_PLAN | plan))


def write_jsonl(path: Path, records: list[Any]) -> Path:
    """A file with a record a line."""
    path.write_bytes(b"".join(encode(record) + b"\n" for record in records))
    return path


def is_held_out(text: str) -> bool:
    """Whether an answer of a uniformly drawn document is the gate's."""
    return place(text) < 5000
