"""One data set as its YAML file describes it.

Examples:
    >>> desk = read_entry(b"{name: desk, file: desk.csv, task: urgency, labels: {0: low, 1: high}}", "desk.yml")
    >>> desk.label_map(), desk.task_labels
    ({'0': 'low', '1': 'high'}, ('low', 'high'))
"""

import re
from collections.abc import Iterable
from typing import Literal

import msgspec

from streamwatch.errors import ConfigError
from streamwatch.inference.engine import TOPICS, UNCLEAR
from streamwatch.records import SENTIMENTS

Domain = Literal["", "market", "customer"]
DOMAINS: tuple[str, str] = ("market", "customer")
"""The two readings of a sentiment: what it means for the price, and what its writer feels."""

TASK_LABELS = {"sentiment": SENTIMENTS, "topic": (*TOPICS, UNCLEAR)}
"""The tasks that the worker knows. Any other name is a task of the user's, and its labels are those of its files."""

SCRIPTS = {"en": "Latin", "zh": "Han"}
"""What the languages of the data sets are written in; a model does not read what it never saw."""

_NAME = re.compile(r"[a-z0-9_]+")


class Columns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The columns that are read. `label` is not asked for where there is no task."""

    text: str = "text"
    label: str = "label"


class DataSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A CSV file (may be gzipped), relative to the data folder, and what its labels mean.

    Args:
        task: the head that learns from it; empty for texts without labels, of which only a teacher speaks.
        domain: whose reading a sentiment is.
        labels: from the file's label to the task's; empty where they are the same.
        lacks: labels that the file's writers could not give. That a text has another one says nothing about these, so
            they are left out of the loss (texts that have one of them all the same keep it).
        permissive: whether its licence lets a model that ships learn from it.
        never_train: it is measured on only.
        sha256: of the file that was looked at; `--release` takes no other.
        balance: how far rare labels are weighted up: 0 not at all, 1 until every label weighs the same.
        repeat: how often an epoch shows it.
        weight: of each of its texts in the loss.
    """

    name: str
    file: str
    task: str
    domain: Domain = ""
    language: Literal["en", "zh"] = "en"
    licence: str = ""
    permissive: bool = False
    never_train: bool = False
    sha256: str = ""
    labels: dict[str | int, str] = {}
    lacks: tuple[str, ...] = ()
    columns: Columns = Columns()
    balance: float = 0.0
    repeat: int = 1
    weight: float = 1.0

    @property
    def task_labels(self) -> tuple[str, ...]:
        """The labels of the task as far as this file knows them, in the order of the head."""
        return TASK_LABELS.get(self.task) or tuple(dict.fromkeys(self.labels.values()))

    def label_map(self) -> dict[str, str]:
        """From the file's labels to the task's."""
        return {str(key): value for key, value in self.labels.items()} or {name: name for name in self.task_labels}


def read_entry(content: bytes, place: str) -> DataSet:
    """The data set that a YAML file describes. Raises `ConfigError`, which names `place`."""
    try:
        entry = msgspec.yaml.decode(content, type=DataSet)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{place}: {error}") from error
    fault = _fault(entry)
    if fault:
        raise ConfigError(f"{place}: {fault}")
    return entry


def _fault(entry: DataSet) -> str:
    """What is wrong with it; empty when nothing is."""
    if not _NAME.fullmatch(entry.name) or (entry.task and not _NAME.fullmatch(entry.task)):
        return "name and task are lower-case letters, digits and underscores"
    if entry.task and len(entry.task_labels) < 2:
        return f"task {entry.task} is new: `labels` must name its labels, two or more"
    unknown = [label for label in (*entry.labels.values(), *entry.lacks) if label not in entry.task_labels]
    if unknown:
        return f"{unknown[0]!r} is no label of {entry.task}: {', '.join(entry.task_labels)}"
    if entry.repeat < 1 or entry.weight <= 0 or not 0 <= entry.balance <= 1:
        return "repeat is at least 1, weight above 0, balance between 0 and 1"
    return ""


def scripts(entries: Iterable[DataSet]) -> tuple[str, ...]:
    """The scripts of Unicode that the data sets are written in.

    >>> scripts([DataSet(name="a", file="a", task="topic")])
    ('Latin',)
    """
    return tuple(sorted({SCRIPTS[entry.language] for entry in entries}))
