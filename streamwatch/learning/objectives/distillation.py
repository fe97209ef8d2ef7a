"""The loss against teachers: the cross-entropy of their softened probabilities (Hinton et al., arXiv 1503.02531).

Examples:
    >>> import torch
    >>> teacher = torch.tensor([[0.5, 0.5], [0.0, 0.0]])  # nobody speaks of the second text
    >>> [round(x, 3) for x in teacher_loss(torch.zeros(2, 2), teacher, temperature=1.0).tolist()]
    [0.693, 0.0]
"""

from torch import Tensor

_TINY = 1e-8
"""Below what a float16 model can mean; the logarithm of 0 is not asked for."""


def teacher_loss(logits: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """The loss `(n,)` of logits against the teachers' mean probabilities `(n, k)`, times what a row of these sums up to.

    That is 1 where they speak, 0 where they do not, and between these where they are to be heard less. Scaled by the square of
    the temperature, so that gradients keep their size.
    """
    soft = (teacher.clamp_min(_TINY).log() / temperature).softmax(1)
    loss = -(soft * (logits / temperature).log_softmax(1)).sum(1) * temperature**2
    return loss * teacher.sum(1)


def speaks(teacher: Tensor) -> Tensor:
    """Whether a teacher speaks, `(n,)` bool."""
    return teacher.sum(1) > 0
