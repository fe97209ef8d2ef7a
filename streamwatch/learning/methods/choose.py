"""From a plan to the network that it trains, and from the trained network back to a plain encoder."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from transformers import BertModel, PreTrainedModel

from streamwatch.errors import ConfigError
from streamwatch.learning.methods.adalora import with_adalora
from streamwatch.learning.methods.depth import keep_layers, parse_layers
from streamwatch.learning.methods.full import free_layers
from streamwatch.learning.methods.head_ensemble import with_members
from streamwatch.learning.methods.lora import with_lora
from streamwatch.learning.methods.pruning import narrow
from streamwatch.learning.plan import Plan
from streamwatch.models.adapter import load_network, shapes
from streamwatch.models.manifest import HeadEntry, read_manifest
from streamwatch.models.network import Network, load_encoder


def network_to_train(
    base: Path, heads: Sequence[HeadEntry], plan: Plan, n_steps: int, start: Path | None = None
) -> Network:
    """The network of `plan` over the encoder in `base`, with the weights of the model in `start` if one is given.

    Heads that `start` has with the same labels go on from it, others begin anew. Raises `ModelError`, `ConfigError`.
    """
    torch.manual_seed(plan.seed)
    encoder = load_encoder(base, plan.dropout)
    network = Network(encoder, encoder.config.hidden_size, shapes(heads), plan.head_dropout)
    if start is not None:
        _go_on(network, base, start)
    network.encoder = _moving(_shaped(encoder, plan), plan, n_steps)
    with_members(network, plan.head_members)
    return network


def _shaped(encoder: PreTrainedModel, plan: Plan) -> PreTrainedModel:
    """`encoder` with the layers and units that the plan keeps. Raises `ConfigError` where it is not the pinned kind."""
    if not plan.has_own_encoder:
        return encoder
    if not isinstance(encoder, BertModel):
        raise ConfigError("--layers and --units are for the pinned encoder: leave them out with --encoder")
    if plan.layers:
        keep_layers(encoder, parse_layers(plan.layers, encoder.config.num_hidden_layers))
    if plan.units:
        narrow(encoder, plan.units)
    return encoder


def _moving(encoder: PreTrainedModel, plan: Plan, n_steps: int) -> nn.Module:
    """`encoder` with what the plan's method moves set free."""
    if plan.method == "lora":
        return with_lora(encoder, plan.rank)
    if plan.method == "adalora":
        if not isinstance(encoder, BertModel):
            raise ConfigError("--method adalora is for the pinned encoder: take lora or full with --encoder")
        return with_adalora(encoder, plan.rank, n_steps)
    return free_layers(encoder)


def _go_on(network: Network, base: Path, start: Path) -> None:
    manifest = read_manifest(start)
    parent = load_network(base, start, manifest)
    network.encoder.load_state_dict(parent.encoder.state_dict())
    for entry in manifest.heads:
        if entry.name in network.heads and _same_shape(network.heads[entry.name], parent.heads[entry.name]):
            network.heads[entry.name].load_state_dict(parent.heads[entry.name].state_dict())


def _same_shape(a: nn.Module, b: nn.Module) -> bool:
    return {name: t.shape for name, t in a.state_dict().items()} == {
        name: t.shape for name, t in b.state_dict().items()
    }


def plain_encoder(network: Network) -> PreTrainedModel:
    """The trained encoder with whatever was put beside its weights merged into them. The network is used up."""
    encoder = network.encoder
    return encoder if isinstance(encoder, PreTrainedModel) else encoder.merge_and_unload()  # type: ignore[operator]
