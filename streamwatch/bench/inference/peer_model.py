"""What every peer is made of: our own trunk and heads, merged, in float32, so that only the way of running differs.

Examples:
    >>> [list(part) for part, _, _ in sorted_batches([[1, 2], [3], [4, 5, 6]], 2)]
    [[0, 2], [1]]
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from streamwatch.bench.inference.variant import Missing, Said
from streamwatch.config import Settings
from streamwatch.inference.opening import locate
from streamwatch.models.adapter import load_network
from streamwatch.models.manifest import Manifest
from streamwatch.models.network import Network
from streamwatch.models.tokens import spell_emoji

TASKS = ("sentiment", "topic")
Ints = NDArray[np.int64]
Batch = tuple[list[int], Ints, Ints]
"""Which texts, their padded token ids `(n, t)`, and the 0/1 mask."""


class PeerModel(msgspec.Struct, frozen=True):
    """A network with its LoRA merged, its manifest, the folder of its tokenizer, and a folder for what peers write."""

    network: Network
    manifest: Manifest
    base: Path
    work: Path

    def labels(self, task: str) -> tuple[str, ...]:
        """The labels of a task's head, by their place in its logits."""
        return self.manifest.head(task).labels

    def tokenizer(self) -> Tokenizer:
        """A tokenizer that cuts at the manifest's length."""
        tokenizer = Tokenizer.from_file(str(self.base / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.manifest.max_tokens)
        return tokenizer

    def named(self, logits: dict[str, NDArray[Any]]) -> Said:
        """Label names of `(n, k)` logits by task."""
        return {task: [self.labels(task)[k] for k in logits[task].argmax(1)] for task in TASKS}


def peer_model(settings: Settings, work: Path) -> PeerModel:
    """The model that the settings name, for peers. Raises `ModelError`."""
    found = locate(settings)
    return PeerModel(load_network(found.base, found.folder, found.manifest), found.manifest, found.base, work)


def need(*modules: str) -> None:
    """Raise `Missing`, with the command that installs them, unless all of these packages are there."""
    absent = [name for name in modules if find_spec(name) is None]
    if absent:
        packages = " ".join(name.replace("_", "-") for name in absent)
        raise Missing(f"not installed: pip install -c constraints.txt {packages} (or streamwatch[bench])")


def read(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text."""
    return [encoding.ids for encoding in tokenizer.encode_batch_fast([spell_emoji(text) for text in texts])]


def sorted_batches(rows: Sequence[Sequence[int]], size: int) -> Iterator[Batch]:
    """All rows by their length in batches of `size`, padded to the longest of the batch and no further."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]), reverse=True)
    for start in range(0, len(order), size):
        part = order[start : start + size][::-1]
        ids = np.zeros((len(part), len(rows[part[-1]])), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, i in enumerate(part):
            ids[row, : len(rows[i])] = rows[i]
            mask[row, : len(rows[i])] = 1
        yield part, ids, mask


class SortedRunner:
    """A peer that takes padded batches: texts are tokenised, sorted, and computed by some threads at once.

    Subclasses give `logits(ids, mask)`: `(n, k)` of each task.
    """

    def __init__(self, model: PeerModel, workers: int, batch: int) -> None:
        self._model = model
        self._batch = batch
        self._tokenizer = model.tokenizer()
        self._pool = ThreadPoolExecutor(workers)

    def classify(self, texts: Sequence[str]) -> Said:
        """Both tasks of all texts."""
        batches = list(sorted_batches(read(self._tokenizer, texts), self._batch))
        found = list(self._pool.map(lambda one: self.logits(one[1], one[2]), batches))
        order = np.argsort(np.concatenate([part for part, _, _ in batches]))
        return self._model.named({task: np.concatenate([one[task] for one in found])[order] for task in TASKS})

    def logits(self, ids: Ints, mask: Ints) -> dict[str, NDArray[Any]]:
        """Logits of one batch; called from several threads."""
        raise NotImplementedError
