"""Whether the share detector keeps its promise: run lengths to a false alarm on streams where nothing happens.

    python tests/benchmarks/promise.py --out promise.jsonl     # 54 cells; goes on where it was stopped
    python tests/benchmarks/promise.py --quick                 # eight cells, 40 runs each
    python tests/benchmarks/promise.py --cells 'n200 .* swing' --runs 50

Buckets of ten minutes, A = 1,008 of them (a week). Each run is one stream of eight weeks and one detector, which
estimates p₀ and ρ itself. *Cold* is the first alarm counted from the stream's first document, censored at four weeks.
Alarms in those weeks are episodes, resolved after an hour. *Run length* is the first alarm after these four weeks,
censored at four times A. All runs are independent. `--looks` splits each bucket into that many updates of 10 s.

The peers (z-test, exact binomial test, EWMA chart) see the same streams and are set to one false alarm in A buckets.

`--out` keeps a line for each cell; those that are there under the same conditions are not run again. A detector whose
code changed but not its `version` needs a new file.
"""

import argparse
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from math import ceil
from multiprocessing import Pool
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import msgspec
import numpy as np
import peers
from looks import InParts
from null_streams import BUCKET_MS, SWING_SD, Null, Stream
from run_lengths import RunLengths, config_of, drive, first

from streamwatch.detection.share import ShareDetector
from streamwatch.timeline import WEEK_MS

VOLUMES = (1, 3, 10, 50, 200, 2000)
RHOS = (0.0, 0.02, 0.05)
SHAPES = ((False, 0.0), (True, 0.0), (False, SWING_SD))
QUICK = r"n(10|200) rho(0|\.02) (flat|swing)"
CHUNK = 10
"""Runs to a task of one process."""


class Conditions(NamedTuple):
    """What a cell's figures depend on beside the cell."""

    run_length: int
    share: float
    runs: int
    seed: int
    fixed: bool
    looks: int
    warm_weeks: float
    cap: float
    version: str

    @property
    def warm(self) -> int:
        """Buckets of warm-up."""
        return round(self.warm_weeks * WEEK_MS / BUCKET_MS)

    @property
    def length(self) -> int:
        """Buckets of a whole run."""
        return self.warm + ceil(self.cap * self.run_length)


class Cell(msgspec.Struct):
    """The figures of one kind of stream, as `--out` keeps them."""

    name: str
    conditions: Conditions
    lengths: dict[str, RunLengths]
    seconds: float = 0.0

    def add(self, lengths: dict[str, RunLengths], seconds: float) -> None:
        """More runs."""
        self.lengths = {name: self.lengths.get(name, RunLengths(0, 0, 0)) + more for name, more in lengths.items()}
        self.seconds += seconds


def nulls(conditions: Conditions, pattern: str = "") -> list[Null]:
    """The cells whose name matches."""
    cells = [
        Null(n, rho, daily, swing, conditions.share, conditions.fixed)
        for (daily, swing), rho, n in product(SHAPES, RHOS, VOLUMES)
    ]
    return [null for null in cells if re.search(pattern, null.name)]


def watch(task: tuple[Null, Conditions, range]) -> tuple[str, dict[str, RunLengths], float]:
    """The run lengths of some runs of one cell, by detector."""
    null, conditions, runs = task
    started = time.perf_counter()
    config, warm, length = config_of(conditions.run_length), conditions.warm, conditions.length
    streams = [null.stream(length, _rng(null, conditions, run)) for run in runs]
    cold, ours = [], []
    for run, stream in zip(runs, streams, strict=True):
        detector = InParts(ShareDetector(config), conditions.looks, _rng(null, conditions, run, 1))
        begins = next((i for i, n in enumerate(stream.n) if n), 0)
        cold.append(first(drive(detector, stream, 0, warm), begins, warm))
        ours.append(first(drive(detector, stream, warm, length, first_only=True), warm, length))
    lengths = {"share": RunLengths.of(ours), "cold": RunLengths.of(cold), **_peers(streams, warm, conditions)}
    return null.name, lengths, time.perf_counter() - started


def cells(conditions: Conditions, wanted: list[Null], processes: int) -> Iterator[Cell]:
    """Run the cells; each comes when all its runs are done."""
    chunks = [range(at, min(at + CHUNK, conditions.runs)) for at in range(0, conditions.runs, CHUNK)]
    open_cells: dict[str, Cell] = {}
    with workers(processes) as spread:
        for name, lengths, seconds in spread(watch, [(null, conditions, runs) for null in wanted for runs in chunks]):
            cell = open_cells.setdefault(name, Cell(name, conditions, {}))
            cell.add(lengths, seconds)
            if cell.lengths["share"].runs == conditions.runs:
                yield open_cells.pop(name)


def kept(path: Path | None, conditions: Conditions) -> dict[str, Cell]:
    """The cells that a file has under these conditions."""
    if path is None or not path.exists():
        return {}
    lines = [msgspec.json.decode(line, type=Cell) for line in path.read_bytes().splitlines() if line.strip()]
    return {cell.name: cell for cell in lines if cell.conditions == conditions}


