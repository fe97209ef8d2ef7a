"""Whether a promotion makes the detectors deaf or loud: 20 swaps of simulated model pairs, at the level of the evaluator.

    python tests/benchmarks/promotion_swaps.py --out swaps.jsonl    # goes on where it was stopped
    python tests/benchmarks/promotion_swaps.py --promise            # run lengths of the share test with a swap every six hours

A stream has twelve documents every two minutes (a daily cycle, shares that wander), in three topics, four tickers and two
sources, read by model A for thirty hours. Then both workers swap to B, the second four minutes after the first, so that some
buckets are mixed. Each document has a latent score; a model says negative where the score, its own bias in that topic and
its own error lie above 0. B's biases make up to 15 points more or less of the usual share, and B puts up to 15 % of a
topic's documents into another. The shift is measured as the gate does it, on 2,000 documents of before.

Of each swap, from the same state:

- quiet: eight hours in which nothing happens. Alerts?
- after: bad news of one ticker and topic begins in the bucket after the swap, in five drawings. After how many detection
  buckets is it told of in the mean, and without a swap: in the same stream read by B all along, and by A all along? (A model
  that says more or less of everything sees news a little later or sooner by its nature: the first is what the swap costs.)
- during: it begins six minutes before the swap, and is not told of yet in most cases. The same.
- through: it began an hour before and goes on for two. How many alerts that fired before the swap are resolved in the hour
  after it, and how many begin in it (with one model alone some series join later too)?
- untold: quiet, with B's documents taken for A's (what was before). unmeasured: quiet, with B unknown to the versions.

It ends with code 1 where a quiet swap raises an alert, where a mean delay is more than two buckets longer, or where an
alert that was firing ends by the swap, or more begin after it than with one of the models alone.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from math import cos, pi
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from streamwatch.alerting.evaluator import Evaluator
from streamwatch.alerting.transition import EvaluatorState, Transition
from streamwatch.config import Settings
from streamwatch.detection.settings import DetectionConfig
from streamwatch.detection.share import ShareDetector
from streamwatch.detection.shift import SAME, Shift
from streamwatch.detection.units import Units
from streamwatch.detection.versions import Table, Versions
from streamwatch.gating.shift import measure
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS, to_ms
from streamwatch.trends.entry import Entry

EVERY_MS = 2 * MINUTE_MS
PER_PACKET = 12
WARM_MS = 30 * HOUR_MS
QUIET_MS, CONTROL_MS = 8 * HOUR_MS, 4 * HOUR_MS
START_MS = 1_700_000_000_000 - 1_700_000_000_000 % DAY_MS
SWAP_MS = START_MS + WARM_MS
SECOND_MS = 4 * MINUTE_MS
"""The second worker swaps so much later."""
BEFORE_MS, THROUGH_MS = 6 * MINUTE_MS, HOUR_MS
NEWS_MS = 2 * HOUR_MS
WATCHED_MS = HOUR_MS // 2
N_SAMPLE = 2000
N_STREAMS, SWAPS_EACH = 5, 4
TOPICS, TICKERS = ("a", "b", "c"), ("T0", "T1", "T2", "T3")
USUAL = np.array([0.2, 0.3, 0.4])
BAD_TICKER, BAD_SHARE, BAD_PER_PACKET = 0, 0.75, 8
A, B = 11, 22
WANDER_SD = 0.15
ERROR_SD = 0.6
"""Of a model's own error, on the scale of log-odds: with it two models without bias disagree on some 9 % of documents."""
WARM_BUCKETS, SWAP_BUCKETS = 720, 360
"""Of the run lengths: twelve hours, as the share test wants them, and six."""
N_NEWS = 5
MOST_MORE = 2
"""Detection buckets that a swap may cost."""


