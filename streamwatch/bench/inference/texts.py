"""What is classified: a real stream in the order of time, and labelled texts that nothing was trained on.

Texts are cleaned beforehand, as a worker has them when they reach the model. A label is compared by its name.

Examples:
    >>> of_stream([("2", "2015-06-02", "b"), ("1", "2015-06-01", "a"), ("2", "2015-06-02", "b")], "2015-06-01", 5)
    ['a', 'b']
"""

import csv
import gzip
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec

from streamwatch.errors import ConfigError
from streamwatch.learning.split import held_out
from streamwatch.text.clean import model_text, stored_text

STREAM_FILE = "stream/stocknet_2014_2016.csv.gz"
STREAM_START = "2015-06-01"


class LabelledSet(msgspec.Struct, frozen=True):
    """Texts with the labels that people gave them, for one task."""

    name: str
    task: str
    texts: tuple[str, ...]
    labels: tuple[str, ...]


LABELLED_FILES = {
    "sentiment/twitter_financial": "sentiment/twitter_financial_train.csv",
    "sentiment/sentfin": "sentiment/sentfin_train.csv",
    "topic/twitter_financial": "topic/twitter_financial_train.csv",
}
"""Task and source of the labelled files whose held-out part every variant is scored on."""


def read_stream(folder: Path, n: int) -> list[str]:
    """The model texts of the first `n` ids of stocknet from `STREAM_START` on, by time. Raises `ConfigError`."""
    rows = ((row["id"], row["published_at"], row["text"]) for row in _rows(folder / STREAM_FILE))
    texts = of_stream(rows, STREAM_START, n)
    if not texts:
        raise ConfigError(f"{folder / STREAM_FILE} has no text from {STREAM_START} on")
    return texts


def of_stream(rows: Iterable[tuple[str, str, str]], start: str, n: int) -> list[str]:
    """The texts of the first `n` distinct ids from `start` on, of rows (id, date, text)."""
    found = {identity: (date, identity, text) for identity, date, text in rows if date >= start}
    cleaned = (model_text(stored_text(text)) for _, _, text in sorted(found.values()))
    return list(islice(filter(None, cleaned), n))


def read_labelled(folder: Path, limit: int) -> list[LabelledSet]:
    """The held-out texts of each labelled file, `limit` of each at most. Raises `ConfigError`."""
    return [_labelled(folder / file, name, limit) for name, file in LABELLED_FILES.items()]


def _labelled(path: Path, name: str, limit: int) -> LabelledSet:
    labels: dict[str, str] = {}
    for row in _rows(path):
        text = model_text(stored_text(row["text"]))
        if text and held_out(text):
            labels.setdefault(text, row["label"])
    kept = dict(islice(labels.items(), limit))
    return LabelledSet(name, name.partition("/")[0], tuple(kept), tuple(kept.values()))


def _rows(path: Path) -> Iterator[dict[str, str]]:
    if not path.is_file():
        raise ConfigError(f"{path} is missing: --data needs a folder with the recorded streams and the labelled sets")
    unpack = gzip.open if path.suffix == ".gz" else open
    with unpack(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
