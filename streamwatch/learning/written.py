"""From the trained network to the model's folder: a small difference from the base, or an encoder of its own."""

from pathlib import Path
from shutil import copyfile

import msgspec
from safetensors.torch import save_file
from transformers import PreTrainedModel

from streamwatch.errors import ConfigError
from streamwatch.learning.low_rank import HEADER_BYTES, difference, largest_rank
from streamwatch.learning.methods.choose import plain_encoder
from streamwatch.learning.methods.head_ensemble import merge_members
from streamwatch.learning.plan import Plan
from streamwatch.models.adapter import head_weights, write_adapter
from streamwatch.models.base import BASE, CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE, own_base
from streamwatch.models.manifest import AdapterFile, BaseModel, Lora
from streamwatch.models.network import Network, load_encoder

SCALES_BYTES = 40_000
"""What the int8 scales of six layers take (14 kB), and 64 stored texts with their logits; they are written after the rest."""

OWN_BASE = "base"
"""The folder of an encoder of the model's own, inside of the model's."""


class Written(msgspec.Struct, frozen=True):
    """The parts of a manifest that say what was written."""

    base: BaseModel
    adapter: AdapterFile
    lora: Lora | None


def write_weights(network: Network, base: Path, out: Path, plan: Plan, foreign: str = "") -> Written:
    """Write what `network` has learned over the encoder in `base`. The network's encoder is a plain one after it.

    `foreign` is the name of an encoder that is not the pinned one: it is written whole.

    Raises `ConfigError` when the plan's budget does not hold it.
    """
    merge_members(network)
    network.encoder = plain_encoder(network)
    assert isinstance(network.encoder, PreTrainedModel)
    heads = head_weights(network)
    if plan.has_own_encoder or foreign:
        own = _write_encoder(network.encoder, base, out / OWN_BASE, foreign or BASE.name)
        return Written(own, write_adapter(out, heads), None)
    left = plan.budget_bytes - SCALES_BYTES - sum(2 * t.numel() + HEADER_BYTES for t in heads.values())
    try:
        moved = difference(load_encoder(base).state_dict(), network.encoder.state_dict(), left)
    except ValueError as error:
        raise ConfigError(f"--budget-bytes {plan.budget_bytes}: {error}") from error
    rank = largest_rank(moved)
    return Written(BASE, write_adapter(out, heads | moved), Lora(r=rank, alpha=rank))


def _write_encoder(encoder: PreTrainedModel, base: Path, folder: Path, name: str) -> BaseModel:
    folder.mkdir(exist_ok=True)
    save_file({name: t.contiguous() for name, t in encoder.state_dict().items()}, folder / WEIGHTS_FILE)
    (folder / WEIGHTS_FILE).chmod(0o644)
    copyfile(base / TOKENIZER_FILE, folder / TOKENIZER_FILE)
    config = msgspec.json.decode((base / CONFIG_FILE).read_bytes())
    for field in ("num_hidden_layers", "intermediate_size"):
        config[field] = getattr(encoder.config, field)
    (folder / CONFIG_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(config)))
    return own_base(f"{name}-{_shape(encoder)}", folder.parent, folder.name)


def _shape(encoder: PreTrainedModel) -> str:
    return f"{encoder.config.num_hidden_layers}x{encoder.config.intermediate_size}"
