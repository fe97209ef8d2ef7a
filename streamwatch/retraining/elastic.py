"""Elastic weight consolidation (Kirkpatrick et al., PNAS 2017): what mattered for the past is held as by a spring.

The penalty is ½ λ Σ F (w − w₀)², F the diagonal of the Fisher information at the incumbent's weights w₀: the mean squared
gradient of the log likelihood, for labels drawn from the incumbent's own probabilities (the true Fisher; with given
labels it would be the empirical one, which Kunstner et al., arXiv 1905.12558, warn of).

We differ from the source in one thing: with LoRA the matrices that move are not those that the past knew, so the penalty is
on the difference that they make to the encoder's own weights.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from streamwatch.learning.batches import padded
from streamwatch.models.network import Network

N_TEXTS = 512
"""That the Fisher information is estimated on: each costs a backward pass of one text, together some seconds."""

_PEFT = "base_model.model."


def fisher(
    network: Network, rows: Sequence[Sequence[int]], seed: int, progress: Callable[[int, int], None]
) -> dict[str, Tensor]:
    """The diagonal for each weight of the encoder's layers and of the heads, by their names in a plain network.

    One text at a time: the square of a batch's gradient is not the mean of squares.
    """
    network.eval()
    watched = {name: p for name, p in network.named_parameters() if "embeddings" not in name}
    for name, parameter in network.named_parameters():
        parameter.requires_grad = name in watched
    total = {name: torch.zeros_like(p) for name, p in watched.items()}
    chance = torch.Generator().manual_seed(seed)
    for done, row in enumerate(rows[:N_TEXTS], start=1):
        _add_squares(network, row, chance, watched, total)
        progress(done, min(len(rows), N_TEXTS))
    return {name: t / max(1, min(len(rows), N_TEXTS)) for name, t in total.items()}


def _add_squares(
    network: Network,
    row: Sequence[int],
    chance: torch.Generator,
    watched: dict[str, nn.Parameter],
    total: dict[str, Tensor],
) -> None:
    said = network(*padded([row]))
    loss = torch.zeros(())
    for logits in said.values():
        log_p = logits.log_softmax(1)
        loss = loss - log_p[0, torch.multinomial(log_p[0].detach().exp(), 1, generator=chance)].sum()
    gradients = torch.autograd.grad(loss, list(watched.values()), allow_unused=True)
    for name, gradient in zip(watched, gradients, strict=True):
        if gradient is not None:
            total[name] += gradient**2


class Springs:
    """The penalty on how far a network in training has moved from where it began.

    Args:
        network: of `network_to_train`, not yet trained.
        fisher: by name, as above.
        strength: λ; 0 is no penalty.

    Examples:
        >>> from streamwatch.models.heads import HeadShape
        >>> network = Network(nn.Identity(), 2, (HeadShape("mood", ("bad", "good")),))
        >>> springs = Springs(network, {"heads.mood.linear.bias": torch.tensor([0.0, 4.0])}, strength=1.0)
        >>> with torch.no_grad():
        ...     _ = network.heads["mood"].linear.bias.add_(1.0)
        >>> round(float(springs.penalty().detach()), 3)  # ½ · (0 · 1² + 4 · 1²)
        2.0
    """

    def __init__(self, network: Network, fisher: dict[str, Tensor], strength: float) -> None:
        self.strength = strength
        self._fisher = fisher
        self._network = network
        self._began = {
            name: p.detach().clone() for name, p in _moving(network) if name in fisher and not _is_low_rank(name)
        }

    def penalty(self) -> Tensor:
        """½ λ Σ F (w − w₀)², a scalar."""
        total = torch.zeros(())
        for name, parameter in _moving(self._network):
            if name in self._began:
                total = total + (self._fisher[name] * (parameter - self._began[name]) ** 2).sum()
        for name, layer in _adapted(self._network):
            if name in self._fisher:
                total = total + (self._fisher[name] * layer.get_delta_weight("default") ** 2).sum()  # type: ignore[operator]
        return 0.5 * self.strength * total


def _moving(network: Network) -> Iterator[tuple[str, nn.Parameter]]:
    """The parameters that training moves by their names in a plain network."""
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            yield name.replace(_PEFT, "").replace(".base_layer", ""), parameter


def _adapted(network: Network) -> Iterator[tuple[str, nn.Module]]:
    """The layers that have LoRA matrices, by the names of their weights in a plain network."""
    for name, module in network.named_modules():
        if hasattr(module, "get_delta_weight") and "default" in getattr(module, "lora_A", {}):
            yield f"{name.replace(_PEFT, '')}.weight", module


def _is_low_rank(name: str) -> bool:
    return "lora_" in name
