"""What a retraining is asked for, and the command line that asks for the same again."""

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from streamwatch.errors import ConfigError
from streamwatch.learning.plan import Plan
from streamwatch.models.manifest import Manifest, read_manifest
from streamwatch.retraining.doubtful import Doubt
from streamwatch.retraining.stream import ENOUGH

DEFAULT = Plan(
    method="lora",
    rank=16,
    epochs=2.0,
    learning_rate=3e-4,
    head_learning_rate=3e-4,
    smoothing=0.0,
    unclear_weight=0.0,
    distil_weight=0.1,
    evaluations=4.0,
)
"""Below the rates of a first training, since nothing starts from nothing; the labels of people are taken as they are."""


class Retraining(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a retraining depends on, but for what the channels hold.

    Args:
        incumbent: the folder of the model to go on from, and to be taught by.
        base: the folder of its encoder.
        labels: a JSONL file of answers in place of the channel `labels`.
        stream: a JSONL file of classified records in place of the channel `classified`.
        replay: the folder of the replay store; None: nothing is remembered.
        since: answers after this; None: those that the incumbent has not learned.
        past: documents that guard the past at least.
        doubtful: what becomes of labels that look like slips.
        ewc: λ of the springs; 0: none.
        private_epsilon, private_delta: the privacy of each document in the heads' training; 0: not private.
    """

    out: Path
    incumbent: Path
    base: Path
    plan: Plan = DEFAULT
    labels: Path | None = None
    stream: Path | None = None
    replay: Path | None = None
    since: datetime | None = None
    past: int = ENOUGH
    doubtful: Doubt = "list"
    ewc: float = 0.0
    private_epsilon: float = 0.0
    private_delta: float = 0.0

    @property
    def choices(self) -> dict[str, Any]:
        """What changes the model, but for files: a run that goes on must have made the same ones."""
        left = ("out", "incumbent", "base", "labels", "stream", "replay")
        said = {name: getattr(self, name) for name in self.__struct_fields__ if name not in left}
        return msgspec.to_builtins(said)  # type: ignore[no-any-return]


def check(request: Retraining, n_processes: int = 1) -> Manifest:
    """The incumbent's manifest. Raises `ConfigError` where a request makes no sense, `ModelError` on a bad incumbent."""
    manifest = read_manifest(request.incumbent)
    if request.private_epsilon and (request.ewc or n_processes > 1):
        raise ConfigError("--private-epsilon trains the heads alone, in one process: leave out --ewc and torchrun")
    if request.private_epsilon and any(head.norm for head in manifest.heads):
        raise ConfigError("--private-epsilon cannot train heads with a norm: it needs each document's own gradient")
    if request.plan.max_minutes and n_processes > 1:
        raise ConfigError("--max-minutes is for one process: several would end at different steps")
    return manifest


def command_line(request: Retraining) -> str:
    """The command that asks for `request`. Folders and files are written as DIR and FILE: where they lie is nobody's business.

    >>> command_line(Retraining(out=Path("a"), incumbent=Path("b"), base=Path("c"), ewc=100.0))
    'streamwatch retrain --out DIR --ewc 100'
    """
    parts = ["streamwatch retrain --out DIR"]
    parts += ["--labels FILE"] * bool(request.labels) + ["--stream FILE"] * bool(request.stream)
    parts += [f"--since {request.since.isoformat()}"] if request.since else []
    parts += [f"--past {request.past}"] * (request.past != ENOUGH)
    parts += [f"--doubtful {request.doubtful}"] * (request.doubtful != "list")
    parts += [f"--ewc {request.ewc:g}"] * bool(request.ewc)
    parts += [f"--private-epsilon {request.private_epsilon:g}"] * bool(request.private_epsilon)
    parts += [f"--private-delta {request.private_delta:g}"] * bool(request.private_delta)
    return " ".join([*parts, *plan_options(request.plan)])


PLAN_CHOICES = (
    "method", "rank", "epochs", "max_minutes", "batch_size", "learning_rate", "head_learning_rate", "regulariser", "smoothing",
    "dropout", "head_dropout", "patience", "evaluations", "distil_weight", "distil_temperature", "budget_bytes", "seed",
)  # fmt: skip
"""The settings of a plan that a retraining can choose; the others are the incumbent's."""


def plan_options(plan: Plan) -> list[str]:
    """The options that ask for `plan`."""
    return [
        f"--{name.replace('_', '-')} {getattr(plan, name)}"
        for name in PLAN_CHOICES
        if getattr(plan, name) != getattr(DEFAULT, name)
    ]


def plan_for(plan: Plan, incumbent: Manifest) -> Plan:
    """`plan` with what is the incumbent's: how long texts are cut."""
    return msgspec.structs.replace(plan, max_tokens=incumbent.max_tokens, tail_tokens=incumbent.tail_tokens)
