"""The loss of one label: cross-entropy with smoothing over the labels that could have been given.

Examples:
    >>> logits = torch.tensor([[0.0, 9.0, 0.0]])
    >>> lacks = torch.tensor([[False, True, False]])  # the file's writers had no middle label
    >>> round(float(label_loss(logits, torch.tensor([0]), lacks, smoothing=0.0)), 3)  # ln 2, whatever the middle says
    0.693
"""

import torch
from torch import Tensor

NEVER = -1e4
"""The logit of a label that is left out: its exponential is 0 in float32, and no infinity meets a zero."""


def label_loss(logits: Tensor, labels: Tensor, lacks: Tensor, smoothing: float) -> Tensor:
    """The loss `(n,)` of logits `(n, k)` against labels `(n,)`.

    Smoothing (Szegedy et al., arXiv 1512.00567) spreads its share over the labels that are left.
    """
    log_p = logits.masked_fill(lacks, NEVER).log_softmax(1)
    given = -log_p.gather(1, labels[:, None]).squeeze(1)
    if not smoothing:
        return given
    left = (~lacks).float()
    spread = -(log_p * left).sum(1) / left.sum(1)
    return torch.lerp(given, spread, smoothing)
