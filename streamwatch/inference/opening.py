"""Open the engine that the settings name; say what would be opened without running it.

    settings ─ model folder (named, shipped, or the registry's) ─ hashes ─ trunk and heads ─ engine ┐
             └ classifiers for single tasks (`streamwatch.inference.backends`) ─────────────────────┴ joined

Torch is imported only when a real model is opened: the null engine starts at once.
"""

from functools import cache
from pathlib import Path

import msgspec

from streamwatch.config import Settings
from streamwatch.errors import FatalError, ModelError
from streamwatch.inference.allocator import keep_freed_memory
from streamwatch.inference.backends.composite import TASKS, CompositeEngine, joined_name
from streamwatch.inference.backends.opening import (
    Chosen,
    chosen_classifiers,
    open_backend,
    scripts_of_sentiment,
    version_of,
)
from streamwatch.inference.cascade.opening import with_cascade
from streamwatch.inference.engine import Engine, NullEngine
from streamwatch.inference.threads import breathe
from streamwatch.models.base import locate_base
from streamwatch.models.manifest import Digest, Manifest, checked_adapter, file_sha256, read_manifest
from streamwatch.models.registry import promoted

SHIPPED = Path(__file__).parent.parent / "models" / "shipped"
"""The folder of the adapter that comes with the package."""


class ModelDescription(msgspec.Struct, frozen=True):
    """What the settings would open. `problem` is empty, or one line that says what to do.

    `adapter` and `base` are folders, empty where classifiers answer all tasks.
    """

    model: str
    adapter: str = ""
    base: str = ""
    problem: str = ""


class Located(msgspec.Struct, frozen=True):
    """A model of ours: its folder, manifest and encoder folder, all hashes checked, nothing loaded.

    `digest` remembers these hashes, so that whoever opens the model at once reads no file a second time for them.
    """

    folder: Path
    manifest: Manifest
    base: Path
    digest: Digest = file_sha256

    @property
    def name(self) -> str:
        """The version as far as the files make it; device and numbers are added when it runs."""
        return self.manifest.version


def open_engine(settings: Settings) -> Engine:
    """The engine of `settings.model`: `default`, `null`, or a folder with a manifest. Raises `FatalError`.

    Tasks that the settings give to other classifiers are answered by these.

    >>> from streamwatch.config import load
    >>> open_engine(load(model="null")).model
    'null'
    """
    if settings.model == "null":
        return NullEngine()
    chosen = chosen_classifiers(settings)
    found = None if set(chosen) >= set(TASKS) else locate(settings)
    if found and not chosen:
        return open_located(found, settings)
    return _open_composite(found, chosen, settings)


def describe_model(settings: Settings) -> ModelDescription:
    """What `open_engine` would use, its files found and their hashes checked; nothing is loaded.

    >>> from streamwatch.config import load
    >>> describe_model(load(model="null"))
    ModelDescription(model='null', adapter='', base='', problem='')
    """
    if settings.model == "null":
        return ModelDescription("null")
    try:
        chosen = chosen_classifiers(settings)
        found = None if set(chosen) >= set(TASKS) else locate(settings)
        names = {task: version_of(task, classifier) for task, classifier in chosen.items()}
    except FatalError as error:
        return ModelDescription(settings.model, problem=str(error))
    if found is None:
        return ModelDescription(joined_name(names))
    return ModelDescription(joined_name(names, found.name), str(found.folder), str(found.base))


def adapter_folder(settings: Settings, digest: Digest = file_sha256) -> Path:
    """The folder that the settings name: with `default` and a registry, that of the model promoted there."""
    if settings.model != "default":
        return Path(settings.model)
    return (promoted(Path(settings.registry), digest) if settings.registry else None) or SHIPPED


def locate(settings: Settings) -> Located:
    """The model of ours that the settings name. Raises `ModelError`."""
    digest = cache(file_sha256)
    return locate_in(adapter_folder(settings, digest), settings, digest)


def locate_in(folder: Path, settings: Settings, digest: Digest | None = None) -> Located:
    """The model of ours in `folder`; the settings say where a pinned encoder is looked for. Raises `ModelError`."""
    digest = digest or cache(file_sha256)
    manifest = read_manifest(folder)
    for task in TASKS:
        manifest.head(task)
    checked_adapter(folder, manifest, digest)
    downloads = settings.allow_downloads
    base = locate_base(folder, manifest.base, settings.base, allow_downloads=downloads, digest=digest)
    return Located(folder, manifest, base, digest)


def open_located(found: Located, settings: Settings) -> Engine:
    """The engine of a model of ours: here its trunk is opened. Raises `ModelError` when its parts do not fit."""
    import torch

    from streamwatch.inference.encoder_engine import EncoderEngine
    from streamwatch.inference.numeric import trunk_for
    from streamwatch.models.adapter import load_network, read_adapter
    from streamwatch.models.tokens import TokenReader

    keep_freed_memory()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    manifest = found.manifest
    breathe()
    weights = read_adapter(found.folder, manifest, found.digest)
    network = load_network(found.base, found.folder, manifest, weights)
    breathe()
    sha256 = manifest.base.tokenizer_sha256
    reader = TokenReader(found.base, manifest.max_tokens, manifest.tail_tokens, sha256, found.digest)
    if reader.n_vocabulary > len(network.encoder.get_parameter("embeddings.word_embeddings.weight")):
        raise ModelError(f"{found.base}: the tokenizer has more words than the encoder: use the original files")
    breathe()
    trunk = trunk_for(network, manifest, weights, settings)
    breathe()
    engine = EncoderEngine(network, trunk, reader, manifest, settings.batch_tokens)
    return with_cascade(engine, settings.cascade, found.folder, manifest)


def _open_composite(found: Located | None, chosen: dict[str, Chosen], settings: Settings) -> Engine:
    """A model of ours, where one is needed, joined with the classifiers."""
    from streamwatch.inference.numeric import place

    scripts = found.manifest.scripts if found and "sentiment" not in chosen else scripts_of_sentiment(settings)
    device = place(settings.device).device
    backends = {task: open_backend(task, classifier, device) for task, classifier in chosen.items()}
    return CompositeEngine(open_located(found, settings) if found else None, backends, scripts)
