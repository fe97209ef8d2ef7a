"""What a training run is asked for, and the command line that asks for the same again."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from streamwatch.errors import ConfigError
from streamwatch.learning.datasets import catalogue
from streamwatch.learning.datasets.entry import DataSet
from streamwatch.learning.plan import Plan, options
from streamwatch.learning.teachers import Teacher

CHOICES = ("repeat", "balance")
"""What a command may say otherwise of a data set than its YAML file: how much it counts, never what it means."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a run depends on.

    `entries` may hold sets without a task: their texts are learned from teachers alone. `base` is the folder of the pinned
    encoder, or of the one named `foreign`: a teacher's. `release`: the model is to ship, so only permissive sets whose files
    are the known ones will do.
    """

    data: Path
    out: Path
    base: Path
    entries: Sequence[DataSet]
    plan: Plan = Plan()
    start: Path | None = None
    teachers: Sequence[Teacher] = ()
    release: bool = False
    foreign: str = ""


def check(request: Request) -> None:
    """Raises `ConfigError` where a request makes no sense or is not allowed."""
    catalogue.check_trainable(request.entries, release=request.release)
    twice = {e.name for e in request.entries if sum(other.name == e.name for other in request.entries) > 1}
    if twice:
        raise ConfigError(f"two data sets are called {min(twice)}: give them different names")
    if not any(entry.task for entry in request.entries):
        raise ConfigError("no data set has labels: name one with --dataset")
    if request.foreign and request.release:
        raise ConfigError("--encoder is for teachers: what ships stands on the pinned encoder")
    silent = [entry.name for entry in request.entries if not entry.task]
    if silent and not request.teachers:
        raise ConfigError(f"{silent[0]} has no labels, and nobody speaks of it: name a --teacher")


def with_choices(entries: Sequence[DataSet], field: str, choices: dict[str, float]) -> list[DataSet]:
    """`entries` with `field` (of `CHOICES`) as `choices` say by name. Raises `ConfigError` on a name that is not there."""
    unknown = choices.keys() - {entry.name for entry in entries}
    if unknown:
        raise ConfigError(f"--{field} {min(unknown)}: no such data set in this run")
    kind = int if field == "repeat" else float
    return [msgspec.structs.replace(e, **{field: kind(choices[e.name])}) if e.name in choices else e for e in entries]


def command_line(request: Request) -> str:
    """The command that asks for `request`. Folders are written as DIR: where they lie is nobody's business."""
    parts = ["streamwatch train --data DIR --out DIR"]
    parts += [f"--encoder {request.foreign}"] * bool(request.foreign)
    parts += ["--release"] * request.release + ["--start DIR"] * (request.start is not None)
    parts += [f"--teacher {teacher.domain}{'=' * bool(teacher.domain)}DIR" for teacher in request.teachers]
    return " ".join([*parts, *_dataset_options(request.entries), options(request.plan)]).strip()


def _dataset_options(entries: Sequence[DataSet]) -> list[str]:
    known = {name: catalogue.find(name) for name in catalogue.names()}
    labelled = [entry.name for entry in entries if entry.task]
    made: list[str] = []
    if labelled != [entry.name for entry in catalogue.permissive()]:
        made += [f"--dataset {name if name in known else name + '.yml'}" for name in labelled]
    made += [f"--unlabelled {entry.name}" for entry in entries if not entry.task]
    for field in CHOICES:
        made += [
            f"--{field} {e.name}={getattr(e, field):g}"
            for e in entries
            if e.name in known and getattr(e, field) != getattr(known[e.name], field)
        ]
    return made