def table(done: list[Cell], run_length: float) -> Iterator[str]:
    """Markdown; run lengths of the other columns are in multiples of A."""
    others = ("cold", *peers.NAMES)
    yield f"| stream | alarms of runs | run length (95 %) | × A | {' × A | '.join(others)} × A | kept |"
    yield "|" + "---|" * (5 + len(others))
    for cell in done:
        ours = cell.lengths["share"]
        columns = [cell.name, f"{ours.alarms} of {ours.runs}", _span(ours), _times(ours, run_length)]
        columns += [_times(cell.lengths[name], run_length) for name in others]
        yield f"| {' | '.join(columns)} | {verdict(ours, run_length)} |"


def verdict(lengths: RunLengths, run_length: float) -> str:
    """Whether the promise is kept: surely, as far as the point estimate goes, or not."""
    if lengths.interval[0] >= run_length:
        return "yes"
    return "point" if lengths.mean >= run_length else "**no**"


def summary(done: list[Cell], run_length: float) -> str:
    """The last line."""
    broken = [cell.name for cell in done if verdict(cell.lengths["share"], run_length) == "**no**"]
    sure = sum(verdict(cell.lengths["share"], run_length) == "yes" for cell in done)
    if not done:
        return "no cell was run"
    if broken:
        return f"NOT KEPT in {len(broken)} of {len(done)} cells: {', '.join(broken)}"
    return f"kept in all {len(done)} cells: run length ≥ A; in {sure} the whole interval lies there"


def main() -> int:
    """Run what is asked for and print the table; 1 where the promise is not kept, 130 where it was interrupted."""
    options = _options()
    conditions = Conditions(
        options.a, options.share, options.runs, options.seed, options.fixed_n, options.looks,
        options.warm_weeks, options.cap, ShareDetector.version,
    )  # fmt: skip
    wanted = nulls(conditions, options.cells)
    done = kept(options.out, conditions)
    missing = [null for null in wanted if null.name not in done]
    status = 0
    try:
        for cell in cells(conditions, missing, options.processes):
            done[cell.name] = cell
            _keep(options.out, cell)
            ours = cell.lengths["share"]
            print(f"{len(done)} · {cell.name}: {_span(ours)}, {cell.seconds:.0f} s of CPU", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print("stopped; what is done follows", file=sys.stderr)
        status = 130
    shown = [done[null.name] for null in wanted if null.name in done]
    print("\n".join([*table(shown, options.a), "", summary(shown, options.a)]))
    broken = any(cell.lengths["share"].mean < options.a for cell in shown)
    return status or int(broken)


def _peers(streams: list[Stream], warm: int, conditions: Conditions) -> dict[str, RunLengths]:
    n, k = np.array([stream.n for stream in streams]), np.array([stream.k for stream in streams])
    length = conditions.length
    return {
        name: RunLengths.of(first((warm + np.flatnonzero(row[warm:])).tolist(), warm, length) for row in alarms)
        for name, alarms in peers.peers(n, k, conditions.run_length).items()
    }


def _rng(null: Null, conditions: Conditions, run: int, part: int = 0) -> np.random.Generator:
    """A run's numbers depend on seed, cell and run, not on how runs are spread over processes."""
    return np.random.default_rng([conditions.seed, crc32(null.name.encode()), run, part])


@contextmanager
def workers(processes: int) -> Iterator[Any]:
    """`map` over processes, which leave an interrupt to the parent; it ends them."""
    if processes == 1:
        yield map
        return
    with Pool(processes, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        yield pool.imap


def _keep(path: Path | None, cell: Cell) -> None:
    if path is not None:
        with path.open("ab") as file:
            file.write(msgspec.json.encode(cell) + b"\n")


def _span(lengths: RunLengths) -> str:
    low, high = lengths.interval
    if not lengths.alarms:
        return f"> {low:,.0f} (no alarm)"
    return f"{lengths.mean:,.0f} ({low:,.0f}–{high:,.0f})"


def _times(lengths: RunLengths, run_length: float) -> str:
    low = lengths.interval[0] / run_length
    return f"{lengths.mean / run_length:.2f}" if lengths.alarms else f"> {low:.0f}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default="", help="only cells whose name matches this regular expression")
    parser.add_argument("--runs", type=int, default=200, help="runs of each cell")
    parser.add_argument("--a", type=int, default=1008, help="A: buckets to a false alarm that are promised")
    parser.add_argument("--share", type=float, default=0.3, help="p0 of the streams")
    parser.add_argument("--fixed-n", action="store_true", help="the mean number of documents in each bucket, always")
    parser.add_argument("--looks", type=int, default=1, choices=range(1, 61), metavar="1..60", help="tests of a bucket")
    parser.add_argument("--warm-weeks", type=float, default=4.0)
    parser.add_argument("--cap", type=float, default=4.0, help="runs are censored at this many times A")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, help="JSON lines, one a cell; those that are there are not run again")
    parser.add_argument("--quick", action="store_true", help="eight cells, 40 runs each")
    options = parser.parse_args()
    if options.quick:
        options.cells, options.runs = options.cells or QUICK, 40
    return options


if __name__ == "__main__":
    sys.exit(main())
