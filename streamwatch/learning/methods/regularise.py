"""The loss of a batch, plain or computed twice so that the model does not rest on small things.

`fgm`: once more with the word embeddings moved a little in the direction that hurts the most (Miyato et al., arXiv
1605.07725). `r_drop`: once more with other dropout, and the two answers must agree (Liang et al., arXiv 2106.14448). Both
cost a second pass.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import msgspec
import torch
from torch import Tensor, nn

from streamwatch.inference.numeric import cpu_multiplies_bf16
from streamwatch.learning.batches import padded
from streamwatch.learning.methods.head_ensemble import head_sets
from streamwatch.learning.objectives.outputs import Outputs, final, outputs
from streamwatch.learning.objectives.targets import Targets
from streamwatch.learning.objectives.total import Objective
from streamwatch.models.network import Network

Regulariser = Literal["", "fgm", "r_drop"]

FGM_NORM = 1.0
"""Length of the step for a whole text. Word embeddings of MiniLM are about 1.4 long, so it moves one word's meaning or all
of them a little; the source uses 5 on normalised embeddings of longer texts."""

R_DROP_WEIGHT = 1.0
"""Of the disagreement; the source has 1 to 5 by task, and 1 is its choice for most of GLUE."""


class Lesson(msgspec.Struct, frozen=True):
    """What is shown and what is asked: token rows, in the order of `asked`, and the loss."""

    rows: Sequence[Sequence[int]]
    asked: Targets
    objective: Objective

    def shown(self, batch: Sequence[int]) -> tuple[Tensor, Tensor, Targets]:
        """Ids, mask and targets of the texts with the indices `batch`."""
        return *padded([self.rows[i] for i in batch]), self.asked.rows(torch.tensor(batch))


def said_of(network: Network, ids: Tensor, mask: Tensor) -> list[Outputs]:
    """What each set of heads says in training: the encoder in bfloat16 where the CPU multiplies it, heads in float32."""
    with torch.autocast("cpu", torch.bfloat16, enabled=cpu_multiplies_bf16()):
        pooled = network.pooled(ids, mask)
    return [outputs(network, pooled, heads) for heads in head_sets(network)]


def _loss(lesson: Lesson, said: Sequence[Outputs], asked: Targets) -> Tensor:
    """The loss `(n,)`, the mean over the sets of heads."""
    return torch.stack([lesson.objective.loss(one, asked) for one in said]).mean(0)


def plain(network: Network, lesson: Lesson, batch: Sequence[int]) -> Tensor:
    """The mean loss of a batch."""
    ids, mask, asked = lesson.shown(batch)
    return _loss(lesson, said_of(network, ids, mask), asked).mean()


def r_drop(network: Network, lesson: Lesson, batch: Sequence[int]) -> Tensor:
    """The mean of two passes' losses, and how far their answers are apart."""
    ids, mask, asked = lesson.shown(batch)
    one, other = said_of(network, ids, mask), said_of(network, ids, mask)
    loss = (_loss(lesson, one, asked) + _loss(lesson, other, asked)) / 2
    apart = [disagreement(final(a[name]), final(b[name])) for a, b in zip(one, other, strict=True) for name in a]
    return (loss + R_DROP_WEIGHT * torch.stack(apart).sum(0) / len(one)).mean()


def disagreement(a: Tensor, b: Tensor) -> Tensor:
    """The mean `(n,)` of the two Kullback-Leibler divergences of logits `(n, k)`.

    >>> disagreement(torch.zeros(1, 2), torch.zeros(1, 2))
    tensor([0.])
    """
    log_p, log_q = a.log_softmax(1), b.log_softmax(1)
    return ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(1) / 2


def fgm(network: Network, lesson: Lesson, batch: Sequence[int]) -> Tensor:
    """The mean loss of a batch, and that of the batch with its embeddings moved against it."""
    ids, mask, asked = lesson.shown(batch)
    words = word_embeddings(network.encoder)
    with _seen(words) as seen:
        loss = _loss(lesson, said_of(network, ids, mask), asked).mean()
    (gradient,) = torch.autograd.grad(loss, seen[0], retain_graph=True)
    step = FGM_NORM * gradient / gradient.flatten(1).norm(dim=1).clamp_min(1e-12)[:, None, None]
    with _moved(words, step):
        return loss + _loss(lesson, said_of(network, ids, mask), asked).mean()


def word_embeddings(encoder: nn.Module) -> nn.Module:
    """The table of word embeddings, in a plain encoder or one that peft wraps."""
    return next(module for name, module in encoder.named_modules() if name.endswith("word_embeddings"))


@contextmanager
def _seen(words: nn.Module) -> Iterator[list[Tensor]]:
    """Within, what the table gives is noted and has a gradient, though the table itself may not move."""
    seen: list[Tensor] = []

    def note(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        seen.append(output.detach().requires_grad_() if not output.requires_grad else output)
        return seen[-1]

    handle = words.register_forward_hook(note)
    try:
        yield seen
    finally:
        handle.remove()


@contextmanager
def _moved(words: nn.Module, step: Tensor) -> Iterator[None]:
    handle = words.register_forward_hook(lambda _module, _inputs, output: output + step.detach())
    try:
        yield
    finally:
        handle.remove()


LOSSES: dict[str, Callable[[Network, Lesson, Sequence[int]], Tensor]] = {"": plain, "fgm": fgm, "r_drop": r_drop}
"""By the plan's `regulariser`."""
