"""Open the engine that the settings name; say what would be opened without running it.

    settings ─ model folder (named, shipped, or the registry's) ─ hashes ─ trunk and heads ─ engine ┐
             └ classifiers for single tasks (`streamwatch.inference.backends`) ─────────────────────┴ joined

Torch is imported only when a real model is opened: the null engine starts at once.
"""

from pathlib import Path

import msgspec

from streamwatch.config import Settings
from streamwatch.errors import ModelError
from streamwatch.inference.engine import Engine, NullEngine
from streamwatch.models.base import locate_base
from streamwatch.models.manifest import Manifest, checked_adapter, read_manifest
from streamwatch.models.registry import promoted

SHIPPED = Path(__file__).parent.parent / "models" / "shipped"
"""The folder of the adapter that comes with the package."""
TASKS = ("sentiment", "topic")
"""What every engine says of a text; a model may have more heads."""


class ModelDescription(msgspec.Struct, frozen=True):
    """What the settings would open. `problem` is empty, or one line that says what to do."""

    model: str
    adapter: str = ""
    base: str = ""
    problem: str = ""


class Located(msgspec.Struct, frozen=True):
    """A model of ours: its folder, manifest and encoder folder, all hashes checked, nothing loaded."""

    folder: Path
    manifest: Manifest
    base: Path

    @property
    def name(self) -> str:
        """The version as far as the files make it; device and numbers are added when it runs."""
        return f"minilm-l6+{self.manifest.short_hash}"


def open_engine(settings: Settings) -> Engine:
    """The engine of `settings.model`: `default`, `null`, or a folder with a manifest. Raises `ModelError`.

    >>> from streamwatch.config import load
    >>> open_engine(load(model="null")).model
    'null'
    """
    if settings.model == "null":
        return NullEngine()
    return open_located(locate(settings), settings)


def describe_model(settings: Settings) -> ModelDescription:
    """What `open_engine` would use, its files found and their hashes checked; nothing is loaded.

    >>> from streamwatch.config import load
    >>> describe_model(load(model="null"))
    ModelDescription(model='null', adapter='', base='', problem='')
    """
    if settings.model == "null":
        return ModelDescription("null")
    try:
        found = locate(settings)
    except ModelError as error:
        return ModelDescription(settings.model, problem=str(error))
    return ModelDescription(found.name, str(found.folder), str(found.base))


def adapter_folder(settings: Settings) -> Path:
    """The folder that the settings name: with `default` and a registry, that of the model promoted there."""
    if settings.model != "default":
        return Path(settings.model)
    return (promoted(Path(settings.registry)) if settings.registry else None) or SHIPPED


def locate(settings: Settings) -> Located:
    """The model of ours that the settings name. Raises `ModelError`."""
    return locate_in(adapter_folder(settings), settings)


def locate_in(folder: Path, settings: Settings) -> Located:
    """The model of ours in `folder`; the settings say where a pinned encoder is looked for. Raises `ModelError`."""
    manifest = read_manifest(folder)
    for task in TASKS:
        manifest.head(task)
    checked_adapter(folder, manifest)
    base = locate_base(folder, manifest.base, settings.base, allow_downloads=settings.allow_downloads)
    return Located(folder, manifest, base)


def open_located(found: Located, settings: Settings) -> Engine:
    """The engine of a model of ours: here its trunk is opened. Raises `ModelError` when its parts do not fit."""
    import torch

    from streamwatch.inference.encoder_engine import EncoderEngine
    from streamwatch.inference.numeric import place
    from streamwatch.models.adapter import load_network
    from streamwatch.models.tokens import TokenReader

    if settings.threads:
        torch.set_num_threads(settings.threads)
    manifest = found.manifest
    network = load_network(found.base, found.folder, manifest)
    reader = TokenReader(found.base, manifest.max_tokens, manifest.tail_tokens, manifest.base.tokenizer_sha256)
    if reader.n_vocabulary > len(network.encoder.get_parameter("embeddings.word_embeddings.weight")):
        raise ModelError(f"{found.base}: the tokenizer has more words than the encoder: use the original files")
    return EncoderEngine(network, reader, manifest, place(settings.device), settings.batch_tokens)
