"""A folder of models, and the pointer to the one that serves.

    registry/
    ├── models/1f0c…/      a whole model: manifest, weights, a base of its own; named by what is in its files
    ├── gates/1f0c…/       what the gate said of it (`streamwatch.models.gated`)
    ├── current.json       the pointer: replaced in one step, so that a reader sees the old one or the new one
    └── history.jsonl      every pointer that there was, oldest first

A model is added once and never changed. `promote` moves the pointer to one that passed the gate against what serves;
past a gate that failed or is missing it wants a reason, which stays in the history. The shipped model needs none: it is what
everything falls back to. `roll_back` moves the pointer to what served before, as often as there is something before:
rolling back twice goes back two steps, never forward to the model that was bad.

Examples:
    >>> import tempfile
    >>> from streamwatch.inference.opening import SHIPPED
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     registry = Path(folder)
    ...     model = add(registry, SHIPPED)
    ...     _ = promote(registry, model, "2026-01-05T08:00:00Z", force="the first of ours")
    ...     before = read_pointer(registry).name == model
    ...     back = roll_back(registry, "2026-01-05T09:00:00Z")
    ...     before, back.model, read_pointer(registry)
    (True, 'shipped', None)
"""

import shutil
import tempfile
from functools import cache
from hashlib import sha256
from pathlib import Path

import msgspec

from streamwatch.errors import ConfigError, ModelError
from streamwatch.models.base import FILES, check_base
from streamwatch.models.gated import LET_THROUGH, Verdict, verdict
from streamwatch.models.manifest import Digest, Manifest, checked_adapter, file_sha256, inside, read_manifest
from streamwatch.models.pointer import Pointer, locked, read_current, replace, sync

SHIPPED_NAME = "shipped"
"""The model that comes with the package: what serves while nothing is promoted."""
ID_DIGITS = 16
"""64 bits of a SHA-256: two of a million models share their id with a probability of 3 in 10⁸."""
KEPT = (".json", ".jsonl", ".csv", ".md", ".txt", ".safetensors")
"""What files of a model are called. All else in its folder (logs, pickles) is left behind."""
OF_TRAINING = ("checkpoint.safetensors", "heard.safetensors", "search.json")
"""What a training or a search that was killed leaves beside them: to go on from, and no part of the model."""
MAX_STEPS_BACK = 100


class Entry(msgspec.Struct, frozen=True):
    """A model of the registry. `problem` is empty, or what is wrong with its manifest."""

    model: str
    current: bool
    manifest: Manifest | None = None
    problem: str = ""


def add(registry: Path, folder: Path) -> str:
    """Copy the model in `folder` into the registry, its hashes checked first; gives its id.

    A model that is there already is left as it is. Raises `ModelError`, and `ConfigError` when nothing can be written.
    """
    _check(folder, read_manifest(folder))
    name = model_id(folder)
    target = registry / "models" / name
    try:
        if not target.is_dir():
            _copy_whole(folder, target)
    except OSError as error:
        raise ConfigError(f"{target}: cannot be written ({error.strerror})") from error
    return name


def promote(registry: Path, model: str, now: str, *, force: str = "", by: str = "", reason: str = "") -> Pointer:
    """Let `model` serve from now on, its files checked first. Gives the new pointer.

    `now` is written as it is given. A model that serves already is left in its place.

    Args:
        force: the reason to promote it past a gate that failed or is missing; needless for the shipped model.
        by: who does it, and `reason` why, for the history.

    Raises:
        ModelError: its files are not what they were, or the gate did not let it through.
    """
    if model != SHIPPED_NAME:
        checked(registry, model)
    with locked(registry):
        old = read_current(registry)
        serving = old.model if old else SHIPPED_NAME
        if serving == model:
            return old or Pointer(model, now)
        if not _is_there(registry, model):  # taken out by `gc` while its files were read
            raise ModelError(f"{registry} has no model {model} any more: add it again")
        said = verdict(registry, model, serving) if model != SHIPPED_NAME else LET_THROUGH
        if said.gate in ("failed", "missing") and not force.strip():
            raise ModelError(f'{model} is not promoted: {said.why}; --force "REASON" promotes it all the same')
        before = (*(old.previous if old else ()), serving)[-MAX_STEPS_BACK:]
        new = Pointer(model, now, "promote", before, said.gate, force.strip() if said.why else "", by, reason)
        replace(registry, new)
        return new


def may_be_promoted(registry: Path, model: str, serving: str, force: str = "") -> Verdict:
    """What the gate said of `model` against the one that serves. Raises `ModelError` where it refuses and nothing forces it."""
    said = verdict(registry, model, serving) if model not in (SHIPPED_NAME, serving) else LET_THROUGH
    if said.why and not force.strip():
        raise ModelError(f'{model} is not promoted: {said.why}; --force "REASON" promotes it all the same')
    return said


