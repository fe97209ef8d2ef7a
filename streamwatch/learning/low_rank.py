"""A change of the whole encoder in few bytes: the difference of each matrix as a product of two thin ones.

The best product of given rank is the truncated singular value decomposition (Eckart and Young 1936). How many singular
values each matrix keeps is not the same for all: those that take away the most squared error for their bytes are kept, over
all matrices together, until the budget is spent. The difference of a LoRA run is of low rank already and is kept
whole. Vectors (biases, layer norms) are kept as their plain differences.

Examples:
    >>> before = {"layer.weight": torch.zeros(8, 8), "layer.bias": torch.zeros(8)}
    >>> after = {"layer.weight": torch.outer(torch.arange(8.0), torch.ones(8)), "layer.bias": torch.ones(8)}
    >>> {name: tuple(t.shape) for name, t in difference(before, after, budget_bytes=10_000).items()}
    {'delta.layer.bias': (8,), 'lora.layer.A': (1, 8), 'lora.layer.B': (8, 1)}
"""

from collections.abc import Mapping

import torch
from torch import Tensor

BYTES = 2
"""Of a number in float16."""

HEADER_BYTES = 130
"""Of a tensor in the header of a safetensors file: its name, shape and place."""

NEGLIGIBLE = 1e-6
"""Singular values below this part of the matrix's largest are rounding of float32, not learning."""

Decomposition = tuple[Tensor, Tensor, Tensor]


def difference(before: Mapping[str, Tensor], after: Mapping[str, Tensor], budget_bytes: int) -> dict[str, Tensor]:
    """`after` minus `before` as an adapter file names it, float16, in at most `budget_bytes`; what did not move is not in it.

    Raises `ValueError` when the vectors alone are more than that.
    """
    moved = {name: after[name] - before[name] for name in before if not torch.equal(after[name], before[name])}
    vectors = {f"delta.{name}": t.half() for name, t in moved.items() if t.ndim == 1}
    matrices = {name: torch.linalg.svd(t, full_matrices=False) for name, t in moved.items() if t.ndim == 2}
    left = budget_bytes - _bytes(vectors) - 2 * HEADER_BYTES * len(matrices)
    if left < 0:
        raise ValueError(f"{budget_bytes} bytes do not hold the vectors of the difference")
    made = vectors
    for name, rank in _ranks(matrices, left).items():
        if rank:
            made |= _factors(name.removesuffix(".weight"), matrices[name], rank)
    return made


def _bytes(tensors: Mapping[str, Tensor]) -> int:
    return sum(t.numel() * BYTES + HEADER_BYTES for t in tensors.values())


def _ranks(matrices: Mapping[str, Decomposition], budget_bytes: int) -> dict[str, int]:
    """How many singular values of each matrix fit the budget, the most useful for their bytes first."""
    offers: list[tuple[float, str, int]] = []
    for name, (u, sigma, v) in matrices.items():
        cost = BYTES * (u.shape[0] + v.shape[1])
        offers += [(-(float(s) ** 2) / cost, name, cost) for s in sigma if s > NEGLIGIBLE * sigma[0]]
    ranks = dict.fromkeys(matrices, 0)
    for _, name, cost in sorted(offers):
        if cost > budget_bytes:
            break
        ranks[name] += 1
        budget_bytes -= cost
    return ranks


def _factors(layer: str, decomposition: Decomposition, rank: int) -> dict[str, Tensor]:
    """B·A with the singular values shared out between both, so that float16 rounds both alike."""
    u, sigma, v = decomposition
    root = sigma[:rank].sqrt()
    a, b = root[:, None] * v[:rank], u[:, :rank] * root
    return {f"lora.{layer}.A": a.half().contiguous(), f"lora.{layer}.B": b.half().contiguous()}


def largest_rank(weights: Mapping[str, Tensor]) -> int:
    """The largest rank among the products of an adapter; 1 when it has none."""
    return max(
        (t.shape[0] for name, t in weights.items() if name.startswith("lora.") and name.endswith(".A")), default=1
    )
