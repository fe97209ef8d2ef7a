"""Where the model runs and in which numbers: a function of machine and setting, and part of the model's version.

bfloat16 where the hardware multiplies it (AVX512-BF16, AMX, NVIDIA since Ampere), float32 elsewhere. Labels near a tie
can differ between the two, so a record's `model` names the one that made it, and a restart on the same machine
chooses the same again.
"""

from typing import Literal

import msgspec
import torch

from streamwatch.errors import ModelError

Format = Literal["fp32", "bf16"]
DTYPES: dict[Format, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16}


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
