"""What it costs to keep documents, to look behind a number, and to search, with a million of them.

    python tests/benchmarks/documents.py --folder documents.bench --json documents.json

The documents are invented: 35 days, four partitions, 18 words each of a vocabulary of 50,000 with frequencies as in language
(Zipf), 20 topics, 500 tickers, 30 sources, an eighth copies of another. They are applied as the indexer does it, by
`PartitionWriter.take` in batches of 2,000 from the bytes of `classified`; the broker is left out. `--folder` keeps the
store: killed, the command goes on where it stands, and a later run asks again without building.

Each query is asked `--rounds` times about names, words and spans that are drawn, without totals remembered from before. Wall and
CPU time of this process are both given: the first is what a person waits on this machine as busy as it is.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import accumulate
from pathlib import Path
from typing import Any

from streamwatch.codec import decode, encode
from streamwatch.config import load
from streamwatch.documents.sqlite.reading import SqliteStore
from streamwatch.documents.sqlite.writing import SqliteWriter, size_of
from streamwatch.documents.store import DocumentStore, Query
from streamwatch.records import SENTIMENTS, Classified, Label, Prediction, SentimentLabel
from streamwatch.text.clean import text_hash
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS
from streamwatch.trends.writer import PartitionWriter

N_DAYS = 35
N_PARTITIONS = 4
BATCH = 2000
START_MS = 20_000 * DAY_MS
N_WORDS = 50_000
WORDS_A_TEXT = 18
COPIES = 0.125
SYLLABLES = [a + b for a in "bcdfghklmnprstvz" for b in "aeiou"]
SAY_EVERY_S = 10.0


class Vocabulary:
    """Words, the frequent ones first: the n-th is 1/n as frequent as the first."""

    def __init__(self) -> None:
        self.words = [self._word(n) for n in range(N_WORDS)]
        self._weights = list(accumulate(1 / n for n in range(1, N_WORDS + 1)))

    def draw(self, rng: random.Random, n: int) -> list[str]:
        return rng.choices(self.words, cum_weights=self._weights, k=n)

    @staticmethod
    def _word(n: int) -> str:
        first, rest = divmod(n, len(SYLLABLES))
        return SYLLABLES[rest] + SYLLABLES[first % len(SYLLABLES)] + SYLLABLES[first // len(SYLLABLES) % len(SYLLABLES)]


def skewed(rng: random.Random, n: int) -> int:
    """One of `n`, the first ones often."""
    return min(int(n ** rng.random()) - 1, n - 1)


def record(partition: int, offset: int, n: int, vocabulary: Vocabulary) -> Classified:
    """The record of one offset: always the same one."""
    rng = random.Random(partition * 10**9 + offset)
    at_ms = START_MS + int(offset * N_PARTITIONS / n * N_DAYS * DAY_MS) + rng.randrange(1000)
    copied = random.Random(partition * 10**9 + max(offset - rng.randrange(1, 500), 0)) if rng.random() < COPIES else rng
    text = " ".join(vocabulary.draw(copied, WORDS_A_TEXT))
    p = sorted(rng.random() for _ in range(2))
    shares = dict(zip(SENTIMENTS, (p[0], p[1] - p[0], 1 - p[1]), strict=True))
    label = max(shares, key=lambda name: shares[name])
    return Classified(
        outcome="classified", source_channel="social" if rng.random() < 0.7 else "news", source_partition=partition,
        source_offset=offset, follows=-1, observed_ms=at_ms, id=f"{partition}-{offset}-{rng.getrandbits(48):012x}",
        published_ms=at_ms - rng.randrange(20_000), text=text, text_hash=text_hash(text),
        source=f"source{skewed(rng, 30)}", author_hash=f"{skewed(rng, 50_000):016x}",
        entities=tuple({ticker(skewed(rng, 500)) for _ in range(rng.randrange(3))}),
        prediction=Prediction(
            topic=Label(label=f"topic{skewed(rng, 20)}", p=rng.random()),
            sentiment=SentimentLabel(label=label, p=shares[label], probabilities=shares),
            model="all-minilm-l6-v2+finance-3/int8",
        ),
    )  # fmt: skip


def ticker(n: int) -> str:
    """A ticker by number."""
    return "".join(chr(65 + n // 26**i % 26) for i in range(3))


def build(folder: Path, n: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Apply what is not there yet; CPU and wall time of applying alone, and of decoding."""
    settings = load(documents_retention_days=400)
    vocabulary, applied, cpu_s, wall_s, said = Vocabulary(), 0, 0.0, 0.0, time.monotonic()
    writer = SqliteWriter(folder, settings)
    parts = [PartitionWriter(writer.partition(p), settings) for p in range(N_PARTITIONS)]
    with asyncio.Runner() as runner:
        for part in parts:
            runner.run(part.reload())
        while any(part.position < n // N_PARTITIONS for part in parts):
            for number, part in enumerate(parts):
                offsets = range(part.position, min(part.position + BATCH, n // N_PARTITIONS))
                raw = [(offset, encode(record(number, offset, n, vocabulary))) for offset in offsets]
                cpu, wall = time.process_time(), time.perf_counter()
                runner.run(part.take([(offset, decode(value, Classified)) for offset, value in raw]))
                cpu_s += time.process_time() - cpu
                wall_s += time.perf_counter() - wall
                applied += len(raw)
            if time.monotonic() - said > SAY_EVERY_S:
                said = time.monotonic()
                there = sum(part.position for part in parts)
                say(f"{there:,} of {n:,} documents, {applied / wall_s:,.0f} a second")
    writer.close()
    if not applied:
        return {}
    return {"applied": applied, "per_cpu_s": round(applied / cpu_s), "per_wall_s": round(applied / wall_s)}


def queries(rng: random.Random, vocabulary: Vocabulary) -> Iterator[tuple[str, Callable[[DocumentStore], Any]]]:
    """One of each kind."""

    def find(**asked: Any) -> Callable[[DocumentStore], Any]:
        return lambda store: store.find(Query(**asked))

    end_ms = START_MS + N_DAYS * DAY_MS
    minute = START_MS + rng.randrange(N_DAYS * 24 * 60) * MINUTE_MS
    day = START_MS + rng.randrange(N_DAYS) * DAY_MS
    topic, name = f"topic{skewed(rng, 20)}", ticker(skewed(rng, 500))
    frequent, rare = vocabulary.words[rng.randrange(50)], vocabulary.words[rng.randrange(5_000, 50_000)]
    middle = vocabulary.words[rng.randrange(100, 2_000)]
    yield "drill-down: a minute of all", find(from_ms=minute, to_ms=minute + MINUTE_MS)
    yield "drill-down: an hour of a topic", find(series=(f"topic:{topic}",), from_ms=minute, to_ms=minute + HOUR_MS)
    yield (
        "drill-down: negatives of a ticker, a day",
        find(entity=name, sentiment="negative", from_ms=day, to_ms=day + DAY_MS),
    )
    yield "drill-down: a day of a topic, folded", find(topic=topic, from_ms=day, to_ms=day + DAY_MS, fold=True)
    yield "a ticker, 35 days", find(entity=name, from_ms=START_MS - rng.randrange(1, 1000))
    yield "a ticker, 35 days, folded", find(entity=name, from_ms=START_MS - rng.randrange(1, 1000), fold=True)
    yield "a topic, 35 days", find(topic=topic, from_ms=START_MS - rng.randrange(1, 1000) * 1000)
    yield (
        "topic × source kind × negative, 35 days",
        find(topic=topic, source_kind="news", sentiment="negative", from_ms=START_MS - rng.randrange(1, 1000) * 1000),
    )
    yield "search: a rare word", find(text=rare)
    yield "search: a word", find(text=middle, from_ms=START_MS - rng.randrange(1, 1000) * 1000)
    yield "search: two words", find(text=f"{middle} {frequent}")
    yield "search: a word, folded", find(text=middle, fold=True, from_ms=START_MS - rng.randrange(1, 1000) * 1000)
    yield "search: a phrase", find(text=f'"{frequent} {middle}"')
    yield (
        "search: a beginning of three letters",
        find(text=f"{middle[:3]}*", from_ms=START_MS - rng.randrange(1, 1000) * 1000),
    )
    yield "search: a frequent word in a topic", find(text=frequent, topic=topic)
    yield "search: a very frequent word, 35 days", find(text=frequent, from_ms=START_MS - rng.randrange(1, 1000) * 1000)
    yield "page 21 of a topic", find(topic=topic, cursor=f"{day // DAY_MS}.{rng.randrange(80_000) << 24}")
    crossed = Query(topic=topic, entity=name, source_kind="social", from_ms=START_MS, to_ms=end_ms)
    yield "counts: topic × ticker × source kind by hour, 35 days", lambda store: store.counts(crossed, HOUR_MS)
    wide = Query(topic=topic, source_kind="social", from_ms=START_MS, to_ms=end_ms)
    yield "counts: topic × source kind by hour, 35 days", lambda store: store.counts(wide, HOUR_MS)


def ask(folder: Path, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Milliseconds of each kind: median and p95 of wall time, median of CPU time."""
    vocabulary, rng, store = Vocabulary(), random.Random(1), SqliteStore(folder)
    times: dict[str, list[tuple[float, float]]] = {}
    for number in range(rounds):
        for name, query in queries(rng, vocabulary):
            for reader in store._readers._all:  # a total that was counted before would be remembered
                reader._totals.clear()
            wall, cpu = time.perf_counter(), time.process_time()
            query(store)
            times.setdefault(name, []).append((time.perf_counter() - wall, time.process_time() - cpu))
        if number % 10 == 9:
            say(f"{number + 1} of {rounds} rounds")
    store.close()
    return {name: _figures(taken) for name, taken in times.items()}


def _figures(taken: list[tuple[float, float]]) -> dict[str, float]:
    walls, cpus = (sorted(1000 * one[i] for one in taken) for i in (0, 1))

    def at(values: list[float], q: float) -> float:
        return round(values[min(int(q * len(values)), len(values) - 1)], 1)

    return {
        "p50_ms": at(walls, 0.5),
        "p95_ms": at(walls, 0.95),
        "cpu_p50_ms": at(cpus, 0.5),
        "cpu_p95_ms": at(cpus, 0.95),
    }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Build, look at the size, ask."""

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="documents-bench-")))
        built = build(folder, options.documents, say)
        n_bytes = sum(size_of(path) for path in folder.glob("*.sqlite"))
        return {
            "documents": options.documents, "built": built, "bytes": n_bytes,
            "bytes_a_document": round(n_bytes / options.documents),
            "rounds": options.rounds, "queries": ask(folder, options.rounds, say),
        }  # fmt: skip


def show(found: dict[str, Any]) -> None:
    """The table."""
    built = found["built"]
    if built:
        print(
            f"{built['applied']:,} documents applied: {built['per_cpu_s']:,} a CPU second, {built['per_wall_s']:,} a second here"
        )
    print(f"{found['bytes'] / 1e9:.2f} GB for {found['documents']:,} documents: {found['bytes_a_document']} bytes each")
    print(f"{found['rounds']} rounds{'':44}{'p50 ms':>8}{'p95 ms':>8}{'CPU p50':>9}{'CPU p95':>9}")
    for name, q in found["queries"].items():
        print(f"{name:54}{q['p50_ms']:8.1f}{q['p95_ms']:8.1f}{q['cpu_p50_ms']:9.1f}{q['cpu_p95_ms']:9.1f}")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--folder", type=Path, help="of the store, which stays; default: a temporary one")
    parser.add_argument("--json", type=Path, metavar="F", help="also write the figures here")
    options = parser.parse_args()
    found = measure(options)
    show(found)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