class Documents(NamedTuple):
    """Columns of the stream: the latent score of each document, each model's own error, and what decides B's topics."""

    at_ms: np.ndarray
    topic: np.ndarray
    ticker: np.ndarray
    source: np.ndarray
    score: np.ndarray
    errors: np.ndarray
    moves: np.ndarray

    @property
    def negative(self) -> np.ndarray:
        """As A says it."""
        return self.score + self.errors[:, 0] > 0


class Pair(NamedTuple):
    """Model B: by topic, its bias on the latent scale, and the chance that a document goes elsewhere."""

    bias: np.ndarray
    elsewhere: np.ndarray


def stream(seed: int, from_ms: int, until_ms: int, bad: int = 0) -> Documents:
    """Documents of a stretch of time; `bad`: the extra ones alone of the bad news of that number."""
    draw = np.random.default_rng([seed, from_ms // EVERY_MS, bad])
    starts = np.arange(from_ms, until_ms, EVERY_MS)
    usual = [PER_PACKET * (1 - 0.4 * cos(2 * pi * (at % DAY_MS) / DAY_MS)) for at in starts]
    at_ms = np.repeat(starts, BAD_PER_PACKET if bad else draw.poisson(usual))
    n = len(at_ms)
    topic = np.zeros(n, int) if bad else draw.integers(3, size=n)
    ticker = np.full(n, BAD_TICKER) if bad else (topic + draw.integers(2, size=n)) % 4
    wander = draw.normal(0, WANDER_SD, len(starts))
    share = np.full(n, BAD_SHARE) if bad else USUAL[topic]
    score = _logit(share) + wander[np.searchsorted(starts, at_ms)] + draw.logistic(size=n)
    errors = draw.normal(0, ERROR_SD, (n, 2))
    return Documents(at_ms, topic, ticker, draw.integers(2, size=n), score, errors, draw.random(n))


def _logit(share: np.ndarray) -> np.ndarray:
    return np.log(share / (1 - share))


def pair(seed: int) -> Pair:
    """A model that differs: by up to 15 points, in each topic by up to 3 more or less."""
    draw = np.random.default_rng([seed, 99])
    more = np.clip(draw.uniform(-0.15, 0.15) + draw.uniform(-0.03, 0.03, 3), -0.15, 0.15)
    return Pair(_logit(np.maximum(USUAL + more, 0.05)) - _logit(USUAL), draw.uniform(0, 0.15, 3))


def read_by_b(documents: Documents, model: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Topic and negative as B says them."""
    negative = documents.score + model.bias[documents.topic] + documents.errors[:, 1] > 0
    topic = (documents.topic + (documents.moves < model.elsewhere[documents.topic])) % 3
    return topic, negative


def series_of(documents: Documents, topic: np.ndarray) -> list[tuple[str, ...]]:
    """The series of each document."""
    return [
        ("all", f"source:s{s}", f"topic:{TOPICS[t]}", f"ticker:{TICKERS[k]}")
        for s, t, k in zip(documents.source, topic, documents.ticker, strict=True)
    ]


def buckets(parts: Sequence[Documents], model: Pair | None, swap_ms: int, told: bool) -> list[tuple[int, list[Entry]]]:
    """Entries by bucket. From the swap on B reads; `told` says that its documents carry its version."""
    found: dict[int, list[Entry]] = {}
    for part, documents in enumerate(parts):
        topic, negative = (documents.topic, documents.negative) if model is None else read_by_b(documents, model)
        is_b = np.array(
            [model is not None and at >= swap_ms + (i % 2) * SECOND_MS for i, at in enumerate(documents.at_ms)]
        )
        names = series_of(documents, np.where(is_b, topic, documents.topic))
        said = np.where(is_b, negative, documents.negative)
        for i, at in enumerate(documents.at_ms.tolist()):
            entry = Entry(
                f"{part}/{at}/{i}", "negative" if said[i] else "neutral", names[i], f"a{part}/{at}/{i}", i % 2, i, 0,
                B if is_b[i] and told else A,
            )  # fmt: skip
            found.setdefault(at, []).append(entry)
    return sorted(found.items())


class Run(NamedTuple):
    """What was told, and the state after it."""

    told: list[Transition]
    state: EvaluatorState


def advance(state: EvaluatorState, versions: Versions, given: list[tuple[int, list[Entry]]], until_ms: int) -> Run:
    """An evaluator from a state on."""
    evaluator = Evaluator(Settings(), state=state, versions=versions)
    told = evaluator.advance(until_ms, given)
    return Run(told, state.after(evaluator.take_changes()))


def measured(seed: int, model: Pair) -> Table:
    """As the gate does it: documents of before, read by both."""
    documents = stream(seed, START_MS, SWAP_MS - THROUGH_MS)
    chosen = np.random.default_rng([seed, 5]).choice(len(documents.at_ms), N_SAMPLE, replace=False)
    some = Documents(*(column[chosen] for column in documents))
    topic, negative = read_by_b(some, model)
    return measure(series_of(some, some.topic), series_of(some, topic), some.negative, negative)


def of_news(told: Sequence[Transition], from_ms: int) -> int | None:
    """When the bad news was first told of, ms after it began; None: never."""
    name = f"ticker:{TICKERS[BAD_TICKER]}"
    hits = [
        to_ms(t.alert.at) - from_ms
        for t in told
        if t.alert.state == "firing"
        and to_ms(t.alert.at) > from_ms
        and (t.alert.series == name or any(m.series == name for m in t.alert.members))
    ]
    return min(hits, default=None)


class Bench:
    """One stream, up to the swap; every swap of it starts from the same states. `always` has read it from its start."""

    def __init__(self, seed: int, always: Pair | None = None) -> None:
        self.seed = seed
        self._always = always
        early = SWAP_MS - THROUGH_MS
        self.early = advance(EvaluatorState(), Versions(), self.quiet(START_MS, early), early).state
        self.hour = advance(self.early, Versions(), self.quiet(early, SWAP_MS - BEFORE_MS), SWAP_MS - BEFORE_MS).state
        self.state = advance(self.hour, Versions(), self.quiet(SWAP_MS - BEFORE_MS, SWAP_MS), SWAP_MS).state
        self.plain = {
            "after": self.news(always, Versions(), SWAP_MS, START_MS),
            "during": self.news(always, Versions(), SWAP_MS - BEFORE_MS, START_MS),
        }

    def quiet(self, from_ms: int, until_ms: int) -> list[tuple[int, list[Entry]]]:
        """Read by A, or by who always did."""
        return buckets([stream(self.seed, from_ms, until_ms)], self._always, 0, told=True)

    def news(self, model: Pair | None, versions: Versions, from_ms: int, swap_ms: int = SWAP_MS) -> float:
        """After how many detection buckets bad news that begins then is told of, in the mean; an hour where it is not."""
        until_ms, state = from_ms + WATCHED_MS, self.state if from_ms == SWAP_MS else self.hour
        delays = []
        for number in range(1, N_NEWS + 1):
            parts = [stream(self.seed, from_ms, until_ms), stream(self.seed, from_ms, until_ms, bad=number)]
            told = advance(state, versions, buckets(parts, model, swap_ms, True), until_ms).told
            delays.append(of_news(told, from_ms))
        bucket_ms = DetectionConfig.of(Settings()).detection_bucket_ms
        return sum((HOUR_MS if ms is None else ms) // bucket_ms for ms in delays) / len(delays)

    def alerts(self, model: Pair, versions: Versions, length_ms: int, told: bool = True) -> int:
        """Alerts of a swap in a quiet stream."""
        until_ms = SWAP_MS + length_ms
        given = buckets([stream(self.seed, SWAP_MS, until_ms)], model, SWAP_MS, told)
        return len(
            {t.alert.id for t in advance(self.state, versions, given, until_ms).told if t.alert.state == "firing"}
        )

    def through(self, model: Pair | None, versions: Versions, swap_ms: int = SWAP_MS) -> dict[str, int]:
        """News that began an hour before the swap: alerts that fired by then, were resolved after it, and began after it."""
        from_ms, ends_ms = SWAP_MS - THROUGH_MS, SWAP_MS - THROUGH_MS + NEWS_MS
        parts = [stream(self.seed, from_ms, ends_ms), stream(self.seed, from_ms, ends_ms, bad=1)]
        told = advance(self.early, versions, buckets(parts, model, swap_ms, True), ends_ms).told
        before = {t.alert.id for t in told if to_ms(t.alert.at) <= SWAP_MS}
        resolved = [t for t in told if t.alert.state == "resolved" and to_ms(t.alert.at) > SWAP_MS]
        return {"fired": len(before), "resolved": len(resolved), "began": len({t.alert.id for t in told} - before)}


def swap(bench: Bench, number: int) -> dict[str, Any]:
    """All figures of one swap."""
    model = pair(1000 * bench.seed + number)
    table, versions = measured(bench.seed, model), Versions()
    versions.introduce(B, A, table)
    by_b = Bench(bench.seed, model)
    delays = {"after": bench.news(model, versions, SWAP_MS), "during": bench.news(model, versions, SWAP_MS - BEFORE_MS)}
    return {
        "stream": bench.seed,
        "pair": number,
        "points": round(float(np.mean(_points(model))) * 100, 1),
        "quiet": bench.alerts(model, versions, QUIET_MS),
        "untold": bench.alerts(model, versions, CONTROL_MS, told=False),
        "unmeasured": bench.alerts(model, Versions(), CONTROL_MS),
        "delay": delays,
        "by_a": bench.plain,
        "by_b": by_b.plain,
        "through": bench.through(model, versions),
        "through_a": bench.through(None, Versions()),
        "through_b": by_b.through(model, Versions(), START_MS),
    }


def _points(model: Pair) -> np.ndarray:
    return 1 / (1 + np.exp(-(_logit(USUAL) + model.bias))) - USUAL


def faults(rows: Sequence[dict[str, Any]]) -> list[str]:
    """What breaks the promise."""
    said = []
    for row in rows:
        where = f"stream {row['stream']}, pair {row['pair']}"
        if row["quiet"]:
            said.append(f"{where}: {row['quiet']} alerts by the swap")
        for name, delay in row["delay"].items():
            plain = row["by_b"][name]
            if delay - plain > MOST_MORE:
                said.append(
                    f"{where}: news {name} the swap was told of after {delay} buckets, by B alone after {plain}"
                )
        usual = max(row["through_a"]["began"], row["through_b"]["began"])
        if row["through"]["resolved"] or row["through"]["began"] > usual:
            said.append(f"{where}: what was firing did not go on: {row['through']}")
    return said


# -- the promise


def run_length(seed: int, kind: str, run_length_buckets: int, cap: int) -> int:
    """Buckets until the share test's first alarm once it is warm, with a swap every six hours; `cap` where there was none.

    `kind`: "none" no swap, "told" the shift is known with an error of ±.1, "untold" it is taken for nothing.
    """
    draw = np.random.default_rng([seed, 3])
    truth, known, now = {0: 0.0}, {0: 0.0}, 0
    units = Units()
    config = DetectionConfig(false_alarms_per_week=7 * 1440 / run_length_buckets, max_series=1, n_kinds=1)

    def shift_to(version: int) -> Shift:
        by = known[version] - known[units.version - 1]
        return SAME if version == units.version - 1 else Shift(by, 0.1)

    detector = ShareDetector(config, shift_to=lambda version: shift_to(version - 1))
    for i in range(WARM_BUCKETS + cap):
        if kind != "none" and i >= WARM_BUCKETS and i % SWAP_BUCKETS == 0:
            now += 1
            truth[now] = float(draw.normal(0, 0.3))
            known[now] = truth[now] + float(draw.normal(0, 0.07)) if kind == "told" else 0.0
        p = 1 / (1 + np.exp(-(-0.85 + truth[now])))
        k = int(draw.binomial(10, draw.beta(p * 49, (1 - p) * 49)))
        version = now + 1 if kind == "told" else 1
        what = units.receive({version: 10})
        if what == "arrived":
            detector.loosen(shift_to(version - 1))
        elif what == "takes_over":
            shift, old = shift_to(version - 1), units.version
            units.take_over()
            detector.translate(shift, old, version)
        detector.update(START_MS + i * MINUTE_MS, 10, k, {} if version == units.version else {version: 10})
        if detector.crossed:
            return i - WARM_BUCKETS
    return cap


def promise(runs: int, run_length_buckets: int) -> dict[str, Any]:
    """Mean buckets to a false alarm by the censored estimate: all buckets over all alarms."""
    cap = 5 * run_length_buckets
    found = {}
    for kind in ("none", "told", "untold"):
        lengths = [run_length(seed, kind, run_length_buckets, cap) for seed in range(runs)]
        alarms = sum(length < cap for length in lengths)
        found[kind] = {"runs": runs, "alarms": alarms, "buckets": sum(lengths), "mean": sum(lengths) / max(alarms, 1)}
    return {"run_length": run_length_buckets, **found}


# -- the command


def kept(path: Path | None) -> list[dict[str, Any]]:
    """The swaps that a file has."""
    lines = path.read_text().splitlines() if path and path.exists() else []
    return [json.loads(line) for line in lines if line.strip()]


def rows(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """All swaps, those that are done already first."""
    done = kept(options.out)
    yield from done
    known = {(row["stream"], row["pair"]) for row in done}
    for seed in range(options.streams):
        missing = [number for number in range(options.swaps) if (seed, number) not in known]
        bench = Bench(seed) if missing else None
        for number in missing:
            assert bench is not None
            row = swap(bench, number)
            if options.out:
                with options.out.open("a") as file:
                    file.write(json.dumps(row) + "\n")
            yield row


def show(row: dict[str, Any]) -> str:
    """A line of the table."""
    delays = ", ".join(
        f"{name} {row['delay'][name]} ({row['by_b'][name]}, {row['by_a'][name]})" for name in ("after", "during")
    )
    return (f"{row['stream']}/{row['pair']}  {row['points']:+5.1f} points  alerts: {row['quiet']} "
            f"(untold {row['untold']}, unmeasured {row['unmeasured']})  buckets (B alone, A alone): {delays}  "
            f"through: {row['through']['fired']} fired, {row['through']['resolved']} ended, {row['through']['began']} began "
            f"({row['through_b']['began']}, {row['through_a']['began']})")  # fmt: skip


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=N_STREAMS)
    parser.add_argument("--swaps", type=int, default=SWAPS_EACH, help="of each stream")
    parser.add_argument(
        "--out", type=Path, metavar="F", help="a line for each swap; those that are there are not run again"
    )
    parser.add_argument("--promise", action="store_true", help="run lengths instead")
    parser.add_argument("--runs", type=int, default=16, help="of --promise")
    parser.add_argument("--run-length", type=int, default=600, help="of --promise, in buckets")
    parser.add_argument("--json", type=Path, metavar="F", help="also write the figures here")
    options = parser.parse_args()
    began, found = time.process_time(), []
    if options.promise:
        result: dict[str, Any] = promise(options.runs, options.run_length)
        print(json.dumps(result, indent=1))
        bad = ["the run length is shorter than promised"] if result["told"]["mean"] < options.run_length else []
    else:
        for row in rows(options):
            found.append(row)
            print(show(row), flush=True)
        bad = faults(found)
        result = {"swaps": found, "faults": bad}
    result["cpu_s"] = round(time.process_time() - began, 1)
    for fault in bad:
        print(f"FAULT: {fault}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
