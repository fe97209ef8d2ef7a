"""Where a classifier's files are: a folder, or a model of the Hugging Face hub at a revision.

A hub model without a revision is refused: what its owner uploads tomorrow would change labels without a word. It is looked for
in the hub's cache on this machine, and fetched only where downloads are allowed.

Examples:
    >>> HubModel.parse("ProsusAI/finbert@4556d13015211d73dccd3fdd39d39232506f3e43").revision[:8]
    '4556d130'
    >>> HubModel.parse("ProsusAI/finbert") is None
    True
"""

import os
import re
import sys
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, Self

from streamwatch.errors import ModelError
from streamwatch.models.base import CONFIG_FILE, missing
from streamwatch.models.manifest import file_sha256

WEIGHTS = "model.safetensors"
SHARDS = "model-*.safetensors"
"""Large models come in several files."""
TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
"""Without any of these transformers makes a tokenizer that knows no words, and says nothing."""
FETCHED = ["*.json", "*.txt", "*.model", "*.safetensors"]
"""Of a hub model: weights that cannot run code, config, vocabulary; no pickle, no Python."""
HUB_NAME = re.compile(r"([\w.-]+/[\w.-]+)@([\w./-]+)")


class HubModel(NamedTuple):
    """A model of the hub at a revision: a commit, a tag or a branch; only a commit never moves."""

    name: str
    revision: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The model that `text` names, None when it does not name one with a revision."""
        match = HUB_NAME.fullmatch(text)
        return cls(*match.groups()) if match else None


class Source(NamedTuple):
    """A classifier's folder, and what it is called on records."""

    name: str
    folder: Path


def find_classifier(text: str, setting: str, *, allow_downloads: bool = False) -> Source:
    """The classifier that `text`, the value of `setting`, names. Raises `ModelError` in well under a second.

    Its files are there and none of its weights is a pickle; nothing is loaded.
    """
    _switch_hub(online=allow_downloads)
    if Path(text).is_dir():
        return Source(Path(text).resolve().name, _checked(Path(text)))
    hub = HubModel.parse(text)
    if hub is None:
        raise ModelError(f"{setting}={text}: no such folder; a model of the hub is named org/name@revision")
    return Source(hub.name, _checked(_cached(hub, setting, allow_downloads)))


def fingerprint(folder: Path, said: tuple[str, ...]) -> str:
    """The first 8 digits of a hash over the classifier's files and of what its labels are read as."""
    files = sorted(path for path in folder.iterdir() if any(path.match(pattern) for pattern in FETCHED))
    lines = [f"{path.name} {file_sha256(path)}\n" for path in files if path.is_file()]
    return sha256("".join([*lines, *(f"{label}\n" for label in said)]).encode()).hexdigest()[:8]


def _checked(folder: Path) -> Path:
    if not (folder / CONFIG_FILE).is_file():
        raise missing(folder, CONFIG_FILE)
    if not (folder / WEIGHTS).is_file() and not any(folder.glob(SHARDS)):
        raise missing(folder, WEIGHTS)
    if not any(path for pattern in TOKENIZERS for path in folder.glob(pattern)):
        raise missing(folder, TOKENIZERS[0])
    return folder


def _cached(hub: HubModel, setting: str, allow_downloads: bool) -> Path:
    """The folder of a hub model in the cache; fetched there first where that is allowed."""
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(
                hub.name, revision=hub.revision, allow_patterns=FETCHED, local_files_only=not allow_downloads
            )
        )
    except Exception as error:  # the hub's client raises many kinds: network, HTTP, cache, names
        way_out = (
            "check name, revision and network"
            if allow_downloads
            else ("name a folder, or set STREAMWATCH_ALLOW_DOWNLOADS=true")
        )
        raise ModelError(
            f"{setting}: {hub.name} at {hub.revision} is not on this machine ({type(error).__name__}): {way_out}"
        ) from error


def _switch_hub(*, online: bool) -> None:
    """Tell the hub's client, which reads the environment once, whether it may use the network."""
    os.environ["HF_HUB_OFFLINE"] = "0" if online else "1"
    constants = sys.modules.get("huggingface_hub.constants")
    if constants is not None:
        vars(constants)["HF_HUB_OFFLINE"] = not online
