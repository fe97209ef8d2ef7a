"""All detectors together on 30 correlated series in which nothing happens: alarms a week against the setting.

    python tests/benchmarks/correlated.py [--allowed 1 20] [--weeks 20] [--per-hour 120]

A document belongs to `all`, to one of 4 sources, to one of 10 topics and, mostly, to one or two of 15 tickers, which
have a topic each: one lively hour of a topic is a lively hour of its tickers. The log-odds of the share have a daily
cycle of ±.2 and swing slowly (standard deviation .15, three hours), half of that in common and half by topic;
documents of a topic and ten minutes agree (ρ = .02); the volume of an hour has the day's shape and a dispersion
ψ = .1, half of it in common too. The documents go through the evaluator in virtual time, gates included. After four weeks,
which are told apart, alarms are counted: incidents, and the series in them.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
from null_streams import BEGINS_MS, BUCKET_MS, DAILY_ODDS, SWING_MS, SWING_SD, agreeing, day, turned, wander
from promise import workers
from run_lengths import poisson_interval

from streamwatch.alerting.virtual import CHUNK, VirtualTime
from streamwatch.config import load
from streamwatch.records import Alert, Classified, Given
from streamwatch.timeline import HOUR_MS, WEEK_MS, to_ms

SOURCES = ("wire", "board", "feed", "forum")
SOURCE_WEIGHTS = (0.4, 0.3, 0.2, 0.1)
TOPICS = tuple(f"topic{i}" for i in range(10))
TICKERS = tuple("T" + chr(ord("A") + i) for i in range(15))
N_SERIES = 1 + len(SOURCES) + len(TICKERS) + len(TOPICS)
SHARE, RHO, PSI = 0.3, 0.02, 0.1
DAILY_VOLUME = 0.5
OWN_TICKER, ANY_TICKER = 0.6, 0.2
"""How often a document names a ticker of its topic, and how often one of all tickers."""
N_AUTHORS = 5000
WARM_WEEKS = 4
A_WEEK = WEEK_MS // BUCKET_MS


class Task(NamedTuple):
    """One stream through one setting."""

    allowed: float
    weeks: int
    per_hour: float
    seed: int


class Heard(NamedTuple):
    """What was said: the alerts that fired, and how many documents there were."""

    task: Task
    alerts: list[Alert]
    n_documents: int


def listen(task: Task) -> Heard:
    """Every alert that fires on one stream."""
    settings = load(false_alarms_per_week=task.allowed, max_series=N_SERIES)
    virtual, waiting = VirtualTime(settings), documents(task)
    fired: dict[str, Alert] = {}
    while chunk := list(islice(waiting, CHUNK)):
        for transition in virtual.feed(chunk):
            if transition.alert.state == "firing":
                fired[transition.alert.id] = transition.alert  # the newest revision names all members
    return Heard(task, list(fired.values()), virtual.n_fed)


def documents(task: Task) -> Iterator[Classified]:
    """The documents of one stream, by date."""
    rng = np.random.default_rng(task.seed)
    counts, negatives = _counts((WARM_WEEKS + task.weeks) * A_WEEK, task.per_hour, rng)
    offset = 0
    for i, (n, k) in enumerate(zip(counts, negatives, strict=True)):
        topics = np.repeat(np.arange(len(TOPICS)), n)
        negative = np.concatenate([np.arange(size) < kept for size, kept in zip(n, k, strict=True)])
        at_ms = BEGINS_MS + i * BUCKET_MS + rng.integers(BUCKET_MS, size=len(topics))
        sources = rng.choice(len(SOURCES), size=len(topics), p=SOURCE_WEIGHTS)
        for j in np.argsort(at_ms, kind="stable"):
            yield _document(offset, int(at_ms[j]), int(topics[j]), SOURCES[sources[j]], bool(negative[j]), rng)
            offset += 1


def line(heard: Heard) -> str:
    """What one setting brought."""
    task = heard.task
    since_ms = BEGINS_MS + WARM_WEEKS * WEEK_MS
    warm = [alert for alert in heard.alerts if to_ms(alert.onset) >= since_ms]
    low, high = (bound / task.weeks for bound in poisson_interval(len(warm)))
    rate = len(warm) / task.weeks
    kept = "kept" if rate <= task.allowed else "NOT KEPT"
    kinds = Counter(alert.kind for alert in warm)
    n_series = sum(1 + len(alert.members) for alert in warm) / task.weeks
    return (
        f"allowed {task.allowed:g} a week over {N_SERIES} series: {rate:.2f} ({low:.2f}–{high:.2f}) in {task.weeks} weeks"
        f" of {heard.n_documents:,} documents, {kept}; by kind {dict(kinds)}, series in them {n_series:.2f} a week;"
        f" in the {WARM_WEEKS} weeks before: {len(heard.alerts) - len(warm)}"
    )


def main() -> None:
    """Print a line for each setting."""
    options = _options()
    tasks = [Task(allowed, options.weeks, options.per_hour, options.seed) for allowed in options.allowed]
    with workers(options.processes) as spread:
        for heard in spread(listen, tasks):
            print(line(heard), flush=True)
            for name, count in sorted(Counter(f"{a.series} {a.kind}" for a in heard.alerts).items()):
                print(f"    {name}: {count}")


def _counts(length: int, per_hour: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Documents and negatives, bucket × topic."""
    n_topics = len(TOPICS)
    at_ms = BEGINS_MS + np.arange(length, dtype=np.int64) * BUCKET_MS
    weights = 1 / np.arange(1, n_topics + 1)
    liveliness = _lively(length, 1, rng) * _lively(length, n_topics, rng) * weights / weights.sum()
    rate = per_hour * BUCKET_MS / HOUR_MS * (1 + DAILY_VOLUME * day(at_ms))
    counts = rng.poisson(rate[:, None] * liveliness)
    common = wander(length, SWING_MS, rng)
    own = np.stack([wander(length, SWING_MS, rng) for _ in TOPICS], axis=1)
    turns = DAILY_ODDS * day(at_ms)[:, None] + SWING_SD * np.sqrt(0.5) * (common[:, None] + own)
    return counts, rng.binomial(counts, agreeing(turned(np.full_like(turns, SHARE), turns), RHO, rng))


