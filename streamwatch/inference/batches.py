"""Which texts are classified together: similar lengths, as many as fit a budget of tokens.

Examples:
    >>> token_batches([5, 120, 6, 7], budget=128)
    [[0, 2, 3], [1]]
"""

from collections.abc import Sequence

GRAIN = 8
"""Lengths are padded to a multiple of this: few shapes, so kernels are chosen once, and aligned for wide registers."""


def padded_length(n_tokens: int) -> int:
    """The length that a row of `n_tokens` is padded to.

    >>> padded_length(8), padded_length(9)
    (8, 16)
    """
    return -(-n_tokens // GRAIN) * GRAIN


def token_batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Indices into `lengths`, shortest first, in batches whose rows × padded length stay within `budget`.

    A row longer than the budget gets a batch of its own.
    """
    batches: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batches and (len(batches[-1]) + 1) * padded_length(lengths[i]) <= budget:
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches
