"""Adapters on disk: the change of an encoder and the heads in one safetensors file, merged when they are loaded.

The file holds `lora.<layer>.A` (r × in) and `.B` (out × r) where a matrix of the base is changed, `delta.<parameter>`
where a vector is (biases, layer norms), and `heads.<name>.*`, in float16: half the bytes, and metrics are computed from the
rounded numbers, so what the manifest says is true of the file. Each matrix may have a rank of its own, the manifest's at most.
`scales.<layer>` (float32) are what int8 needs to know of a layer's inputs; `probe.*` are texts and what the model says of them
(`streamwatch.inference.probe`).
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
    Digest,
    HeadEntry,
    Lora,
    Manifest,
    checked_adapter,
    file_sha256,
)
from streamwatch.models.network import Network, load_encoder, read_tensors

Weights = Mapping[str, Tensor]
SHOWN_CHARS = 200
"""Of what torch says when shapes do not fit: it lists all of them."""


def shapes(heads: Sequence[HeadEntry]) -> tuple[HeadShape, ...]:
    """How the heads of a manifest are built."""
    return tuple(HeadShape(head.name, head.labels, head.domains, head.norm) for head in heads)


def head_weights(network: Network) -> dict[str, Tensor]:
    """The heads as an adapter file names them, float16."""
    return {f"heads.{name}": t.detach().half().contiguous() for name, t in network.heads.state_dict().items()}


def trained(network: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that training may change."""
    return {name: p for name, p in network.named_parameters() if p.requires_grad}


def write_adapter(folder: Path, weights: Weights) -> AdapterFile:
    """Write the weights, replaced in one step; gives the manifest's entry."""
    new = folder / f".{ADAPTER_FILE}.new"
    save_file(dict(weights), new)
    new.chmod(0o644)  # safetensors makes files that only their owner can read; a worker may be another user
    new.replace(folder / ADAPTER_FILE)
    return AdapterFile(name=ADAPTER_FILE, sha256=file_sha256(folder / ADAPTER_FILE))


def read_adapter(folder: Path, manifest: Manifest, digest: Digest = file_sha256) -> dict[str, Tensor]:
    """The weights of an adapter in float32, their hash checked first. Raises `ModelError`."""
    path = checked_adapter(folder, manifest, digest)
    return {name: tensor.float() for name, tensor in read_tensors(path).items()}


def load_network(base: Path, folder: Path, manifest: Manifest, weights: Weights | None = None) -> Network:
    """The network of an adapter for inference: LoRA merged, float32, dropout off.

    `weights` are the adapter's where somebody has read them already (`read_adapter`). Raises `ModelError` when adapter,
    manifest and base do not fit each other.
    """
    weights = read_adapter(folder, manifest) if weights is None else weights
    encoder = load_encoder(base, drawn=False)
    _check_fit(folder, manifest, weights, encoder.config.max_position_embeddings)
    network = Network(encoder, encoder.config.hidden_size, shapes(manifest.heads))
    try:
        if manifest.lora is not None:
            merge_lora(encoder, weights, manifest.lora)
            merge_vectors(encoder, weights)
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
    parts = ("heads.", "scales.", "probe.", *(("lora.", "delta.") if manifest.lora is not None else ()))
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
            rank = min(len(a), lora.r)
            if tuple(a.shape) != (rank, weight.shape[-1]) or tuple(b.shape) != (weight.shape[0], rank):
                raise ValueError(f"{layer}: A {tuple(a.shape)} and B {tuple(b.shape)} on {tuple(weight.shape)}")
            weight += (lora.alpha / lora.r) * (b @ a)


@torch.no_grad()
def merge_vectors(encoder: nn.Module, weights: Weights) -> None:
    """b ← b + its difference, for every bias and layer norm that the adapter names."""
    for name, moved in weights.items():
        if name.startswith("delta."):
            vector = encoder.get_parameter(name.removeprefix("delta."))
            if moved.shape != vector.shape:
                raise ValueError(f"{name}: {tuple(moved.shape)} on {tuple(vector.shape)}")
            vector.add_(moved)


def int8_scales(weights: Weights) -> dict[str, Tensor]:
    """The scales of an adapter's file by layer, as an int8 trunk wants them; empty where it was made without."""
    return {name.removeprefix("scales."): t for name, t in weights.items() if name.startswith("scales.")}
