"""Where the model runs and in which numbers: a function of machine and setting, and part of the model's version.

On a CPU the fastest precision that keeps the model's quality there, as the probe finds it at the first start
(`streamwatch.inference.probe`); for a model without stored texts, and on a GPU, bfloat16 where the hardware multiplies it
(AVX512-BF16, AMX, NVIDIA since Ampere), float32 elsewhere. Labels near a tie can differ between precisions, so a record's `model`
names the one that made it, and a restart on the same machine chooses the same again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import msgspec
import torch

from streamwatch.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

    from streamwatch.config import Settings
    from streamwatch.inference.trunks.opening import PrecisionName
    from streamwatch.inference.trunks.trunk import Trunk
    from streamwatch.models.manifest import Manifest
    from streamwatch.models.network import Network

Format = Literal["fp32", "bf16"]


class Placement(msgspec.Struct, frozen=True):
    """A device and a number format.

    >>> str(Placement("cpu", "fp32"))
    'fp32-cpu'
    """

    device: Literal["cpu", "cuda"]
    format: Format

    def __str__(self) -> str:
        return f"{self.format}-{self.device}"


def place(device: str) -> Placement:
    """The placement for the setting `device` (auto, cpu, cuda). Raises `ModelError` when there is no such device."""
    has_cuda = torch.cuda.is_available()
    if device == "cuda" and not has_cuda:
        raise ModelError("STREAMWATCH_DEVICE=cuda, but torch sees no CUDA device: use auto or cpu, or install a driver")
    if device != "cpu" and has_cuda:
        return Placement("cuda", "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32")
    return Placement("cpu", "bf16" if cpu_multiplies_bf16() else "fp32")


def cpu_multiplies_bf16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware; elsewhere it is emulated and slower than float32."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def trunk_for(network: Network, manifest: Manifest, weights: Mapping[str, Tensor], settings: Settings) -> Trunk:
    """The trunk of a model for the settings `device` and `precision`. `weights` are those of the model's file.

    Raises `ModelError` when there is no such device, or the model cannot be computed so.
    """
    from streamwatch.inference.trunks.opening import open_trunk
    from streamwatch.models.adapter import int8_scales

    placement, scales = place(settings.device), int8_scales(weights)
    precision: PrecisionName = placement.format if settings.precision == "auto" else settings.precision
    if settings.precision == "auto" and placement.device == "cpu":
        precision = _chosen(network, manifest, weights, settings) or placement.format
    return open_trunk(network, precision, placement.device, scales or None)


def remembered(manifest: Manifest, settings: Settings) -> str:
    """The precision that the probe chose for this model on this machine; empty before the first start."""
    from streamwatch.inference.remembered import cache_folder, key_of, recall

    return recall(cache_folder(settings.cache), key_of(manifest.version)) or ""


def _chosen(
    network: Network, manifest: Manifest, weights: Mapping[str, Tensor], settings: Settings
) -> PrecisionName | None:
    """The remembered choice, or the probe's; none for a model that has no stored texts.

    Of another model over the same encoder the times are the same: what was chosen for that one has only to be computed
    rightly, so that an exchange of the model takes a tenth of a second where a probe takes more than one.
    """
    from streamwatch.inference.probe import candidates, fastest, stored_rows, works
    from streamwatch.inference.remembered import cache_folder, key_of, recall, remember
    from streamwatch.models.adapter import int8_scales

    if not stored_rows(weights):
        return None
    folder, key = cache_folder(settings.cache), key_of(manifest.version)
    if (found := recall(folder, key)) is not None:
        return found
    measured, scales = candidates(manifest.precisions), int8_scales(weights)
    key_of_encoder = key_of(f"{manifest.base.sha256} {' '.join(measured)}")
    found = recall(folder, key_of_encoder)
    if found is None or not works(network, found, manifest, weights, scales):
        found = fastest(network, manifest, weights, scales)
        remember(folder, key_of_encoder, found)
    remember(folder, key, found)
    return found
