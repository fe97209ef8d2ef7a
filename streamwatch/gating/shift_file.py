"""What the gate measured of a promotion's shift, kept beside its report until the candidate is promoted."""

from pathlib import Path

import msgspec

from streamwatch.codec import decode, encode
from streamwatch.errors import ConfigError, RejectError
from streamwatch.models.pointer import write_whole
from streamwatch.records import Promotion

SHIFT_FILE = "shift.json"
"""What the gate measured, as the record that is published when the candidate is promoted. It is evidence about a model and no
part of it, so it lies beside its gate report and never in its folder: there it would change the model's id."""


def write_shift(folder: Path, told: Promotion | None) -> Path:
    """Keep what the gate measured until the candidate is promoted; None takes away what an earlier gate measured.

    Raises `ConfigError` where it cannot be written.
    """
    path = folder / SHIFT_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if told is None:
            path.unlink(missing_ok=True)
        else:
            write_whole(path, msgspec.json.format(encode(told), indent=2) + b"\n")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}): make room, and gate again") from error
    return path


def read_shift(folder: Path) -> Promotion | None:
    """What the gate measured; None where there is no such file. Raises `ConfigError` for one that cannot be read."""
    path = folder / SHIFT_FILE
    if not path.exists():
        return None
    try:
        return decode(path.read_bytes(), Promotion)
    except (RejectError, OSError) as error:
        raise ConfigError(f"{path} cannot be read ({error}): run the gate again") from error
