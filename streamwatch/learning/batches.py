"""The order in which examples are shown: a function of seed and epoch alone, so that a resumed run goes on as begun.

Batches hold texts of similar length (a batch is padded to its longest), but which texts meet is left to chance: a
shuffled pool of some batches is sorted, cut, and the batches shuffled again.
"""

import random
from collections.abc import Sequence

import torch
from torch import Tensor

POOL_BATCHES = 50
"""Batches sorted together: on the recipe padding falls from 57 % to 6 %, and an epoch still mixes all sources in every pool."""


def epoch_batches(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Indices into `lengths`, in batches of at most `batch_size`, every index once.

    >>> sorted(i for batch in epoch_batches([5, 1, 4, 2], 2, seed=0, epoch=0) for i in batch)
    [0, 1, 2, 3]
    >>> epoch_batches([5, 1, 4, 2], 2, seed=0, epoch=0) == epoch_batches([5, 1, 4, 2], 2, seed=0, epoch=0)
    True
    """
    rng = random.Random(f"{seed}/{epoch}")
    order = list(range(len(lengths)))
    rng.shuffle(order)
    batches: list[list[int]] = []
    for pool in _cut(order, batch_size * POOL_BATCHES):
        batches += _cut(sorted(pool, key=lengths.__getitem__), batch_size)
    rng.shuffle(batches)
    return batches


def _cut(items: list[int], size: int) -> list[list[int]]:
    return [items[i : i + size] for i in range(0, len(items), size)]


def padded(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Ids and 0/1 mask `(n, t)` int64 of token rows, t the longest rounded up to a multiple of 8.

    >>> padded([[5], [6, 7]])[1].tolist()
    [[1, 0, 0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0]]
    """
    width = -(-max(map(len, rows)) // 8) * 8
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask = torch.zeros(len(rows), width, dtype=torch.long)
    for row, tokens in enumerate(rows):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        mask[row, : len(tokens)] = 1
    return ids, mask
