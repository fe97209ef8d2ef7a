"""What the gate said of the models of a registry: kept beside them, read before one is promoted.

    gates/1f0c…/gate.json     every check, in numbers and words (`streamwatch.gating.report`)
    gates/1f0c…/gate.html     the same for people
    gates/1f0c…/looks.json    which fresh answers it was judged by; stays when the model goes

It counts for the incumbent that it was measured against, and for no other: when another model serves by now, the
candidate is gated again. Whether it passed is found from the checks each time; what a file says of itself is not believed.

Examples:
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     said = {"incumbent": "shipped", "candidate": "1f0c", "checks": [{"title": "Gain", "status": "passed", "says": ""}]}
    ...     _ = keep(Path(folder), "1f0c", msgspec.json.encode(said), "<!doctype html>")
    ...     verdict(Path(folder), "1f0c", "shipped").gate, verdict(Path(folder), "1f0c", "77aa").gate
    ('passed', 'missing')
"""

from pathlib import Path
from typing import NamedTuple

import msgspec

from streamwatch.errors import ConfigError
from streamwatch.models.pointer import Gate, write_whole

GATES = "gates"
RECORD_FILE = "gate.json"
PAGE_FILE = "gate.html"
LOOKS_FILE = "looks.json"
"""Which fresh answers the gate has asked for this candidate (`streamwatch.gating.looks`)."""
REFUSES = ("failed", "short")
"""States of a check past which nothing is promoted."""


class Verdict(NamedTuple):
    """What the gate said, and why a model is not let through; empty where it is."""

    gate: Gate
    why: str


LET_THROUGH = Verdict("", "")
"""Of the shipped model: it was measured where it was made."""


class _Check(msgspec.Struct, frozen=True):
    title: str
    status: str
    says: str = ""


class Record(msgspec.Struct, frozen=True):
    """As much of a gate's report as promoting needs."""

    incumbent: str
    candidate: str
    checks: tuple[_Check, ...]

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why the candidate is refused."""
        return tuple(f"{check.title}: {check.says}" for check in self.checks if check.status in REFUSES)


def verdict(registry: Path, model: str, serving: str) -> Verdict:
    """What the gate said of `model` against the model `serving` now."""
    record = read_record(registry, model)
    gate_it = f"`streamwatch models gate {model}` measures it"
    if record is None or record.candidate != model or not record.checks:
        return Verdict("missing", f"it was not gated ({gate_it})")
    if record.incumbent != serving:
        return Verdict("missing", f"its gate was against {record.incumbent}, and {serving} serves by now ({gate_it})")
    if record.refusals:
        return Verdict("failed", f"the gate refuses it: {'; '.join(record.refusals)}")
    return Verdict("passed", "")


def read_record(registry: Path, model: str) -> Record | None:
    """The gate's record of a model, None where there is none that can be read: then it is gated again."""
    try:
        return msgspec.json.decode((registry / GATES / model / RECORD_FILE).read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def keep(registry: Path, model: str, record: bytes, page: str) -> Path:
    """Keep a report and its page; gives their folder. The record is replaced last, in one step. Raises `ConfigError`."""
    folder = registry / GATES / model
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / PAGE_FILE, page.encode("utf-8", "replace"))
        write_whole(folder / RECORD_FILE, record)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written ({error.strerror}): make room, and gate again") from error
    return folder
