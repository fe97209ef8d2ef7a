"""Attention over packed texts, a block of similar lengths at a time.

A block holds the texts whose length rounds up to the same multiple of 16, because kernels fall back to single numbers for the
rest of a row (on an AVX512 core attention over 30 tokens took twice the time of 32). Queries, keys and values are gathered
into it head by head, which is one copy with precomputed places; places behind a text's end hold zeros:

    (T, 3 · width) ─ gather ─ q, k (n · heads, L, d)  v|1 (n · heads, L, 2 · d) ─ attention ─ gather ─ (T, width)

Behind each value stands a row of ones (zeros, where the text has ended), so that one product gives both the weighted sum of
the values and the sum of the weights: softmax(s)·v = exp(s)·v / exp(s)·1. Queries come scaled by 1 / √d: their weights
carry it.

Examples:
    >>> qkv = torch.arange(16 * 6.0).reshape(16, 6)
    >>> [block] = blocks([Group(0, 1, 1)], n_rows=16, n_heads=1)
    >>> attend(qkv, [block], fused)[:2].tolist()  # a text of one token takes its own values; the rest is padding
    [[4.0, 5.0], [0.0, 0.0]]
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from streamwatch.inference.trunks.packing import GRAIN, Group

Indices = NDArray[np.int64]
HIGHEST = 64.0
"""A score above this is taken for it: e^88 is no number of float32 any more. BERT's scores stay below 30."""


class Block(NamedTuple):
    """Texts that attend together, and where their rows come from and go to.

    `gather` counts rows of one head, `(t · 3 + part) · heads + head` of `(T, 3 · width)`; `sums` those of what a product
    gives, `(n, heads, L, 2)`, that hold a token's sum (its weight stands behind it); `tokens` the places of `(n, L)` that
    hold one. `mask` is −∞ for keys that are none, `(n, 1, 1, L)`.
    """

    n: int
    n_heads: int
    length: int
    gather: Tensor
    sums: Tensor
    tokens: Tensor
    mask: Tensor


class Inputs(NamedTuple):
    """What a block attends with: `q`, `k` `(n, heads, L, d)`; `v` `(n, heads, L, 2 · d)`, values and ones."""

    q: Tensor
    k: Tensor
    v: Tensor


Attention = Callable[[Block, Inputs], Tensor]
"""Gives what the tokens of a block take, `(tokens, width)`."""


def blocks(groups: Sequence[Group], n_rows: int, n_heads: int) -> list[Block]:
    """The blocks of a matrix of `n_rows`, the last of which holds no token."""
    return [_block(list(same), n_rows, n_heads) for _, same in groupby(groups, key=_rounded)]


def _rounded(group: Group) -> int:
    return -(-group.length // GRAIN) * GRAIN


def _block(groups: Sequence[Group], n_rows: int, n_heads: int) -> Block:
    ends = np.array([end for group in groups for end in _ends(group)])
    token = ends[:, :1] + np.arange(_rounded(groups[0]))
    is_token = token < ends[:, 1:]
    mask = np.where(is_token, 0.0, -np.inf).astype(np.float32)[:, None, None]
    places = (
        _gather(token, is_token, n_rows - 1, n_heads),
        _sums(is_token, n_heads),
        np.flatnonzero(is_token),
    )
    gather, sums, tokens, hidden = (torch.from_numpy(x) for x in (*places, mask))
    return Block(len(ends), n_heads, token.shape[1], gather, sums, tokens, hidden)


def _ends(group: Group) -> Iterator[tuple[int, int]]:
    """First row and row behind the last of each text."""
    for i in range(group.n):
        start = group.start + i * group.length
        yield start, start + group.length


def _gather(token: Indices, is_token: NDArray[np.bool_], last: int, n_heads: int) -> Indices:
    """Rows of queries, of keys, and of values with ones between them. The matrix's `last` row has zeros, then ones."""
    zeros = last * 3 * n_heads
    head = np.arange(n_heads)[:, None]
    q, k, v = (np.where(is_token[:, None], (token[:, None] * 3 + i) * n_heads + head, zeros) for i in range(3))
    ones = np.broadcast_to(zeros + is_token[:, None], v.shape)
    return np.concatenate([q.ravel(), k.ravel(), np.stack([v, ones], axis=-1).ravel()])


def _sums(is_token: NDArray[np.bool_], n_heads: int) -> Indices:
    text, place = np.nonzero(is_token)
    row = (text[:, None] * n_heads + np.arange(n_heads)) * is_token.shape[1] + place[:, None]
    return (row * 2).ravel()


def attend(qkv: Tensor, found: Sequence[Block], attention: Attention) -> Tensor:
    """What each token takes of its text, `(T, width)`, from queries, keys and values `(T, 3 · width)`.

    The last row of `qkv` is overwritten, by the zeros and the ones.
    """
    n_heads = found[0].n_heads
    by_head = qkv.view(len(qkv) * 3 * n_heads, -1)
    by_head[-3 * n_heads] = 0.0
    by_head[1 - 3 * n_heads] = 1.0
    parts = [attention(block, _inputs(by_head, block)) for block in found]
    n_padding = len(qkv) - sum(len(part) for part in parts)
    return torch.cat([*parts, parts[0].new_zeros(n_padding, parts[0].shape[1])])


def _inputs(by_head: Tensor, block: Block) -> Inputs:
    shape, d = (block.n, block.n_heads, block.length), by_head.shape[1]
    rows = by_head.index_select(0, block.gather)
    n = block.n * block.n_heads * block.length
    return Inputs(rows[:n].view(*shape, d), rows[n : 2 * n].view(*shape, d), rows[2 * n :].view(*shape, 2 * d))


def fused(block: Block, inputs: Inputs) -> Tensor:
    """torch's attention kernel: the fastest in float32, where products of small matrices are slow."""
    d = inputs.q.shape[-1]
    context = functional.scaled_dot_product_attention(
        inputs.q, inputs.k, inputs.v[..., :d], attn_mask=block.mask.to(inputs.q.dtype), scale=1.0
    )
    return context.transpose(1, 2).reshape(block.n * block.length, -1).index_select(0, block.tokens)


def by_products(block: Block, inputs: Inputs) -> Tensor:
    """Two products with an exponential between them: the fastest in bfloat16, which oneDNN multiplies by blocks.

    Scores are bfloat16 too, and no maximum is taken off them: bfloat16 reaches as far as float32.
    """
    q, k, v = (x.flatten(0, 1) for x in inputs)
    weights = torch.bmm(q, k.transpose(1, 2)).clamp_(max=HIGHEST).exp_()
    out = torch.bmm(weights, v).view(-1, q.shape[-1])
    context = out.index_select(0, block.sums).div_(out.index_select(0, block.sums + 1))
    return context.view(-1, block.n_heads * q.shape[-1])
