"""Which texts are classified together: similar lengths, as many as fit a budget of tokens.

Examples:
    >>> token_batches([5, 120, 6, 7], budget=128)
    [[0, 2, 3], [1]]
    >>> padded_shape([5, 6, 7]), padded_shape([17])
    ((3, 16), (2, 32))
"""

from collections.abc import Sequence

GRAIN = 16
"""Lengths are padded to a multiple of this. With it the CPU kernels gave each row the same bits in every batch and at
every padded length up to 128, in float32 and bfloat16. With 8 they did not: 24, 40, 56 and 72 took other ways."""

MIN_ROWS = 2
"""A single row goes through other kernels (matrix times vector), with other last bits, so a row of padding joins it."""


def padded_length(n_tokens: int) -> int:
    """The length that a row of `n_tokens` is padded to.

    >>> padded_length(16), padded_length(17), padded_length(0)
    (16, 32, 0)
    """
    return -(-n_tokens // GRAIN) * GRAIN


def padded_shape(lengths: Sequence[int]) -> tuple[int, int]:
    """Rows and columns of the tensor that holds rows of `lengths`."""
    return max(len(lengths), MIN_ROWS), padded_length(max(lengths))


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
