"""The same documents give the same alerts, however they come: live runs against `streamwatch backtest` of the same file.

    python -m tests.benchmarks.determinism --data FOLDER --json determinism.json

Broker and Redis are the embedded ones, the workers real processes, the model `null` (topics by a hash). The rules allow so
many false alarms that a week of airline tweets brings dozens of revisions: pending, withdrawn, firing, joined, resolved. Each
case is a deployment of its own; every field of every revision must be the backtest's, each told with one content, no revision
skipped, and no document may have met a closed bucket (`missed`). What differs is printed, and the exit code is 1.

Cases whose speed is below `max` play what lies before and behind at `max`, as replays of their own: an hour of airline tweets
at 60×, some minutes at 1× (`--real-minutes`; 60 for an hour), a day at 2000×, each around an onset. A worker can only reach
its lateness behind the newest document, where a backtest goes to the end: revisions of that last part are `beyond`.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streamwatch.config import Settings, load
from streamwatch.embedded import RedisServer, Tansu, embedded_settings
from streamwatch.sources.columns import parse_columns
from streamwatch.sources.files import read_rows
from streamwatch.sources.row import Row
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS, bucket_start, parse_rfc3339
from tests.faults.same_alerts import Difference, Fault, Piece, Told, backtest, compare, live, write_rows
from tests.faults.takeovers import stop_for_a_minute, wipe_at_half
from tests.faults.telling_day import telling_day

AIRLINE = "stream/airline_tweets_2015.csv.gz"
COLUMNS = ("entities=airline", "sentiment=sentiment", "id=id")
OUT_OF_ORDER_MS = 10 * MINUTE_MS
WHOLE: dict[str, Any] = {"model": "null", "stalled_after_s": 0, "drift_run_length": 0}  # `backtest` tells of no drift
RULES = """
rules:
  - {name: companies, series: ["entity:*", "ticker:*"], false_alarms_per_week: 20, max_series: 40, for: 5m, keep_firing_for: 30m}
  - {name: everything-else, series: "*", false_alarms_per_week: 20, max_series: 40, keep_firing_for: 30m}
"""


@dataclass
class Bench:
    """The servers and files of one run of this program, and what it found."""

    servers: dict[str, Any]
    folder: Path
    airline: list[Row]
    synthetic: list[Row]
    real_minutes: float
    found: dict[str, dict[str, Any]] = field(default_factory=dict)
    _known: dict[tuple[str, int], Told] = field(default_factory=dict)

    def settings(self, name: str, **overrides: Any) -> Settings:
        """Those of a case."""
        prefix = "".join(c if c.isalnum() else "-" for c in name) + "-"
        return load(prefix=prefix, rules=str(self.folder / "rules.yml"), **(self.servers | WHOLE | overrides))

    def backtest(self, file: str, lateness_s: int = 30) -> Told:
        """Of one of the files, once."""
        if (file, lateness_s) not in self._known:
            settings = self.settings("backtest", lateness_s=lateness_s)
            self._known[file, lateness_s] = backtest(settings, self.folder / f"{file}.jsonl")
        return self._known[file, lateness_s]

    def case(self, name: str, file: str, pieces: Sequence[Piece], **how: Any) -> Difference:
        """Play, compare, note."""
        started = time.monotonic()
        overrides = {key: how.pop(key) for key in ("partitions", "lateness_s") if key in how}
        expected = how.pop("expected", None) or self.backtest(file, overrides.get("lateness_s", 30))
        told = live(self.settings(name, **overrides), pieces, self.folder, **how)
        difference = compare(expected, told)
        self._note(name, told, difference, time.monotonic() - started)
        return difference

    def _note(self, name: str, told: Told, difference: Difference, seconds: float) -> None:
        self.found[name] = {
            "alerts": told.n_alerts, "same": difference.n_same, "beyond": difference.beyond, "missed": told.missed,
            "missing": len(difference.missing), "extra": len(difference.extra), "differing": len(difference.differing),
            "copies": told.n_records - len(told.alerts), "seconds": round(seconds, 1), "ok": not difference,
            "differences": difference.lines(),
        }  # fmt: skip
        show_case(name, self.found[name])


# -- what is played


def cut(rows: Sequence[Row], parts: Iterable[tuple[int, int, float]]) -> list[Piece]:
    """The rows in pieces: each part [from, until) at its speed, and as fast as it goes before, between and behind."""
    pieces: list[Piece] = []
    at = 0
    for from_ms, until_ms, speed in parts:
        start, end = (_index(rows, ms) for ms in (from_ms, until_ms))
        pieces += [Piece(rows[at:start]), Piece(rows[start:end], speed)]
        at = end
    return [piece for piece in (*pieces, Piece(rows[at:])) if piece.rows]


def _index(rows: Sequence[Row], at_ms: int) -> int:
    """The first row dated at or after `at_ms`, of rows in order."""
    return next((i for i, row in enumerate(rows) if (row.published_ms or 0) >= at_ms), len(rows))


def firing_after(told: Told, share: float, rows: Sequence[Row]) -> int:
    """When the first alert fires behind that share of the rows."""
    from_ms = rows[int(share * len(rows))].published_ms or 0
    times = [parse_rfc3339(one[0]["at"]) for one in told.alerts.values() if one[0]["state"] == "firing"]
    return min(at_ms for at_ms in times if at_ms >= from_ms)


def out_of_order(rows: Sequence[Row], seed: int) -> list[Row]:
    """The rows as they would come, each up to ten minutes late."""
    draw = random.Random(seed)
    return sorted(rows, key=lambda row: (row.published_ms or 0) + draw.uniform(0, OUT_OF_ORDER_MS))


# -- the cases


def partitions(bench: Bench) -> None:
    """1, 2 and 4 partitions, as fast as it goes."""
    for n in (1, 2, 4):
        bench.case(f"max, {n} partition{'s' * (n > 1)}", "airline", [Piece(bench.airline)], partitions=n)


def fast(bench: Bench) -> None:
    """A day at 2000×, and the synthetic day."""
    day_ms = bucket_start(firing_after(bench.backtest("airline"), 0.5, bench.airline), DAY_MS)
    pieces = cut(bench.airline, [(day_ms, day_ms + DAY_MS, 2000.0)])
    bench.case("a day at 2000×", "airline", pieces, partitions=2)
    bench.case("synthetic, max", "synthetic", [Piece(bench.synthetic)], partitions=2)
    bench.case("synthetic, 2000×", "synthetic", [Piece(bench.synthetic, 2000.0)])


def real(bench: Bench) -> None:
    """An hour at 60× and some minutes at 1×, each with an alert that fires in it."""
    told = bench.backtest("airline")
    slow_ms = firing_after(told, 0.5, bench.airline)
    real_ms = firing_after(told, 0.6, bench.airline)
    assert real_ms - slow_ms > 2 * HOUR_MS
    half = bench.real_minutes / 2 * MINUTE_MS
    parts = [
        (slow_ms - HOUR_MS // 2, slow_ms + HOUR_MS // 2, 60.0),
        (int(real_ms - half - MINUTE_MS), int(real_ms + half - MINUTE_MS), 1.0),
    ]
    bench.case(f"an hour at 60×, {bench.real_minutes:g} min at 1×", "airline", cut(bench.airline, parts), partitions=2)


def wiped(bench: Bench) -> None:
    """FLUSHALL in the middle of a rebuild's work, and when all is told."""
    pieces = [Piece(bench.airline)]
    bench.case("FLUSHALL in the middle and at the end", "airline", pieces, fault=wipe_at_half, wipe_at_end=True)


