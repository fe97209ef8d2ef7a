"""Does the model understand customers it has not met, and how fast? The airline tweets of February 2015.

    python tests/benchmarks/model_airline.py --data FOLDER [--threads 2 1] [--texts 14485] [--format bf16]

FOLDER (or STREAMWATCH_DATA) holds `stream/airline_tweets_2015.csv.gz`, which no adapter of ours is trained on. Prints the
metrics against the file's labels, then documents a second for each number of threads, tokenising included.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from streamwatch.config import load
from streamwatch.inference.encoder_engine import EncoderEngine
from streamwatch.inference.numeric import place
from streamwatch.inference.opening import adapter_folder
from streamwatch.inference.trunks.opening import open_trunk
from streamwatch.learning.evaluation import set_metrics
from streamwatch.models.adapter import int8_scales, load_network, read_adapter
from streamwatch.models.base import check_base, find_base
from streamwatch.models.manifest import read_manifest
from streamwatch.models.tokens import TokenReader
from streamwatch.records import SENTIMENTS, Prediction
from streamwatch.text.clean import model_text, stored_text


def main() -> None:
    """Measure and print."""
    options = _options()
    frame = pd.read_csv(Path(options.data) / "stream" / "airline_tweets_2015.csv.gz").head(options.texts)
    texts = [model_text(stored_text(text)) for text in frame.text]
    engine = _engine(options.format)
    for threads in options.threads:
        torch.set_num_threads(threads)
        start, cpu_start = time.perf_counter(), time.process_time()
        results = engine.classify(texts)
        wall_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu_start
        print(
            f"{threads} threads: {len(texts) / wall_s:.0f} documents a second, {len(texts) / cpu_s:.0f} a second of CPU"
        )
    print(engine.model)
    _print_metrics(results, [SENTIMENTS.index(label) for label in frame.sentiment])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("STREAMWATCH_DATA", "."))
    parser.add_argument("--threads", type=int, nargs="+", default=[2, 1])
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--format", choices=["fp32", "bf16"])
    return parser.parse_args()


def _engine(number_format: str | None) -> EncoderEngine:
    settings = load()
    folder = adapter_folder(settings)
    manifest = read_manifest(folder)
    base = check_base(find_base(settings.base), manifest.base)
    network = load_network(base, folder, manifest)
    trunk = open_trunk(
        network, number_format or place("cpu").format, scales=int8_scales(read_adapter(folder, manifest))
    )
    reader = TokenReader(base, manifest.max_tokens)
    return EncoderEngine(network, trunk, reader, manifest, settings.batch_tokens)


def _print_metrics(results: list, labels: list[int]) -> None:
    p = np.array([[r.sentiment.probabilities[s] for s in SENTIMENTS] for r in results if isinstance(r, Prediction)])
    assert len(p) == len(labels), "some texts were not classified"
    made = set_metrics(p, np.array(labels), SENTIMENTS)
    print(f"accuracy {made.accuracy:.3f}, macro-F1 {made.macro_f1:.3f}, negative recall {made.negative_recall:.3f}, "
          f"ECE {made.ece:.3f}, n {made.n}")  # fmt: skip
    print(
        "predicted",
        made.predicted,
        "given",
        {s: round(labels.count(k) / len(labels), 3) for k, s in enumerate(SENTIMENTS)},
    )


if __name__ == "__main__":
    main()