def _lively(length: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """A factor of each hour, of mean 1 and variance ψ/2."""
    an_hour = HOUR_MS // BUCKET_MS
    hours = rng.gamma(2 / PSI, PSI / 2, size=(length // an_hour + 1, width))
    return np.repeat(hours, an_hour, axis=0)[:length]


def _document(offset: int, at_ms: int, topic: int, source: str, negative: bool, rng: np.random.Generator) -> Classified:
    own, any_ = rng.random(2)
    tickers = [TICKERS[i] for i in range(topic, len(TICKERS), len(TOPICS))]
    named = [tickers[offset % len(tickers)]] if own < OWN_TICKER else []
    if any_ < ANY_TICKER:
        named.append(TICKERS[int(any_ / ANY_TICKER * len(TICKERS))])
    return Classified(
        outcome="classified",
        source_channel="social",
        source_partition=0,
        source_offset=offset,
        follows=offset - 1,
        observed_ms=at_ms,
        id=str(offset),
        published_ms=at_ms,
        text_hash=f"{offset:016x}",
        source=source,
        author_hash=str(rng.integers(N_AUTHORS)),
        entities=tuple(dict.fromkeys(named)),
        given=Given(sentiment="negative" if negative else "neutral", topic=TOPICS[topic]),
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--allowed", type=float, nargs="+", default=(1.0, 20.0), help="false_alarms_per_week")
    parser.add_argument("--weeks", type=int, default=20, help="weeks that are counted, after four of warm-up")
    parser.add_argument("--per-hour", type=float, default=120.0, help="documents an hour of all series together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
