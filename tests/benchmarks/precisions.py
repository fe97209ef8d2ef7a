"""What each precision costs in quality, on labelled texts, for the model that the settings name.

python tests/benchmarks/precisions.py --data FOLDER [--texts 2000]
"""

import argparse
import csv
import random
import time
from pathlib import Path

import numpy as np
import torch

from streamwatch.config import load
from streamwatch.inference.opening import locate
from streamwatch.inference.trunks.calibration import calibrate
from streamwatch.inference.trunks.opening import PRECISIONS, open_trunk
from streamwatch.models.adapter import load_network
from streamwatch.models.tokens import TokenReader
from streamwatch.text.clean import model_text, stored_text

SETS = {
    "sentiment/twitter_financial_train.csv": "sentiment",
    "sentiment/sentfin_train.csv": "sentiment",
    "topic/twitter_financial_train.csv": "topic",
}
CALIBRATED_ON = 170
"""Texts of each set."""


def read(path: Path, n: int) -> tuple[list[str], list[str]]:
    """`n` model texts of a set, drawn with a fixed seed, and their labels."""
    with path.open() as file:
        rows = [(model_text(stored_text(row["text"])), row["label"]) for row in csv.DictReader(file)]
    random.Random(5).shuffle(rows)
    rows = [row for row in rows if row[0]][:n]
    return [text for text, _ in rows], [label for _, label in rows]


def macro_f1(given: list[str], said: list[str]) -> float:
    """The mean over the labels that were given."""
    found = []
    for label in sorted(set(given)):
        both = sum(a == b == label for a, b in zip(given, said, strict=True))
        found.append(2 * both / (given.count(label) + said.count(label)))
    return float(np.mean(found))


@torch.inference_mode()
def main() -> None:
    """Print a line for each precision and set."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--texts", type=int, default=2000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = locate(load())
    network = load_network(found.base, found.folder, found.manifest)
    reader = TokenReader(found.base, found.manifest.max_tokens, found.manifest.tail_tokens)
    sets = {name: read(arguments.data / name, arguments.texts) for name in SETS}
    rows = {name: reader.read(texts) for name, (texts, _) in sets.items()}
    scales = calibrate(network, [row for some in rows.values() for row in some[:CALIBRATED_ON]])
    exact: dict[str, list[str]] = {}
    for precision in PRECISIONS:
        trunk = open_trunk(network, precision, scales=scales)
        for name, task in SETS.items():
            start = time.process_time()
            logits = network.says(trunk.pooled(rows[name]))[task]
            rate = len(rows[name]) / (time.process_time() - start)
            said = [found.manifest.head(task).labels[i] for i in logits.argmax(1).tolist()]
            given, same = sets[name][1], exact.setdefault(name, said)
            print(
                f"{precision} {name}: accuracy {np.mean(np.equal(given, said)):.4f}, macro-F1 {macro_f1(given, said):.4f}, "
                f"as fp32 {np.mean(np.equal(same, said)):.4f}, {rate:.0f} documents a second of CPU"
            )


if __name__ == "__main__":
    main()
