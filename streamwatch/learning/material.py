"""What a run learns from and is measured on: examples read, tokenised and divided, and the heads that they ask for."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from streamwatch.errors import ConfigError
from streamwatch.inference.engine import UNCLEAR
from streamwatch.learning.datasets.entry import DOMAINS, TASK_LABELS, DataSet
from streamwatch.learning.datasets.rows import Example, read_examples
from streamwatch.learning.plan import Plan
from streamwatch.learning.split import Side, sides
from streamwatch.models.manifest import DataFile, HeadEntry, file_sha256
from streamwatch.models.tokens import TokenReader
from streamwatch.text.clean import text_hash


class Watcher(Protocol):
    """Hears how the job goes: a stage's name, what is done, of how much, and a remark (the loss)."""

    def __call__(self, stage: str, done: int, total: int, remark: str = "") -> None:
        """Called often; must be quick."""
        ...


class TokenisedExample(msgspec.Struct, frozen=True):
    """An example with the token ids of its text."""

    example: Example
    ids: list[int]


class Material(msgspec.Struct, frozen=True):
    """The three sides of the data, what their sets mean, and the heads. `train` shows a set as often as it says.

    `probe` are the rows that the model's file keeps with their logits; where there are none, held-out ones are taken.
    """

    heads: tuple[HeadEntry, ...]
    entries: dict[str, DataSet]
    train: list[TokenisedExample]
    dev: list[TokenisedExample]
    report: list[TokenisedExample]
    files: tuple[DataFile, ...]
    probe: Sequence[list[int]] = ()

    @property
    def probed(self) -> list[list[int]]:
        """The rows to keep with the model."""
        return list(self.probe) or [row.ids for row in (*self.dev, *self.report)]


def read_material(
    folder: Path, entries: Sequence[DataSet], reader: TokenReader, plan: Plan, watch: Watcher
) -> Material:
    """The examples of `entries` out of `folder`. Raises `ConfigError` on bad data, with file and row."""
    heads = head_entries(entries, plan.norm)
    examples: list[Example] = []
    for number, entry in enumerate(entries, start=1):
        read = read_examples(folder, entry)
        examples += read if entry.task else some_unknown(read, examples, plan.unlabelled_texts)
        watch("read", number, len(entries), entry.name)
    divided = _divided(examples, reader, plan.dev_share)
    named = {entry.name: entry for entry in entries}
    if not divided["train"]:
        raise ConfigError(f"{folder} has nothing to learn from: the data sets are empty, or too small to be divided")
    return Material(
        heads=heads,
        entries=named,
        train=[row for row in divided["train"] for _ in range(named[row.example.source].repeat)],
        dev=[row for row in divided["dev"] if row.example.task],
        report=[row for row in divided["report"] if row.example.task],
        files=tuple(_data_file(folder, entry, divided) for entry in entries),
    )


def some_unknown(read: Sequence[Example], known: Sequence[Example], n: int) -> list[Example]:
    """`n` of the examples whose texts are not among `known`, the same ones every time; all of them where `n` is 0."""
    texts = {example.text for example in known}
    left = sorted((e for e in read if e.text not in texts), key=lambda example: text_hash(example.text))
    return left[:n] if n else left


def _divided(examples: Sequence[Example], reader: TokenReader, dev_share: float) -> dict[Side, list[TokenisedExample]]:
    texts = [example.text for example in examples]
    divided: dict[Side, list[TokenisedExample]] = {"train": [], "dev": [], "report": [], "left out": []}
    for example, ids, side in zip(examples, reader.read(texts), sides(texts, dev_share), strict=True):
        divided[side].append(TokenisedExample(example, ids))
    return divided


def _data_file(folder: Path, entry: DataSet, divided: dict[Side, list[TokenisedExample]]) -> DataFile:
    def count(*its: Side) -> int:
        return sum(row.example.source == entry.name for side in its for row in divided[side])

    n_report = count("report") if entry.task else 0
    return DataFile(entry.name, entry.file, file_sha256(folder / entry.file), count("train", "dev"), n_report)


def head_entries(entries: Iterable[DataSet], norm: str = "") -> tuple[HeadEntry, ...]:
    """A head for each task of the data sets: those that the worker knows first, then the user's.

    The sentiment head has two readings where a data set says whose reading it gives.
    """
    labels: dict[str, list[str]] = {}
    gated = False
    for entry in entries:
        if entry.task:
            known = labels.setdefault(entry.task, [])
            known += [label for label in entry.task_labels if label not in known]
            gated = gated or (entry.task == "sentiment" and entry.domain != "")
    order = [*(task for task in TASK_LABELS if task in labels), *(task for task in labels if task not in TASK_LABELS)]
    return tuple(_head(task, tuple(labels[task]), gated, norm) for task in order)


def _head(task: str, labels: tuple[str, ...], gated: bool, norm: str) -> HeadEntry:
    domains = DOMAINS if gated and task == "sentiment" else ()
    return HeadEntry(task, labels, domains, norm, outside=UNCLEAR if task == "topic" else "")


def label_indices(entry: DataSet, head: HeadEntry) -> list[int]:
    """Where the labels of a data set stand in its head: two sets of a user's task may know different ones."""
    return [head.labels.index(label) for label in entry.task_labels]
