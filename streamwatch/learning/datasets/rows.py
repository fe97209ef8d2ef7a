"""From a data set's file to examples: cleaned as the worker cleans, each text once, contradictions left out."""

import csv
import gzip
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from streamwatch.errors import ConfigError
from streamwatch.learning.datasets.entry import DataSet
from streamwatch.text.clean import model_text, stored_text

NO_LABEL = -1


class Example(msgspec.Struct, frozen=True):
    """A text of a data set with its label, as the index in the task's labels; `NO_LABEL` where it has none.

    `weight` is its part in the loss.
    """

    text: str
    source: str
    task: str
    label: int
    weight: float = 1.0


def read_examples(folder: Path, entry: DataSet) -> list[Example]:
    """The examples of one file, each text once, texts with contradictory labels left out. Raises `ConfigError`."""
    path = folder / entry.file
    if not path.is_file():
        raise ConfigError(f"{path} is missing: the data set {entry.name} needs it in the folder of --data")
    labels: dict[str, int] = {}
    contradictory: set[str] = set()
    for text, label in _labelled_texts(path, entry):
        if labels.setdefault(text, label) != label:
            contradictory.add(text)
    kept = {text: label for text, label in labels.items() if text not in contradictory}
    weights = class_weights(kept.values(), entry.balance)
    return [Example(text, entry.name, entry.task, k, entry.weight * weights[k]) for text, k in kept.items()]


def _labelled_texts(path: Path, entry: DataSet) -> Iterator[tuple[str, int]]:
    index = {given: entry.task_labels.index(label) for given, label in entry.label_map().items()}
    for number, row in enumerate(_rows(path, entry), start=2):
        text = model_text(stored_text(row[entry.columns.text] or ""))
        label = index.get(row[entry.columns.label] or "") if entry.task else NO_LABEL
        if label is None:
            given = row[entry.columns.label]
            raise ConfigError(f"{path}, row {number}: label {given!r} is not one of {', '.join(index)}")
        if text:
            yield text, label


def _rows(path: Path, entry: DataSet) -> Iterator[dict[str, str]]:
    """The rows of the file as they are. Raises `ConfigError` with file and row on one that cannot be read."""
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    unpack = gzip.open if path.suffix == ".gz" else open
    number = 1
    try:
        with unpack(path, "rt", encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            _check_columns(path, entry, reader.fieldnames or [])
            for number, row in enumerate(reader, start=2):  # noqa: B007  the number is for the error
                yield row
    except (UnicodeDecodeError, csv.Error, gzip.BadGzipFile, EOFError) as error:
        raise ConfigError(f"{path}, after row {number}: {error}") from error


def _check_columns(path: Path, entry: DataSet, found: Iterable[str]) -> None:
    wanted = [entry.columns.text, *([entry.columns.label] if entry.task else [])]
    missing = [name for name in wanted if name not in found]
    if missing:
        raise ConfigError(f"{path}, row 1: no column {missing[0]!r} among {', '.join(found)}: name it in `columns`")


def class_weights(labels: Iterable[int], balance: float) -> dict[int, float]:
    """A weight for each label, ∝ count^−balance, with mean 1 over the examples.

    >>> class_weights([0, 0, 0, 1], balance=1.0)
    {0: 0.6666666666666666, 1: 2.0}
    >>> class_weights([0, 0, 0, 1], balance=0.0)
    {0: 1.0, 1: 1.0}
    """
    counts = Counter(labels)
    raw = {label: n**-balance for label, n in counts.items()}
    mean = sum(counts[label] * w for label, w in raw.items()) / max(counts.total(), 1)
    return {label: w / mean for label, w in raw.items()}
