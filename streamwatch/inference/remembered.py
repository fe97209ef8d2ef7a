"""The precision that the probe chose, kept over restarts: other numbers near a tie are another label.

One small file in the cache folder, keyed by everything that the choice depends on. A file that is damaged, or of another
version, is ignored with a warning; a folder that cannot be written costs a probe at each start, and nothing else.

Examples:
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     remember(Path(folder), "a model", "int8")
    ...     recall(Path(folder), "a model"), recall(Path(folder), "another")
    ('int8', None)
"""

import logging
import os
import platform
from hashlib import sha256
from pathlib import Path

import msgspec

from streamwatch.inference.trunks.opening import PrecisionName

FOLDER = "streamwatch"
log = logging.getLogger(__name__)


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was chosen for what."""

    key: str
    precision: PrecisionName


def cache_folder(named: str) -> Path:
    """The folder of the setting, or the user's cache folder as the XDG rules have it."""
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / FOLDER


def key_of(model: str) -> str:
    """Model, processor and torch: what a choice depends on."""
    import torch

    return " | ".join((model, _processor(), f"torch {torch.__version__}"))


def recall(folder: Path, key: str) -> PrecisionName | None:
    """The choice for `key`, where there is one that can be read."""
    path = _path(folder, key)
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Choice)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        log.warning("%s cannot be read (%s): the precision is chosen again", path, error)
        return None
    if found.key != key:
        log.warning("%s is about something else: the precision is chosen again", path)
        return None
    return found.precision


def remember(folder: Path, key: str, precision: PrecisionName) -> None:
    """Keep a choice, replaced in one step."""
    path = _path(folder, key)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        new.write_bytes(msgspec.json.encode(Choice(key, precision)) + b"\n")
        new.replace(path)
    except OSError as error:
        log.info("%s cannot be written (%s): the precision is chosen at each start", path, error)


def _path(folder: Path, key: str) -> Path:
    return folder / f"precision-{sha256(key.encode()).hexdigest()[:16]}.json"


def _processor() -> str:
    """Name and abilities of the CPU: a container may move to another machine with the same cache."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    told = {line.split(":")[0].strip(): line for line in lines if ":" in line}
    text = told.get("model name", "") + told.get("flags", told.get("Features", ""))
    return f"{platform.machine()} {sha256(text.encode()).hexdigest()[:16]}"
