"""Teach a first stage what the trunk says: soft labels on many texts, thresholds on texts that it has not seen.

Examples:
    >>> texts = ["profit rises", "profit falls"] * 40
    >>> soft = np.array([[0.02, 0.98], [0.98, 0.02]] * 40, dtype=np.float32)
    >>> weights = fit(texts, [soft], n_buckets=1 << 10, rank=4, epochs=20)
    >>> weights.table.shape, weights.layer.shape
    ((1024, 4), (4, 2))
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from streamwatch.inference.cascade.features import Hashed, hashed
from streamwatch.inference.cascade.first_stage import Floats, Weights

N_BUCKETS = 1 << 15
RANK = 15
"""32,768 × 15 numbers of 2 bytes are .98 MB. More buckets of fewer numbers (65,536 × 7) agreed less in the topic."""
EPOCHS = 4
"""After ten the probabilities are too high: at .85 they agreed with the trunk in 93 % of texts and not in 96 %."""
LEARNING_RATE = 0.02
BATCH = 128
SEED = 7


def fit(
    texts: Sequence[str],
    soft: Sequence[Floats],
    n_buckets: int = N_BUCKETS,
    rank: int = RANK,
    epochs: int = EPOCHS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Weights:
    """Weights whose probabilities come near `soft`, `(n, k)` of each head; rounded to float16, as the file has them.

    Deterministic for the same texts on the same machine. Adam with a linear decay, minimising the cross-entropy.
    """
    widths = [part.shape[1] for part in soft]
    targets = torch.from_numpy(np.concatenate(soft, axis=1).astype(np.float32))
    order = np.random.default_rng(SEED).permutation(len(texts))
    batches = [order[i : i + BATCH] for i in range(0, len(order), BATCH)]
    seen = [hashed([texts[i] for i in batch], n_buckets) for batch in batches]
    student = _Student(n_buckets, rank, sum(widths))
    optimiser = torch.optim.Adam(student.parameters(), lr=LEARNING_RATE)
    n_steps = len(batches) * epochs
    for step, at in enumerate(_visits(len(batches), epochs)):
        optimiser.param_groups[0]["lr"] = LEARNING_RATE * (1 - step / n_steps)
        loss = _loss(student(seen[at]), targets[batches[at]], widths)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        progress(step + 1, n_steps)
    return student.weights()


def _visits(n: int, epochs: int) -> list[int]:
    rng = np.random.default_rng(SEED + 1)
    return [int(at) for _ in range(epochs) for at in rng.permutation(n)]


def _loss(logits: Tensor, targets: Tensor, widths: list[int]) -> Tensor:
    parts = zip(logits.split(widths, 1), targets.split(widths, 1), strict=True)
    return sum((-(target * logit.log_softmax(1)).sum(1).mean() for logit, target in parts), torch.zeros(()))


class _Student(nn.Module):
    def __init__(self, n_buckets: int, rank: int, k: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(SEED)
        self.table = nn.EmbeddingBag(
            n_buckets, rank, mode="sum", _weight=torch.randn(n_buckets, rank, generator=generator) * 0.02
        )
        self.layer = nn.Parameter(torch.randn(rank, k, generator=generator) / rank**0.5)
        self.bias = nn.Parameter(torch.zeros(k))

    def forward(self, seen: Hashed) -> Tensor:
        bags = self.table(
            torch.from_numpy(seen.buckets),
            torch.from_numpy(seen.starts),
            per_sample_weights=torch.from_numpy(seen.weights),
        )
        logits: Tensor = bags @ self.layer + self.bias
        return logits

    def weights(self) -> Weights:
        found = (self.table.weight, self.layer, self.bias)
        return Weights(*(part.detach().half().float().numpy() for part in found))
