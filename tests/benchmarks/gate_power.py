"""What the gate lets through: simulated candidates that are equal to the incumbent, worse by 4 points, better by 4.

Documents are drawn with the correctness of both models; how often the two differ in it is measured first on two real
models (`--data`: linear classifiers over the words of tweets, an incumbent taught with 5,000 labels and a candidate taught
with the same and 500 more, as parent and child of a retraining), or given with `--differ`.

    python tests/benchmarks/gate_power.py --data ../shared/data --json
    python tests/benchmarks/gate_power.py --differ 0.08 --candidates 20000
"""

import csv
import sys
from pathlib import Path
from typing import Any

import click
import msgspec
import numpy as np
from numpy.typing import NDArray

from streamwatch.gating import accuracy
from streamwatch.gating.accuracy import Sliced
from streamwatch.gating.limits import USUAL_LIMITS
from streamwatch.gating.statistics import holm, resampled
from streamwatch.learning.reliability import calibration

Floats = NDArray[np.float64]

RIGHT = 0.85
"""Accuracy of the incumbent: it matters to the calibration alone."""
N_PAST, N_FRESH = 2000, 600
N_SLICES, N_OF_SLICE = 8, 250
SCENARIOS = {"equal": 0.0, "loses 4 points": -0.04, "wins 4 points": 0.04}
SLICE_LOSSES = (0.0, -0.04, -0.1)
DATA_FILE = "sentiment/semeval_tweets_train.csv"
N_OLD, N_NEW, N_TEST = 5000, 500, 4000


@click.command()
@click.option("--candidates", default=200, show_default=True, help="Simulated candidates of each kind.")
@click.option("--differ", type=float, help="Share of documents that just one of both gets right; else it is measured.")
@click.option("--data", type=click.Path(path_type=Path), help="The folder of shared data, to measure that share.")
@click.option("--measure-only", is_flag=True, help="Only measure how often the two real models differ.")
@click.option("--seed", default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    candidates: int, differ: float | None, data: Path | None, measure_only: bool, seed: int, as_json: bool
) -> None:
    """Simulate the gate's statistics and print how often each check passes."""
    measured = _measured(data) if differ is None and data else {}
    share = differ if differ is not None else measured.get("differ")
    if share is None:
        raise click.UsageError("give --differ or --data")
    if measure_only:
        click.echo(msgspec.json.encode(measured).decode())
        return
    random = np.random.default_rng(seed)
    made: dict[str, Any] = {"differ": share, "candidates": candidates, "seed": seed, **measured}
    for name, lift in SCENARIOS.items():
        made[name] = _pass_rates(lift, share, candidates, random, name)
    for loss in SLICE_LOSSES:
        made[f"one slice of {N_SLICES} loses {-100 * loss:.0f} points"] = _slice_rates(loss, share, candidates, random)
    made["equal calibration"] = {"passes": _ece_rate(share, candidates, random)}
    click.echo(msgspec.json.encode(made).decode() if as_json else _table(made))


def _pass_rates(lift: float, share: float, n: int, random: np.random.Generator, name: str) -> dict[str, float]:
    passed = {"gain": 0, "past": 0, "both": 0}
    for i in range(n):
        fresh, past = _differences(N_FRESH, lift, share, random), _differences(N_PAST, lift, share, random)
        gain = accuracy.gain(fresh, np.ones(N_FRESH)).status == "passed"
        kept = accuracy.not_worse({"task": past}, {"task": np.ones(N_PAST)}).status == "passed"
        passed["gain"] += gain
        passed["past"] += kept
        passed["both"] += gain and kept
        _tell(name, i, n)
    return {key: round(k / n, 4) for key, k in passed.items()}


def _slice_rates(loss: float, share: float, n: int, random: np.random.Generator) -> dict[str, float]:
    """Candidates that lose in one slice alone: refused as slices are, and by asking for a proof of each (Holm)."""
    refused = unproven = 0
    for i in range(n):
        lifts = [loss] + [0.0] * (N_SLICES - 1)
        parts = [_differences(N_OF_SLICE, lift, share, random) for lift in lifts]
        slices = [Sliced(f"slice {k}", part, np.ones(N_OF_SLICE)) for k, part in enumerate(parts)]
        refused += accuracy.slices_kept(slices).status == "failed"
        proofs = holm([resampled(part).p_at_most(-USUAL_LIMITS.slice_margin) for part in parts])
        unproven += max(proofs) >= USUAL_LIMITS.level
        _tell(f"slices {loss}", i, n)
    return {"refused": round(refused / n, 4), "refused if each slice had to prove it": round(unproven / n, 4)}


def _ece_rate(share: float, n: int, random: np.random.Generator) -> float:
    """How often two models of equal calibration pass: probabilities that are true, of documents that mostly agree."""
    passed = 0
    for i in range(n):
        p = random.beta(6, 1.2, N_PAST)
        moved = np.where(random.random(N_PAST) < share, random.beta(6, 1.2, N_PAST), p)
        common = random.random(N_PAST)
        before, after = calibration(p, common < p), calibration(moved, common < moved)
        passed += after.shown - before.shown <= USUAL_LIMITS.ece_margin
        _tell("calibration", i, n)
    return round(passed / n, 4)


def _differences(n: int, lift: float, share: float, random: np.random.Generator) -> Floats:
    """Differences of n documents: `share` of them differ, `lift` is their mean."""
    share = max(share, abs(lift))
    return random.choice([1.0, -1.0, 0.0], n, p=[(share + lift) / 2, (share - lift) / 2, 1 - share])


def _measured(data: Path) -> dict[str, Any]:
    """How often parent and child differ in being right, on texts that neither saw."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    texts, labels = _texts(data / DATA_FILE)
    n = N_OLD + N_NEW
    states = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True).fit(texts[:n]).transform(texts)
    heads = [LogisticRegression(max_iter=300).fit(states[:end], labels[:end]) for end in (N_OLD, n)]
    right = [head.predict(states[n:]) == labels[n:] for head in heads]
    return {
        "differ": round(float(np.mean(right[0] != right[1])), 4),
        "incumbent": round(float(right[0].mean()), 4),
        "candidate": round(float(right[1].mean()), 4),
        "correlation": round(float(np.corrcoef(right[0], right[1])[0, 1]), 4),
        "n": N_TEST,
    }


def _texts(path: Path) -> tuple[list[str], NDArray[np.str_]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    chosen = [rows[i] for i in np.random.default_rng(1).permutation(len(rows))[: N_OLD + N_NEW + N_TEST]]
    return [row["text"] for row in chosen], np.array([row["label"] for row in chosen])


def _tell(stage: str, i: int, n: int) -> None:
    if i % max(n // 10, 1) == 0:
        print(f"{stage}: {i}/{n}", file=sys.stderr)


def _table(made: dict[str, Any]) -> str:
    return "\n".join(f"{name:<32} {value}" for name, value in made.items())


if __name__ == "__main__":
    main()
