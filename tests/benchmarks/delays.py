"""How soon the share detector sees a share that rises, in buckets of ten minutes.

    python tests/benchmarks/delays.py [--runs 200] [--volumes 10] [--fixed-n] [--looks 60]

After four weeks in which nothing happens the share goes from .2 to .33, or to .5, and stays there. The delay counts from
the change to the crossing: 1 is within the first bucket. Runs that see nothing within 300 buckets count as 300, and are
told. A = 1,000. Both rises follow the same four weeks of a run; runs are independent. The peers have one false alarm
in A buckets where no document agrees with another, and many more where they do (`promise.py`): there, theirs is no
delay at the same price.
"""

import argparse
from collections.abc import Iterator
from copy import deepcopy
from itertools import product
from math import sqrt
from statistics import fmean, stdev

import numpy as np
import peers
from looks import InParts
from null_streams import BUCKET_MS, Null, Stream
from promise import CHUNK, workers
from run_lengths import config_of, drive, first

from streamwatch.detection.share import ShareDetector
from streamwatch.timeline import WEEK_MS

RUN_LENGTH = 1000
BEFORE, AFTER = 0.2, (0.33, 0.5)
VOLUMES = (3, 10, 50, 200)
RHOS = (0.0, 0.02)
WARM = 4 * WEEK_MS // BUCKET_MS
LIMIT = 300
MUST = (10.0, 0.0, 0.5, 5.0)
"""At ten documents a bucket, each for itself, .2 to .5 takes at most five buckets."""

Delays = dict[tuple[float, str], list[int]]


def watch(task: tuple[Null, int, int, range]) -> tuple[Null, Delays]:
    """The delays of some runs on one kind of stream, by rise and detector."""
    null, looks, seed, runs = task
    delays: Delays = {(to, name): [] for to in AFTER for name in ("share", *peers.NAMES)}
    for run in runs:
        detector = InParts(ShareDetector(config_of(RUN_LENGTH)), looks, _rng(null, seed, run, 0))
        rng = _rng(null, seed, run, 1)
        quiet = null.stream(WARM, rng)
        drive(detector, quiet, 0, WARM)
        for to in AFTER:
            stream = quiet.then(null._replace(share=to).stream(LIMIT, rng))
            alarms = drive(deepcopy(detector), stream, WARM, WARM + LIMIT, first_only=True)
            delays[to, "share"].append(first(alarms, WARM, WARM + LIMIT)[0])
            for name, delay in _peers(stream):
                delays[to, name].append(delay)
    return null, delays


def table(measured: dict[Null, Delays]) -> Iterator[str]:
    """Markdown: a line for each volume, ρ and rise."""
    yield f"| n | rho | share | delay in buckets (95 %) | none in {LIMIT} | {' | '.join(peers.NAMES)} |"
    yield "|" + "---|" * (5 + len(peers.NAMES))
    for null, to in product(measured, AFTER):
        delays = measured[null]
        ours = delays[to, "share"]
        others = " | ".join(f"{fmean(delays[to, name]):.1f}" for name in peers.NAMES)
        yield (
            f"| {null.per_bucket:g} | {null.rho:g} | {BEFORE:g} → {to:g} | {mean_with_interval(ours)}"
            f" | {sum(delay >= LIMIT for delay in ours)} of {len(ours)} | {others} |"
        )


def mean_with_interval(delays: list[int]) -> str:
    """The mean and its 95 % interval by the normal approximation.

    >>> mean_with_interval([3, 5, 4, 4])
    '4.0 (3.2–4.8)'
    """
    mean = fmean(delays)
    half = 1.96 * stdev(delays) / sqrt(len(delays)) if len(delays) > 1 else float("inf")
    return f"{mean:.1f} ({mean - half:.1f}–{mean + half:.1f})"


def summary(measured: dict[Null, Delays]) -> str:
    """Whether what must be seen soon is."""
    n, rho, to, most = MUST
    means = [fmean(d[to, "share"]) for null, d in measured.items() if (null.per_bucket, null.rho) == (n, rho)]
    if not means:
        return "the case that must be seen soon was not run"
    kept = "kept" if means[0] <= most else "NOT KEPT"
    return f"{kept}: n = {n:g}, {BEFORE:g} → {to:g} takes {means[0]:.2f} buckets, at most {most:g}"


def main() -> None:
    """Run all and print the table."""
    options = _options()
    nulls = [Null(n, rho, share=BEFORE, fixed=options.fixed_n) for rho, n in product(RHOS, options.volumes)]
    chunks = [range(at, min(at + CHUNK, options.runs)) for at in range(0, options.runs, CHUNK)]
    measured: dict[Null, Delays] = {}
    with workers(options.processes) as spread:
        for null, delays in spread(
            watch, [(null, options.looks, options.seed, runs) for null in nulls for runs in chunks]
        ):
            so_far = measured.setdefault(null, {key: [] for key in delays})
            for key, more in delays.items():
                so_far[key] += more
    print("\n".join([*table(measured), "", summary(measured)]))


def _peers(stream: Stream) -> Iterator[tuple[str, int]]:
    n, k = np.array([stream.n]), np.array([stream.k])
    for name, alarms in peers.peers(n, k, RUN_LENGTH).items():
        yield name, first((WARM + np.flatnonzero(alarms[0, WARM:])).tolist(), WARM, WARM + LIMIT)[0]


def _rng(null: Null, seed: int, run: int, part: int) -> np.random.Generator:
    return np.random.default_rng([seed, round(null.per_bucket), round(null.rho * 1000), run, part])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200, help="runs of each line")
    parser.add_argument("--volumes", type=float, nargs="+", default=VOLUMES, help="mean documents a bucket")
    parser.add_argument("--fixed-n", action="store_true", help="the mean number of documents in each bucket, always")
    parser.add_argument("--looks", type=int, default=1, choices=range(1, 61), metavar="1..60", help="tests of a bucket")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
