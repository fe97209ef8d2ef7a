"""What the windows must hold, computed from the rows by plain code that knows nothing of partitions, logs or fences.

Nothing of `delivery/` or `trends/` is used here. A document that is delivered again within the id horizon counts once;
a row that is no document counts nowhere.
"""

import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from streamwatch.config import Settings
from streamwatch.inference.engine import NullEngine
from streamwatch.sources.row import Row
from streamwatch.text.clean import model_text, stored_text

Windows = dict[tuple[str, int], tuple[int, ...]]
"""(series, start of the bucket) to (n, negative, positive, sum of scores in 1/10,000, without a score, of channel news,
unread)."""

EARLIEST_MS, LATEST_MS = 946_684_800_000, 2_524_608_000_000
"""2000 and 2050: dates that a row may have."""
_TICKER = re.compile(r"\$?[A-Z]{1,5}([.-][A-Z]{1,2})?")
_MASK = re.compile(r"\bhttp\b|@user|\[(email|iban|card|ssn|phone)\]|\bRT\b")


class Expected(NamedTuple):
    """The truth about some rows."""

    windows: Windows
    n_rows: int
    n_documents: int
    n_dead_lettered: int
    n_redelivered: int
    n_counted: int


def expect(rows: Iterable[Row], settings: Settings, channel: str = "social") -> Expected:
    """Count the rows as they were written: in their order, each id once within its horizon."""
    windows: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0] * 7)
    n: Counter[str] = Counter()
    counted_in: dict[tuple[str, str], int] = {}
    arrival_ms: int | None = None
    for row in rows:
        n["rows"] += 1
        document = _document(row)
        if row.published_ms is not None and EARLIEST_MS <= row.published_ms < LATEST_MS:
            arrival_ms = max(row.published_ms, arrival_ms or 0)
        if document is None or arrival_ms is None:
            n["dead_lettered"] += 1
            continue
        n["documents"] += 1
        where = row.channel or channel
        generation = arrival_ms // (settings.id_horizon_s * 1000)
        if generation - counted_in.get((where, document["id"]), -9) <= 1:
            n["redelivered"] += 1
            continue
        counted_in[where, document["id"]] = generation
        n["counted"] += 1
        _count(windows, document, where)
    return Expected(
        {key: tuple(counts) for key, counts in windows.items()},
        n["rows"], n["documents"], n["dead_lettered"], n["redelivered"], n["counted"],
    )  # fmt: skip


def _document(row: Row) -> dict[str, Any] | None:
    """The row's JSON, or None where it is no document. Knows the faults that the test's rows have, and no others."""
    try:
        document = json.loads(row.value.decode())
    except ValueError:
        return None
    if not isinstance(document, dict) or document.get("schema", "document.v1") != "document.v1":
        return None
    text = document.get("text")
    if not isinstance(text, str) or not isinstance(document.get("id"), str):
        return None
    if not text.strip() or not _dated_sensibly(document.get("published_at")):
        return None
    return document


def _readable(text: str) -> bool:
    """Whether something is left of a text, and no more letters of other scripts than Latin ones and emoji."""
    left = _MASK.sub(" ", model_text(stored_text(text)))
    letters = [c for c in left if c.isalpha()]
    foreign = sum(not unicodedata.name(c, "").startswith("LATIN") for c in letters)
    n_emoji = sum("\u2600" <= c <= "\u27bf" or "\U0001f300" <= c <= "\U0001faff" for c in left)
    some = any(c.isalnum() or unicodedata.category(c) in ("So", "Sc") for c in left)
    return some and foreign <= len(letters) - foreign + n_emoji


def _dated_sensibly(published_at: Any) -> bool:
    if not isinstance(published_at, str):
        return False
    try:
        instant = datetime.fromisoformat(published_at)
    except ValueError:
        return False
    return instant.tzinfo is not None and EARLIEST_MS <= instant.timestamp() * 1000 < LATEST_MS


def _count(windows: dict[tuple[str, int], list[int]], document: dict[str, Any], channel: str) -> None:
    (prediction,) = NullEngine().classify([model_text(stored_text(document["text"]))])
    readable = _readable(document["text"])
    topic = document.get("topic") or (prediction.topic.label if readable else "unclear")  # type: ignore[union-attr]
    sentiment = document.get("sentiment") or prediction.sentiment.label  # type: ignore[union-attr]
    p = prediction.sentiment.probabilities  # type: ignore[union-attr]
    score = {"negative": -1, "neutral": 0, "positive": 1}.get(document.get("sentiment"), p["positive"] - p["negative"])
    series = {"all", f"source:{document.get('source') or channel}", f"topic:{topic}"}
    series |= {_entity_series(entity) for entity in document.get("entities", ())}
    bucket = int(datetime.fromisoformat(document["published_at"]).timestamp()) // 10 * 10_000
    for name in series:
        counts = windows[name, bucket]
        if not readable and not document.get("sentiment"):
            counts[6] += 1
            continue
        counts[0] += 1
        counts[1] += sentiment == "negative"
        counts[2] += sentiment == "positive"
        counts[3] += round(score * 10_000)
        counts[5] += channel == "news"


def _entity_series(entity: str) -> str:
    return f"ticker:{entity.removeprefix('$')}" if _TICKER.fullmatch(entity) else f"entity:{entity}"
