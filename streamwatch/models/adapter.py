"""Adapters on disk: LoRA matrices and heads in one safetensors file, merged into the encoder when they are loaded.

The file holds `lora.<layer>.A` (r × in) and `.B` (out × r) where the base is adapted, and `heads.<name>.*`, in float16:
half the bytes, and metrics are computed from the rounded numbers, so what the manifest says is true of the file.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from streamwatch.errors import ModelError
from streamwatch.models.heads import HeadShape
from streamwatch.models.manifest import (
    ADAPTER_FILE,
    AdapterFile,
    HeadEntry,
    Lora,
    Manifest,
    checked_adapter,
    file_sha256,
    read_manifest,
)
from streamwatch.models.network import Network, load_encoder, read_tensors

Weights = Mapping[str, Tensor]
SHOWN_CHARS = 200
"""Of what torch says when shapes do not fit: it lists all of them."""


def shapes(heads: Sequence[HeadEntry]) -> tuple[HeadShape, ...]:
    """How the heads of a manifest are built."""
    return tuple(HeadShape(head.name, head.labels, head.domains, head.norm) for head in heads)


def lora_network(base: Path, lora: Lora, heads: Sequence[HeadShape], dropout: float = 0.0) -> Network:
    """A network to train: the encoder frozen, LoRA matrices (peft) and heads free. `dropout` is the encoder's."""
    from peft import LoraConfig, get_peft_model

    encoder = load_encoder(base, dropout)
    config = LoraConfig(r=lora.r, lora_alpha=lora.alpha, target_modules=list(lora.targets), lora_dropout=0.0)
    return Network(get_peft_model(encoder, config), encoder.config.hidden_size, heads)


def adapter_weights(network: Network) -> dict[str, Tensor]:
    """The trained part of a `lora_network`, as an adapter file names it, float16."""
    return {_file_name(name): p.detach().to(torch.float16).contiguous() for name, p in trained(network).items()}


def trained(network: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that training may change."""
    return {name: p for name, p in network.named_parameters() if p.requires_grad}


def start_from(network: Network, folder: Path) -> str:
    """Put another adapter's weights into a `lora_network`, to go on from them; gives that adapter's SHA-256.

    Raises `ModelError` when it cannot be read or is of another shape.
    """
    manifest = read_manifest(folder)
    weights = read_adapter(folder, manifest)
    try:
        with torch.no_grad():
            for name, parameter in trained(network).items():
                parameter.copy_(weights[_file_name(name)])
    except (KeyError, RuntimeError) as error:
        raise ModelError(f"{folder} has another shape than this training makes: leave out --start") from error
    return manifest.adapter.sha256


def _file_name(name: str) -> str:
    """The name in the adapter file of a peft parameter.

    >>> _file_name("encoder.base_model.model.encoder.layer.0.output.dense.lora_A.default.weight")
    'lora.encoder.layer.0.output.dense.A'
    >>> _file_name("heads.topic.linear.bias")
    'heads.topic.linear.bias'
    """
    for part in "AB":
        name = name.replace(f".lora_{part}.default.weight", f".{part}")
    return name.replace("encoder.base_model.model.", "lora.")


def write_adapter(folder: Path, weights: Weights) -> AdapterFile:
    """Write the weights, replaced in one step; gives the manifest's entry."""
    new = folder / f".{ADAPTER_FILE}.new"
    save_file(dict(weights), new)
    new.chmod(0o644)  # safetensors makes files that only their owner can read; a worker may be another user
    new.replace(folder / ADAPTER_FILE)
    return AdapterFile(name=ADAPTER_FILE, sha256=file_sha256(folder / ADAPTER_FILE))


def read_adapter(folder: Path, manifest: Manifest) -> dict[str, Tensor]:
    """The weights of an adapter in float32, their hash checked first. Raises `ModelError`."""
    path = checked_adapter(folder, manifest)
    return {name: tensor.float() for name, tensor in read_tensors(path).items()}


def load_network(base: Path, folder: Path, manifest: Manifest) -> Network:
    """The network of an adapter for inference: LoRA merged, float32, dropout off.

    Raises `ModelError` when adapter, manifest and base do not fit each other.
    """
    weights = read_adapter(folder, manifest)
    encoder = load_encoder(base)
    _check_fit(folder, manifest, weights, encoder.config.max_position_embeddings)
    network = Network(encoder, encoder.config.hidden_size, shapes(manifest.heads))
    try:
        if manifest.lora is not None:
            merge_lora(encoder, weights, manifest.lora)
        network.heads.load_state_dict(
            {name.removeprefix("heads."): t for name, t in weights.items() if name.startswith("heads.")}
        )
    except (KeyError, ValueError, RuntimeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:SHOWN_CHARS]
        raise ModelError(f"{folder} does not fit its manifest ({reason}): train the adapter again") from error
    return network.eval()


def _check_fit(folder: Path, manifest: Manifest, weights: Weights, n_positions: int) -> None:
    """See that the base reads as many tokens as the manifest wants, and that no tensor would be left unused."""
    if manifest.max_tokens > n_positions:
        raise ModelError(
            f"{folder} wants {manifest.max_tokens} tokens of a text, its base reads {n_positions}: "
            "train the adapter again"
        )
    parts = ("heads.", "lora.") if manifest.lora is not None else ("heads.",)
    unknown = [name for name in weights if not name.startswith(parts)]
    if unknown:
        raise ModelError(f"{folder} does not fit its manifest (nothing uses {unknown[0]}): train the adapter again")


@torch.no_grad()
def merge_lora(encoder: nn.Module, weights: Weights, lora: Lora) -> None:
    """W ← W + alpha / r · B·A for every layer that the adapter names. Without peft, whose import takes seconds."""
    for name, a in weights.items():
        if name.startswith("lora.") and name.endswith(".A"):
            layer = name.removeprefix("lora.").removesuffix(".A")
            b = weights[name.removesuffix("A") + "B"]
            weight = encoder.get_submodule(layer).weight
            assert isinstance(weight, Tensor)
            if tuple(a.shape) != (lora.r, weight.shape[-1]) or tuple(b.shape) != (weight.shape[0], lora.r):
                raise ValueError(f"{layer}: A {tuple(a.shape)} and B {tuple(b.shape)} on {tuple(weight.shape)}")
            weight += (lora.alpha / lora.r) * (b @ a)
