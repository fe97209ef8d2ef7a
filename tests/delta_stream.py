"""A stream about one airline, for tests of rules over a real worker: a quiet share of negatives, and minutes of nothing else."""

import json
from random import Random
from string import ascii_lowercase

from streamwatch.sources.row import Row
from streamwatch.timeline import MINUTE_MS, from_ms


def row(at_ms: int, n: int, sentiment: str) -> Row:
    """One document about Delta, of words of its own: near copies would be one voice."""
    name = f"{at_ms}-{n}"
    random = Random(name)
    text = " ".join("".join(random.choices(ascii_lowercase, k=6)) for _ in range(8))
    document = {
        "id": name, "text": text, "published_at": from_ms(at_ms).isoformat(), "author": f"author {name}",
        "entities": ["Delta"], "sentiment": sentiment, "topic": "airlines",
    }  # fmt: skip
    return Row(name.encode(), json.dumps(document).encode(), at_ms)


def usual(from_ms_: int, until_ms: int) -> list[Row]:
    """One negative of three every ten minutes."""
    moods = ("negative", "neutral", "positive")
    return [row(at, n, mood) for at in range(from_ms_, until_ms, 10 * MINUTE_MS) for n, mood in enumerate(moods)]


def loud(from_ms_: int) -> list[Row]:
    """Twenty minutes of negatives."""
    return [row(from_ms_ + i * MINUTE_MS + 30_000, n, "negative") for i in range(20) for n in range(3)]
