"""The registry of models as the dashboard shows it and changes it, in the same way as the command line does."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from streamwatch.config import Settings, environment
from streamwatch.dashboard.live.channels import FollowedChannels
from streamwatch.dashboard.problems import Problem
from streamwatch.errors import ConfigError, FatalError, ModelError, RetryError
from streamwatch.gating.promoting import let_serve, serving
from streamwatch.inference.opening import SHIPPED
from streamwatch.models import registry as room
from streamwatch.models.gated import GATES, PAGE_FILE, RECORD_FILE, verdict
from streamwatch.models.lineage import parent
from streamwatch.models.manifest import Manifest, read_manifest
from streamwatch.models.pointer import Pointer, read_history
from streamwatch.models.registry import SHIPPED_NAME, Entry
from streamwatch.records import Promotion
from streamwatch.timeline import format_rfc3339, from_ms

OPEN_S = 120.0
"""How long a model may take to be opened and to read a text: it takes some ten seconds."""
MOST_CHANGES = 50
"""Of the history, the newest."""


class Who(NamedTuple):
    """Somebody who changes what serves, and why."""

    name: str
    reason: str


class Registry:
    """The folder that the settings name."""

    def __init__(self, settings: Settings, channels: FollowedChannels, clock: Callable[[], int]) -> None:
        self._settings, self._channels, self._clock = settings, channels, clock

    @property
    def folder(self) -> Path:
        """Where it is. Raises `Problem` (404) where the settings name none."""
        if not self._settings.registry:
            detail = "set STREAMWATCH_REGISTRY to a folder: until then the model that comes with the package serves"
            raise Problem(404, "no-registry", "There is no registry", detail)
        return Path(self._settings.registry)

    def told(self) -> dict[str, Any]:
        """All models, the shipped one first, and how the pointer moved."""
        folder = self.folder
        serves = serving(folder)
        shipped = Entry(SHIPPED_NAME, serves == SHIPPED_NAME, read_manifest(SHIPPED))
        history = [msgspec.to_builtins(one) for one in reversed(read_history(folder)[-MOST_CHANGES:])]
        items = [self._shown(folder, one, serves) for one in (shipped, *room.listing(folder))]
        return {"items": items, "next": None, "history": history}

    def gate(self, model: str) -> bytes:
        """The report of a model's gate, as JSON. Raises `Problem` (404)."""
        return self._of_gate(model, RECORD_FILE)

    def gate_page(self, model: str) -> bytes:
        """The same as a page of its own. Raises `Problem` (404)."""
        return self._of_gate(model, PAGE_FILE)

    def promote(self, model: str, who: Who, force: bool) -> Pointer:
        """Let a model serve. It is opened first, in a process of its own. Raises `Problem` (404, 409)."""
        folder = self.folder
        self._check_there(folder, model)
        try:
            self._check_allowed(folder, model, who.reason if force else "")
            self._open(model)
            return let_serve(
                folder, model, self._now(), lambda told: self._tell(told, who), force=who.reason if force else "",
                by=who.name, reason=who.reason,
            )  # fmt: skip
        except FatalError as error:
            raise Problem(409, "not-promoted", "The model is not promoted", str(error)) from error

    def roll_back(self, who: Who) -> Pointer:
        """Let the model serve that served before. Raises `Problem` (409)."""
        try:
            return room.roll_back(self.folder, self._now(), by=who.name, reason=who.reason)
        except (ConfigError, ModelError) as error:
            raise Problem(409, "not-rolled-back", "Nothing to roll back to", str(error)) from error

    # -- parts

    def _check_there(self, folder: Path, model: str) -> None:
        known = model == SHIPPED_NAME or (room.is_id(model) and (folder / "models" / model).is_dir())
        if not known:
            raise Problem(404, "no-model", "No such model", f"no model {model[:32]!r} in the registry")

    def _check_allowed(self, folder: Path, model: str, force: str) -> None:
        """Before the long part: what the gate refuses need not be opened."""
        room.may_be_promoted(folder, model, serving(folder), force)

    def _open(self, model: str) -> None:
        """Open the model as a worker would, elsewhere: it takes a gigabyte. Raises `ModelError`."""
        command = [sys.executable, "-m", "streamwatch", "models", "check", model, "--open", "--json"]
        try:
            done = subprocess.run(
                command, env=os.environ | environment(self._settings), capture_output=True, timeout=OPEN_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise ModelError(f"{model} was not open after {OPEN_S:g} s") from error
        if done.returncode:
            lines = done.stdout.decode(errors="replace").splitlines() or [""]
            raise ModelError(_problem(lines[0]) or f"{model} cannot be opened: streamwatch models check {model} --open")

    def _tell(self, told: Promotion, who: Who) -> None:
        """Tell the detectors, once for a version; where the broker does not answer, they allow for an unmeasured model."""
        if self._channels.decisions.versions.knows(told.version):
            return
        record = msgspec.structs.replace(
            told, made_by=who.name, made_at=from_ms(self._clock()), comment=told.comment or who.reason
        )
        try:
            self._channels.publish_soon("decisions", record)
        except (RetryError, ConfigError):
            return

    def _of_gate(self, model: str, name: str) -> bytes:
        folder = self.folder
        self._check_there(folder, model)
        try:
            return (folder / GATES / model / name).read_bytes()
        except OSError:
            detail = f"{model} was not gated: streamwatch models gate {model}"
            raise Problem(404, "no-gate", "No gate report", detail) from None

    def _shown(self, folder: Path, entry: Entry, serves: str) -> dict[str, Any]:
        manifest = entry.manifest
        known = _of_manifest(folder, manifest) if manifest else {"version": "", "parent": "", "metrics": {}}
        gate = verdict(folder, entry.model, serves) if entry.model not in (SHIPPED_NAME, serves) else None
        return {
            "model": entry.model,
            "serving": entry.model == serves,
            "problem": entry.problem,
            "gate": {
                "ran": (folder / GATES / entry.model / RECORD_FILE).is_file(),
                "passed": gate.gate == "passed" if gate else None,
                "why": gate.why if gate else "",
            },
            "made_at": _made_at(folder, entry.model),
            **known,
        }

    def _now(self) -> str:
        return format_rfc3339(self._clock())


def _of_manifest(folder: Path, manifest: Manifest) -> dict[str, Any]:
    return {
        "version": manifest.version,
        "parent": parent(folder, manifest, SHIPPED).model,
        "metrics": msgspec.to_builtins(manifest.metrics),
    }


def _made_at(folder: Path, model: str) -> str | None:
    """When it was added; the shipped one never was."""
    place = folder / "models" / model
    return format_rfc3339(int(place.stat().st_mtime) * 1000) if place.is_dir() else None


def _problem(line: str) -> str:
    try:
        return str(msgspec.json.decode(line).get("problem", ""))
    except (msgspec.DecodeError, AttributeError):
        return ""
