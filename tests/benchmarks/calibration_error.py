"""How close the corrected calibration error comes to the truth, where the truth is known.

    python tests/benchmarks/calibration_error.py

Confidences of a model with three labels, most of them high; its answers are right with a probability that we choose. For
each number of texts and each way of being off, over 300 samples: the true error, the plain binned one, the corrected one
with its standard deviation, and how often the 95 % interval holds the truth.
"""

from collections.abc import Callable

import numpy as np

from streamwatch.learning.reliability import N_BINS, Floats, calibration

N_SAMPLES = 300
SIZES = (300, 1000, 3000)
SHARPER = 0.75
"""Log-odds of the truth over those stated: a temperature of 1.33 would mend it."""


def sharper(says: Floats) -> Floats:
    """The truth of a model that is overconfident everywhere."""
    odds = np.log(says / (1 - says))
    return 1 / (1 + np.exp(-SHARPER * odds))


TRUTHS: dict[str, Callable[[Floats], Floats]] = {
    "calibrated": lambda says: says,
    "six points too sure below .85": lambda says: np.where(says > 0.85, says, says - 0.06),
    "three points too sure": lambda says: says - 0.03,
    "ten points too sure": lambda says: says - 0.10,
    "a temperature of 1.33 off": sharper,
}


def main() -> None:
    """Print a line for each case."""
    print(f"{'texts':>6}  {'model':32} {'true':>6} {'plain':>6} {'ours':>6} {'± sd':>6}  interval holds the truth")
    for n in SIZES:
        for name, truth in TRUTHS.items():
            print(f"{n:6}  {name:32}", *_line(n, truth))


def _line(n: int, truth: Callable[[Floats], Floats]) -> list[str]:
    random = np.random.default_rng(0)
    rows = [_sample(random, n, truth) for _ in range(N_SAMPLES)]
    true, plain, ours, held = np.array(rows).T
    return [f"{x:6.3f}" for x in (true.mean(), plain.mean(), ours.mean(), ours.std())] + [f" {held.mean():.2f}"]


def _sample(random: np.random.Generator, n: int, truth: Callable[[Floats], Floats]) -> tuple[float, float, float, bool]:
    says = np.minimum(1 / 3 + 2 / 3 * random.beta(4, 1.3, n), 1 - 1e-9)
    is_right = np.clip(truth(says), 0, 1)
    right = random.random(n) < is_right
    true = float(np.abs(is_right - says).mean())
    made = calibration(says, right)
    return true, _plain(says, right), made.ece, made.low <= true <= made.high


def _plain(says: Floats, right: np.ndarray) -> float:
    parts = np.array_split(np.argsort(says, kind="stable"), N_BINS)
    return float(sum(abs(says[part].sum() - right[part].sum()) for part in parts) / len(says))


if __name__ == "__main__":
    main()
