"""Open the engine that the settings name; say what would be opened without running it.

Torch is imported only when a real model is opened: the null engine starts at once.
"""

from pathlib import Path

import msgspec

from streamwatch.config import Settings
from streamwatch.errors import ModelError
from streamwatch.inference.engine import Engine, NullEngine
from streamwatch.models.base import locate_base
from streamwatch.models.manifest import Manifest, checked_adapter, read_manifest

SHIPPED = Path(__file__).parent.parent / "models" / "shipped"
"""The folder of the adapter that comes with the package."""


class ModelDescription(msgspec.Struct, frozen=True):
    """What the settings would open. `problem` is empty, or one line that says what to do."""

    model: str
    adapter: str = ""
    base: str = ""
    problem: str = ""


def open_engine(settings: Settings) -> Engine:
    """The engine of `settings.model`: `default`, `null`, or a folder with a manifest. Raises `ModelError`.

    >>> from streamwatch.config import load
    >>> open_engine(load(model="null")).model
    'null'
    """
    if settings.model == "null":
        return NullEngine()
    folder, manifest, base = _located(settings)
    return _opened(settings, folder, manifest, base)


def describe_model(settings: Settings) -> ModelDescription:
    """What `open_engine` would use, its files found and their hashes checked; nothing is loaded.

    >>> from streamwatch.config import load
    >>> describe_model(load(model="null"))
    ModelDescription(model='null', adapter='', base='', problem='')
    """
    if settings.model == "null":
        return ModelDescription("null")
    try:
        folder, manifest, base = _located(settings)
    except ModelError as error:
        return ModelDescription(settings.model, problem=str(error))
    return ModelDescription(f"minilm-l6+{manifest.short_hash}", str(folder), str(base))


def adapter_folder(model: str) -> Path:
    """The folder that the setting `model` names."""
    return SHIPPED if model == "default" else Path(model)


def _located(settings: Settings) -> tuple[Path, Manifest, Path]:
    """Adapter folder, manifest and encoder folder, all hashes checked."""
    folder = adapter_folder(settings.model)
    manifest = read_manifest(folder)
    checked_adapter(folder, manifest)
    base = locate_base(folder, manifest.base, settings.base, allow_downloads=settings.allow_downloads)
    return folder, manifest, base


def _opened(settings: Settings, folder: Path, manifest: Manifest, base: Path) -> Engine:
    import torch

    from streamwatch.inference.encoder_engine import EncoderEngine
    from streamwatch.inference.numeric import place
    from streamwatch.models.adapter import load_network
    from streamwatch.models.tokens import TokenReader

    if settings.threads:
        torch.set_num_threads(settings.threads)
    network = load_network(base, folder, manifest)
    reader = TokenReader(base, manifest.max_tokens, manifest.tail_tokens)
    return EncoderEngine(network, reader, manifest, place(settings.device), settings.batch_tokens)