def shuffled(bench: Bench) -> None:
    """Out of order by up to ten minutes: a lateness that covers it gives the sorted stream's alerts."""
    pieces = [Piece(list(read_rows(bench.folder / "shuffled.jsonl")))]
    bench.case("out of order, lateness 30 s", "shuffled", pieces)
    bench.case("out of order, lateness 10 min", "shuffled", pieces, lateness_s=600)
    expected = bench.backtest("airline", 600)
    bench.case("out of order, lateness 10 min, beside sorted", "airline", pieces, lateness_s=600, expected=expected)
    apart = compare(bench.backtest("airline"), bench.backtest("shuffled"))
    bench.found["out of order, lateness 30 s"]["beside sorted"] = {
        "same": apart.n_same, "only sorted": len(apart.missing), "only shuffled": len(apart.extra),
        "differing": len(apart.differing),
    }  # fmt: skip


def stopped(bench: Bench) -> None:
    """An evaluator stopped for a minute while another takes over, and then the other for some seconds, again and again."""
    pieces = cut(bench.airline, [(bench.airline[len(bench.airline) // 3].published_ms or 0, 2**60, 6000.0)])
    fault: Fault = stop_for_a_minute
    bench.case("evaluator stopped for a minute", "airline", pieces, fault=fault, n_workers=2)


CASES: dict[str, Callable[[Bench], None]] = {
    "partitions": partitions, "fast": fast, "real": real, "wiped": wiped, "shuffled": shuffled, "stopped": stopped,
}  # fmt: skip


HEADS = ("alerts", "same", "beyond", "missing", "extra", "differing", "missed", "copies", "seconds")


def show_case(name: str, case: dict[str, Any]) -> None:
    """One line of the table, and what differs."""
    verdict = "same" if case["ok"] else "NOT THE SAME"
    columns = "".join(f"{case[head]:{len(head) + 2}}" for head in HEADS)
    print(f"{name:46}{columns}  {verdict}", flush=True)
    for line in case["differences"]:
        print(f"    {line}", flush=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help=f"holds {AIRLINE}")
    parser.add_argument("--only", action="append", choices=list(CASES))
    parser.add_argument("--real-minutes", type=float, default=5.0, help="played at 1×")
    parser.add_argument("--seed", type=int, default=1, help="of the order")
    parser.add_argument("--json", type=Path, metavar="F", help="also write the figures here")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="streamwatch-same-")))
        broker, redis = stack.enter_context(Tansu()), stack.enter_context(RedisServer())
        (folder / "rules.yml").write_text(RULES)
        rows = write_rows(folder / "airline.jsonl", read_rows(options.data / AIRLINE, parse_columns(COLUMNS)))
        write_rows(folder / "shuffled.jsonl", out_of_order(rows, options.seed))
        day = write_rows(folder / "synthetic.jsonl", telling_day())
        bench = Bench(embedded_settings(broker.url, redis.url), folder, rows, day, options.real_minutes)
        print(f"{'case (revisions, beside backtest)':46}" + "".join(f"{head:>{len(head) + 2}}" for head in HEADS))
        for name in options.only or CASES:
            CASES[name](bench)
    if options.json:
        options.json.write_text(json.dumps(bench.found, indent=1) + "\n")
    sys.exit(0 if all(case["ok"] for case in bench.found.values()) else 1)


if __name__ == "__main__":
    main()
