"""The recipe: which labelled files an adapter learns from, and how much each counts.

`RECIPE` is what the shipped adapter was made of. A `recipe.json` in the data folder replaces it: a list of objects with
the fields of `Source`.

Examples:
    >>> Source("desk", "desk.csv", "sentiment").repeat
    1
"""

import csv
import gzip
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from streamwatch.errors import ConfigError
from streamwatch.inference.engine import TOPICS
from streamwatch.records import SENTIMENTS
from streamwatch.text.clean import model_text, stored_text

Task = Literal["sentiment", "topic"]
LABELS: dict[Task, tuple[str, ...]] = {"sentiment": SENTIMENTS, "topic": TOPICS}
RECIPE_FILE = "recipe.json"


class Source(msgspec.Struct, frozen=True):
    """One labelled CSV file (columns `text` and `label`, may be gzipped).

    `repeat` is how often an epoch shows it: small sources that matter are shown more than once. `balance` says how far
    rare labels are weighted up: 0 not at all, 1 until every label weighs the same.
    """

    name: str
    file: str
    task: Task
    repeat: int = 1
    balance: float = 0.0


class Example(msgspec.Struct, frozen=True):
    """One text with a label of one task, as its index in `LABELS`. `weight` is its part in the loss."""

    text: str
    source: str
    task: Task
    label: int
    weight: float = 1.0


RECIPE = (
    # Sentiment towards a company or its market. The tweets are mostly neutral (65 %), hence the half balance.
    Source("twitter_financial", "sentiment/twitter_financial_train.csv", "sentiment", repeat=2, balance=0.5),
    Source("sentfin", "sentiment/sentfin_train.csv", "sentiment"),
    Source("fiqa", "sentiment/fiqa_train.csv", "sentiment", repeat=2),
    # Sentiment of customers. Only 15 % of the tweets are negative, a complaint missed costs more than a false one.
    Source("semeval_tweets", "sentiment/semeval_tweets_train.csv", "sentiment", balance=1.0),
    Source("vader_tweets", "sentiment/vader_tweets.csv", "sentiment", balance=0.5),
    Source("vader_product_reviews", "sentiment/vader_product_reviews.csv", "sentiment", repeat=2, balance=0.5),
    Source("twitter_financial_topics", "topic/twitter_financial_train.csv", "topic", repeat=2, balance=0.5),
)


def read_recipe(folder: Path) -> tuple[Source, ...]:
    """The folder's own recipe if it has one, else `RECIPE`. Raises `ConfigError` on a recipe that cannot be read."""
    path = folder / RECIPE_FILE
    if not path.is_file():
        return RECIPE
    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[Source, ...])
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: {error}") from error


def read_source(folder: Path, source: Source) -> list[Example]:
    """The examples of one file, each text once, texts with contradictory labels left out. Raises `ConfigError`."""
    path = folder / source.file
    if not path.is_file():
        raise ConfigError(f"{path} is missing: --data needs the files of the recipe (see docs/model.md)")
    labels: dict[str, int] = {}
    contradictory: set[str] = set()
    for text, label in _labelled_texts(path, source):
        if labels.setdefault(text, label) != label:
            contradictory.add(text)
    kept = {text: label for text, label in labels.items() if text not in contradictory}
    weights = class_weights(kept.values(), source.balance)
    return [Example(text, source.name, source.task, label, weights[label]) for text, label in kept.items()]


def _labelled_texts(path: Path, source: Source) -> Iterator[tuple[str, int]]:
    index = {name: i for i, name in enumerate(LABELS[source.task])}
    for number, row in enumerate(_rows(path), start=2):
        label = index.get(row.get("label") or "")
        if label is None:
            raise ConfigError(f"{path}, row {number}: label {row.get('label')!r} is not one of {', '.join(index)}")
        text = model_text(stored_text(row.get("text") or ""))
        if text:
            yield text, label


def _rows(path: Path) -> Iterator[dict[str, str]]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    unpack = gzip.open if path.suffix == ".gz" else open
    with unpack(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


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
