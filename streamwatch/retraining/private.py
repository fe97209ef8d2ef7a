"""Heads that keep the secrets of those they learned from: DP-SGD (Abadi et al., CCS 2016) by opacus.

The encoder stays as it is; each document's gradient on the heads is clipped and noise is added, so that no single document
changes the heads by more than ε and δ allow. The promise is for documents: one who wrote several is protected less. It covers
the heads' weights; temperatures and metrics are of documents that were held out, and are not covered.

The noise comes from the system's randomness and never from the seed, which stands in the manifest: whoever knows the noise can
take it off again. So a private run cannot be repeated bit by bit. The generator is torch's own, seeded by the system; it is no
cryptographic one.
"""

import secrets
import warnings
from collections.abc import Callable
from math import ceil
from typing import Any

import msgspec
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from streamwatch.errors import ConfigError
from streamwatch.learning.methods.regularise import Lesson
from streamwatch.learning.objectives.outputs import Mixed, gated_head
from streamwatch.learning.plan import Plan
from streamwatch.models.heads import mixture
from streamwatch.models.network import Network

CLIP = 1.0
"""The longest gradient of one document: the usual choice, near the median norm of ours at the start."""
EPOCHS = 10.0
"""Passes at least: heads are small and batches large, so two epochs would be few steps."""
BATCH = 256
"""Documents a step in the mean: larger batches carry the same noise with more signal."""
INSTALL = "--private-epsilon needs opacus: pip install streamwatch[private]"


class Spent(msgspec.Struct, frozen=True):
    """What the training has cost: (ε, δ) for each document, by the accountant of opacus (PRV)."""

    epsilon: float
    delta: float
    noise_multiplier: float
    clip: float
    n_documents: int


class _Heads(nn.Module):
    """All heads as one module that gives what the objective wants, as one flat tuple that opacus can hook."""

    def __init__(self, heads: nn.ModuleDict) -> None:
        super().__init__()
        self.heads = heads

    def forward(self, states: Tensor) -> dict[str, Any]:
        return {name: _said(head, states) for name, head in self.heads.items()}


def _said(head: nn.Module, states: Tensor) -> Tensor | Mixed:
    gated = gated_head(head)
    if gated is None:
        said: Tensor = head(states)
        return said
    first, second, gate = gated.parts(states)
    return Mixed(first, second, gate, mixture(first, second, gate))


def default_delta(n_documents: int) -> float:
    """A tenth of one over their number: below it a promise could be kept by giving one document away.

    >>> default_delta(1000)
    0.0001
    """
    return 0.1 / n_documents


def train_heads(
    network: Network, lesson: Lesson, pooled: Tensor, plan: Plan, budget: tuple[float, float],
    progress: Callable[[int, int, float], None],
) -> Spent:  # fmt: skip
    """Train the heads of `network` on pooled states `(n, width)`, the encoder untouched; `budget` is ε and δ.

    Raises `ConfigError` without opacus, and when the budget is too small for any noise.
    """
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # opacus warns of what is decided here: the generator, and the accountant's grid
        return _trained(network, lesson, pooled, plan, budget, progress)


def _trained(
    network: Network, lesson: Lesson, pooled: Tensor, plan: Plan, budget: tuple[float, float],
    progress: Callable[[int, int, float], None],
) -> Spent:  # fmt: skip
    engine = _engine()
    epochs, epsilon = max(EPOCHS, plan.epochs), budget[0]
    delta = budget[1] or default_delta(len(pooled))
    heads = _Heads(network.heads).train()
    optimiser = torch.optim.AdamW(heads.parameters(), lr=plan.head_learning_rate, weight_decay=plan.weight_decay)
    rows = DataLoader(TensorDataset(torch.arange(len(pooled))), min(BATCH, len(pooled)), generator=_noise())
    try:
        private, optimiser, rows = engine.make_private_with_epsilon(
            module=heads, optimizer=optimiser, data_loader=rows, epochs=ceil(epochs), target_epsilon=epsilon,
            target_delta=delta, max_grad_norm=CLIP, noise_generator=_noise(),
        )  # fmt: skip
    except ValueError as error:
        raise ConfigError(
            f"--private-epsilon {epsilon:g} cannot be kept ({error}): allow more, or label more"
        ) from error
    n_steps, step = ceil(epochs) * len(rows), 0
    for _ in range(ceil(epochs)):
        for (batch,) in rows:
            loss = _step(private, optimiser, lesson, pooled, batch)
            step += 1
            progress(step, n_steps, loss)
    return Spent(float(engine.get_epsilon(delta)), delta, float(optimiser.noise_multiplier), CLIP, len(pooled))


def _step(private: nn.Module, optimiser: Any, lesson: Lesson, pooled: Tensor, batch: Tensor) -> float:
    """One noisy step. Poisson sampling may draw nobody: then there is noise alone."""
    optimiser.zero_grad()
    said = private(pooled[batch])
    loss = lesson.objective.loss(said, lesson.asked.rows(batch)).sum() / max(1, len(batch))
    loss.backward()
    optimiser.step()
    return float(loss.detach())


def _noise() -> torch.Generator:
    return torch.Generator().manual_seed(secrets.randbits(63))


def _engine() -> Any:
    try:
        from opacus import PrivacyEngine
    except ImportError:
        raise ConfigError(INSTALL) from None
    return PrivacyEngine(accountant="prv")
