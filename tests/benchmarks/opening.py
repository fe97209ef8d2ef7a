"""What it costs to open a model: CPU seconds from the settings to an engine that has answered a plain text.

    python tests/benchmarks/opening.py [--times 9] [--registry] [--precision int8] [--json]

The model is that of STREAMWATCH_MODEL. With `--registry` it is opened as a worker opens a promoted one: out of a registry
(in a temporary folder), whose id is checked too. The first opening, which also imports torch, is not counted.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import torch

from streamwatch.config import Settings, load
from streamwatch.inference.opening import adapter_folder, open_engine
from streamwatch.models.registry import add, promote


def main() -> None:
    """Open it again and again."""
    options = _options()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        settings = load(precision=options.precision, device="cpu")
        settings = _promoted(settings, Path(folder)) if options.registry else settings
        times = [_cpu_s(settings, number) for number in range(options.times + 1)]
    found = {
        "model": settings.model,
        "precision": options.precision,
        "registry": options.registry,
        "times": options.times,
    }
    found |= {"cpu_s_median": round(median(times[1:]), 4), "cpu_s_least": round(min(times[1:]), 4)}
    print(json.dumps(found) if options.json else "\n".join(f"{name}: {value}" for name, value in found.items()))


def _promoted(settings: Settings, registry: Path) -> Settings:
    """The same model out of a registry."""
    promote(registry, add(registry, adapter_folder(settings)), "2026-01-05T08:00:00Z", force="a benchmark")
    return load(precision=settings.precision, device="cpu", registry=str(registry), model="default")


def _cpu_s(settings: Settings, number: int) -> float:
    start = time.process_time()
    open_engine(settings)
    print(f"· opening {number}", file=sys.stderr)
    return time.process_time() - start


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=9, help="openings that are counted")
    parser.add_argument("--registry", action="store_true", help="out of a registry, as a worker does")
    parser.add_argument("--precision", default="int8", choices=["fp32", "bf16", "int8", "auto"])
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    return parser.parse_args()


if __name__ == "__main__":
    main()
