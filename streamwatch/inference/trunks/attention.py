"""Attention over packed texts: those of one length at a time."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from streamwatch.inference.trunks.packing import Group


def attend(qkv: Tensor, groups: Sequence[Group], n_heads: int) -> Tensor:
    """What each token takes of its text, `(T, width)`, from queries, keys and values `(T, 3 · width)`.

    >>> attend(torch.ones(4, 6), [Group(0, 1, 3)], n_heads=1).shape  # a row of padding stays zero
    torch.Size([4, 2])
    """
    parts = [_attend_group(qkv, group, n_heads) for group in groups]
    n_padding = len(qkv) - sum(len(part) for part in parts)
    if n_padding:
        parts.append(qkv.new_zeros(n_padding, qkv.shape[1] // 3))
    return torch.cat(parts) if len(parts) > 1 else parts[0]


def _attend_group(qkv: Tensor, group: Group, n_heads: int) -> Tensor:
    rows = qkv[group.start : group.start + group.n * group.length]
    q, k, v = rows.view(group.n, group.length, 3, n_heads, -1).permute(2, 0, 3, 1, 4).unbind()
    return functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(len(rows), -1)
