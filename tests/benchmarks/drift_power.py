"""Whether the drift monitors keep their promise, what they find, and what they cost.

    python tests/benchmarks/drift_power.py --data FOLDER --cache drift.npz --out drift.jsonl       # goes on where it was stopped
    python tests/benchmarks/drift_power.py --cache drift.npz --scenarios 'mix' --runs 4
    python tests/benchmarks/drift_power.py --cache drift.npz --cost

The documents are classified once (`--cache`, some forty seconds of CPU) and then drawn with replacement: a stream of buckets of
`--bucket` documents, whose first `--before` are as usual (the reference learns of the first 2,000). Null scenarios run for
`--cap` documents more or until a false alarm; the run length is all documents over all alarms, its interval Poisson's. In the
others something moves; a run's delay is the documents from the change to the alarm.

`--out` keeps a line for each run; those that are there are not run again. Exit code 1 where something is not kept.
"""

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from drift_documents import FINANCE, TOPICS, Documents, documents
from drift_streams import MIX_SD, Buckets, Pools, Stream, record
from scipy.stats import chi2

from streamwatch.drift.monitors import DriftConfig, Monitors
from streamwatch.drift.sums import Sums

PACE_MS = 60_000
"""Event time of a bucket."""
SWING_SD = 0.15
"""Of the log-odds of negatives, drawn anew every 500 documents: as in `null_streams.py`."""
LEAST_RUN_LENGTH, LEAST_POWER, MOST_COST = 0.8, 0.9, 0.05
"""Of what is set; within the scenario's documents; of classification."""


class Scenario(NamedTuple):
    """A stream, and within how many documents its change must be found; 0: nothing changes."""

    stream: Stream
    within: int


SCENARIOS = {
    "flat": Scenario(Stream(), 0),
    "mix of the model's topics": Scenario(Stream(wander=MIX_SD), 0),
    "mix of labelled topics": Scenario(Stream(of_set=TOPICS, by="label", wander=MIX_SD), 0),
    "sentiment swings": Scenario(Stream(swing=SWING_SD), 0),
    "sentiment +20 points": Scenario(Stream(shift=0.2), 500),
    "sentiment +20 points, mix": Scenario(Stream(shift=0.2, wander=MIX_SD), 500),
    "labelled sentiment +20 points": Scenario(Stream(shift=0.2, negative="label"), 500),
    "airline 20 %": Scenario(Stream(airline=0.2), 1000),
    "airline 20 %, mix": Scenario(Stream(airline=0.2, wander=MIX_SD), 1000),
}


class Run(msgspec.Struct):
    """One stream: documents after the change (or after the reference), and the alarm, if there was one."""

    scenario: str
    seed: int
    before: int
    bucket: int
    cap: int
    n: int
    kind: str = ""


def run(scenario: str, pools: Pools, buckets: Buckets, options: argparse.Namespace, seed: int) -> Run:
    """One stream to its first alarm."""
    within = SCENARIOS[scenario].within
    cap = within * 2 if within else options.cap
    monitors, rng, n = Monitors(DriftConfig(run_length=options.a)), np.random.default_rng([options.seed, seed]), 0
    made = Run(scenario, seed, options.before, options.bucket, cap, cap)
    for place, sums in enumerate(buckets.of(pools, rng, options.before, options.bucket), 1):
        found = monitors.advance(place * PACE_MS, sums)
        n += sums.n
        if found:
            made.n, made.kind = n - options.before, found[0].kind
        if found or n - options.before >= cap:
            break
    return made


def missing(held: Documents, options: argparse.Namespace, done: list[Run]) -> Iterator[Run]:
    """The runs that are asked for and not done yet, a scenario after the other."""
    buckets = Buckets(held)
    have = {(one.scenario, one.seed, one.before, one.bucket) for one in done}
    for name in chosen(options):
        pools = None
        for seed in range(options.null_runs if not SCENARIOS[name].within else options.runs):
            if (name, seed, options.before, options.bucket) not in have:
                pools = pools or Pools(held, SCENARIOS[name].stream)
                yield run(name, pools, buckets, options, seed)


def chosen(options: argparse.Namespace) -> list[str]:
    """The scenarios asked for."""
    return [name for name in SCENARIOS if re.search(options.scenarios, name)]


