"""Several heads on one encoder, each with its own start and its own dropout, made into one in the end.

Members of a deep ensemble (Lakshminarayanan et al., arXiv 1612.01474) differ in their whole network; these share the trunk,
so they cost nothing. Heads are linear: the mean of the members' logits is what the mean of their weights says, so the file
holds one head. (Of a head with two readings the parts are averaged, each of which is linear.)

Examples:
    >>> members = [{"linear.bias": torch.zeros(2)}, {"linear.bias": torch.ones(2)}]
    >>> mean_state(members)["linear.bias"]
    tensor([0.5000, 0.5000])
"""

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from streamwatch.models.network import Network


def with_members(network: Network, n: int) -> None:
    """Give the network `n - 1` further sets of heads with starts of their own."""
    if n > 1:
        network.members = nn.ModuleList([_fresh(network.heads) for _ in range(n - 1)])


def _fresh(heads: nn.ModuleDict) -> nn.ModuleDict:
    made = copy.deepcopy(heads)
    for module in made.modules():
        if isinstance(module, nn.Linear):
            module.reset_parameters()
    return made


def head_sets(network: Network) -> list[nn.ModuleDict]:
    """All sets of heads of a network in training; one where it has no members."""
    members = getattr(network, "members", [])
    return [network.heads, *members]  # type: ignore[list-item]


def merge_members(network: Network) -> None:
    """Make one set of heads of all."""
    sets = head_sets(network)
    if len(sets) > 1:
        network.heads.load_state_dict(mean_state([heads.state_dict() for heads in sets]))
        del network.members


def mean_state(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of tensors of the same names."""
    return {name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]}