def roll_back(registry: Path, now: str, *, by: str = "", reason: str = "") -> Pointer:
    """Let the model serve again that served before; one that was removed since is passed over.

    `by` and `reason` go into the history.

    Raises `ConfigError` when there is none, `ModelError` when it is bad.
    """
    with locked(registry):
        old = read_current(registry)
        left = [name for name in (old.previous if old else ()) if _is_there(registry, name)]
        if not left:
            raise ConfigError(f"{registry}: nothing served before this model, so there is nothing to roll back to")
        *before, model = left
        if model != SHIPPED_NAME:
            checked(registry, model)
        new = Pointer(model, now, "roll_back", tuple(before), by=by, reason=reason)
        replace(registry, new)
        return new


def read_pointer(registry: Path) -> Path | None:
    """The folder of the model that serves, or None where that is the shipped one. One small file is read: poll it.

    Raises `ModelError` when the pointer cannot be read.
    """
    pointer = read_current(registry)
    return None if pointer is None or pointer.model == SHIPPED_NAME else _folder(registry, pointer.model)


def promoted(registry: Path, digest: Digest = file_sha256) -> Path | None:
    """As `read_pointer`, the model's files checked against its id: for whoever opens it. Raises `ModelError`."""
    folder = read_pointer(registry)
    return None if folder is None else checked(registry, folder.name, digest)


def listing(registry: Path) -> list[Entry]:
    """All models of the registry by id, with what their manifests say. Nothing is hashed."""
    serving = read_pointer(registry)
    folders = sorted(path for path in (registry / "models").glob("*") if is_id(path.name))
    return [_entry(folder, folder == serving) for folder in folders]


def checked(registry: Path, model: str, digest: Digest = file_sha256) -> Path:
    """The folder of `model` once its files are what its id says and what its manifest says. Raises `ModelError`."""
    folder = _folder(registry, model)
    if not folder.is_dir():
        raise ModelError(f"{registry} has no model {model}: `streamwatch models list` names them")
    digest = cache(digest)
    _check(folder, read_manifest(folder), digest)
    if model_id(folder, digest) != model:
        raise ModelError(f"{folder} was changed after it was added: add the model again from its own folder")
    return folder


def model_id(folder: Path, digest: Digest = file_sha256) -> str:
    """The first digits of a hash over the names and contents of a model's files. Raises `ModelError` on a link outside."""
    lines = [f"{name} {digest(path)}\n" for name, path in sorted(model_files(folder).items())]
    return sha256("".join(lines).encode()).hexdigest()[:ID_DIGITS]


def _check(folder: Path, manifest: Manifest, digest: Digest = file_sha256) -> None:
    """The hashes that the manifest names: of the adapter, and of a base of its own."""
    checked_adapter(folder, manifest, digest)
    if manifest.base.folder:
        check_base(inside(folder, manifest.base.folder), manifest.base, digest)


def model_files(folder: Path) -> dict[str, Path]:
    """The model's files by their names in its folder: those beside the manifest, and its own base's."""
    own = read_manifest(folder).base.folder
    names = [path.name for path in folder.iterdir() if path.suffix in KEPT and not path.name.startswith(".")]
    found = {name: inside(folder, name) for name in names if name not in OF_TRAINING}
    if own:
        found |= {f"{own}/{name}": inside(inside(folder, own), name) for name in FILES}
    return {name: path for name, path in found.items() if path.is_file()}


def _copy_whole(source: Path, target: Path) -> None:
    """Copy beside the place and rename: the registry never holds half a model."""
    target.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        _copy(source, new)
        if model_id(new) != target.name:
            raise ModelError(f"{source} changed while it was copied: add it again when its training has ended")
        _rename(new, target)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    for name, path in model_files(source).items():
        copy = target / name
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, copy)
        sync(copy)
    target.chmod(0o755)  # mkdtemp makes a folder that only its owner can enter; a worker may be another user


def _rename(new: Path, target: Path) -> None:
    """Put a whole folder in its place; somebody else's that came first is the same model."""
    try:
        new.rename(target)
    except OSError:
        if not target.is_dir():
            raise
    sync(target.parent)


def _is_there(registry: Path, model: str) -> bool:
    return model == SHIPPED_NAME or (registry / "models" / model).is_dir()


def _folder(registry: Path, model: str) -> Path:
    if not is_id(model):
        raise ModelError(f"{model!r} is no model's id: `streamwatch models list` names them")
    return registry / "models" / model


def is_id(name: str) -> bool:
    """Whether a name is that of a model of a registry."""
    return len(name) == ID_DIGITS and set(name) <= set("0123456789abcdef")


def _entry(folder: Path, current: bool) -> Entry:
    try:
        return Entry(folder.name, current, read_manifest(folder))
    except ModelError as error:
        return Entry(folder.name, current, problem=str(error))