def figures(name: str, runs: list[Run], a: float) -> dict:
    """What the runs of one scenario say, and whether that is kept."""
    within, alarms = SCENARIOS[name].within, [one for one in runs if one.kind]
    made: dict = {"scenario": name, "runs": len(runs), "alarms": len(alarms)}
    made["kinds"] = {kind: sum(one.kind == kind for one in alarms) for kind in sorted({one.kind for one in alarms})}
    if not within:
        n = sum(max(0, one.n) for one in runs)
        low = 2 * n / float(chi2.ppf(0.975, 2 * len(alarms) + 2))
        made |= {"documents": n, "run_length": n / len(alarms) if alarms else None, "at_least": low}
        made["kept"] = (n / len(alarms) if alarms else low) >= LEAST_RUN_LENGTH * a
        return made
    delays = sorted(one.n if one.kind and one.n > 0 else 2 * within for one in runs)
    made |= {"power": sum(0 < one.n <= within and bool(one.kind) for one in runs) / len(runs), "within": within}
    made |= {"delay_median": delays[len(delays) // 2], "delay_p90": delays[int(0.9 * (len(delays) - 1))]}
    made["kept"] = made["power"] >= LEAST_POWER
    return made


def cost(held: Documents, n_bucket: int, rounds: int = 2) -> dict:
    """CPU of sums and monitors a document, against that of classifying it, when the reference is complete."""
    records = [record(held, int(i)) for i in np.flatnonzero(held.of_set == FINANCE)]
    monitors, spent = Monitors(DriftConfig()), []
    for turn in range(rounds):
        started = time.process_time()
        for at in range(0, len(records), n_bucket):
            sums = Sums()
            sums.add_many(records[at : at + n_bucket])
            monitors.advance((turn * len(records) + at + 1) * 1000, Sums.unpacked(sums.packed()))
        spent.append((time.process_time() - started) / len(records))
    classified = float(held.cpu_s) / len(held.topic)
    part = spent[-1] / classified
    return {"bucket": n_bucket, "us_a_document": spent[-1] * 1e6, "classified_us": classified * 1e6, "part": part,
            "state_bytes": len(monitors.state.packed()), "kept": part <= MOST_COST}  # fmt: skip


def main() -> int:
    """Run what is asked for and say what is kept."""
    options = _options()
    held = documents(options.cache, options.data)
    if options.cost:
        return _print([cost(held, n_bucket) for n_bucket in (5, 20, 200)], options)
    done = _kept(options.out)
    try:
        for one in missing(held, options, done):
            done.append(one)
            if options.out:
                with options.out.open("ab") as file:
                    file.write(msgspec.json.encode(one) + b"\n")
            print(f"{one.scenario} {one.seed}: {one.n:,} {one.kind or 'no alarm'}", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print("stopped; what is done follows", file=sys.stderr)
    of_name = {name: [one for one in done if one.scenario == name] for name in chosen(options)}
    return _print([figures(name, runs, options.a) for name, runs in of_name.items() if runs], options)


def _print(rows: list[dict], options: argparse.Namespace) -> int:
    for row in rows:
        print(json.dumps(row) if options.json else ", ".join(f"{key} {_short(value)}" for key, value in row.items()))
    return int(not all(row["kept"] for row in rows))


def _short(value: object) -> object:
    return (
        f"{value:,.4g}"
        if isinstance(value, float) and value < 1000
        else f"{value:,.0f}"
        if isinstance(value, float)
        else value
    )


def _kept(path: Path | None) -> list[Run]:
    if path is None or not path.exists():
        return []
    return [msgspec.json.decode(line, type=Run) for line in path.read_bytes().splitlines() if line.strip()]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("STREAMWATCH_DATA"), help="folder with sentiment/, topic/"
    )
    parser.add_argument(
        "--cache", type=Path, required=True, help="what the model says of the texts; made where it is not there"
    )
    parser.add_argument("--out", type=Path, help="JSON lines, one a run; those that are there are not run again")
    parser.add_argument("--scenarios", default="", help="only those whose name matches this regular expression")
    parser.add_argument("--runs", type=int, default=40, help="of each scenario in which something moves")
    parser.add_argument("--null-runs", type=int, default=10, help="of each in which nothing does")
    parser.add_argument("--a", type=float, default=50_000.0, help="documents to a false alarm that are promised")
    parser.add_argument("--cap", type=int, default=60_000, help="documents of a null run at most")
    parser.add_argument("--before", type=int, default=4_000, help="documents before the change")
    parser.add_argument("--bucket", type=int, default=20, help="documents a bucket; a divisor of 500")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cost", action="store_true", help="measure what sums and monitors cost, and nothing else")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
