"""Two batches on a core each, or one batch on both: CPU time and documents a second, interleaved.

`1 x 1` and `1 x 2` are the engine alone with one and two torch threads; `batcher n` is the batcher with n compute threads.

    python tests/benchmarks/batcher_threads.py --documents 400 --rounds 3
"""

import time
from collections.abc import Callable
from itertools import islice

import click
import torch

from streamwatch.bench.documents import different, texts_of
from streamwatch.config import load
from streamwatch.inference import Engine, classify, open_engine
from streamwatch.inference.batcher import Sizes
from streamwatch.inference.stream import answered
from streamwatch.text.clean import model_text, stored_text


@click.command()
@click.option("--documents", "n", default=400, show_default=True)
@click.option("--rounds", default=3, show_default=True)
def main(n: int, rounds: int) -> None:
    """Print a line for each way: the best round's CPU time a document, and the best round's documents a second."""
    settings = load(device="cpu")
    engine = open_engine(settings)
    texts = [model_text(stored_text(text)) for text in islice(different(texts_of(None)), n)]
    ways: dict[str, Callable[[], object]] = {
        "1 x 1": lambda: alone(engine, texts, 1),
        "1 x 2": lambda: alone(engine, texts, 2),
        "batcher 1": lambda: batched(engine, texts, 1),
        "batcher 2": lambda: batched(engine, texts, 2),
    }
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            cpu, started = time.process_time(), time.monotonic()
            way()
            seen[name].append((time.process_time() - cpu, time.monotonic() - started))
    for name, times in seen.items():
        cpu_ms = min(cpu for cpu, _ in times) * 1000 / n
        click.echo(f"{name:10} {cpu_ms:8.2f} ms CPU a document {n / min(s for _, s in times):8.0f} documents/s")


def alone(engine: Engine, texts: list[str], n_threads: int) -> None:
    """The engine over all texts, sorted by length."""
    torch.set_num_threads(n_threads)
    classify(engine, texts)


def batched(engine: Engine, texts: list[str], n_threads: int) -> None:
    """The batcher over the same texts."""
    for _ in answered(engine, enumerate(texts), Sizes(n_threads)):
        pass


if __name__ == "__main__":
    main()
