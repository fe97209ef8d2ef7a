"""A small real adapter over the real encoder, trained once a session in seconds, for tests of the model's rooms."""

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest

NEGATIVE = ("a mess", "awful", "late again", "broken", "falling", "rude", "lost", "worse than ever")
POSITIVE = ("great", "on time", "a joy", "rising", "friendly", "better than ever", "superb", "strong")
NEUTRAL = ("at noon", "in Texas", "on Monday", "by train", "in the report", "at the desk", "in June", "for members")
SUBJECTS = {
    "customer": ("The flight is", "My order is", "Their support is"),
    "market": ("Shares are", "This quarter is"),
}
COMPANIES = (
    "Alcoa", "Boeing", "Corning", "Deere", "Ecolab", "Fastenal", "Garmin", "Hershey", "Intel", "Jabil", "Kroger", "Lennar",
    "Mattel", "Nucor", "Oracle", "Pfizer", "Qorvo", "Ralston", "Sysco", "Target",
)  # fmt: skip
TOPICS = {"earnings": "reports quarterly profit", "ipo": "prices its offering", "energy and oil": "pumps crude oil"}


@pytest.fixture(scope="session")
def labelled_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with three data sets of its own: 120 texts with a sentiment in two domains, 60 with a topic."""
    folder = tmp_path_factory.mktemp("labelled")
    moods = {"negative": NEGATIVE, "positive": POSITIVE, "neutral": NEUTRAL}
    for domain, subjects in SUBJECTS.items():
        rows = [(f"{s} {word}", mood) for s in subjects for mood, words in moods.items() for word in words]
        _write_csv(folder / f"{domain}.csv", rows)
        entry = f"name: {domain}\nfile: {domain}.csv\ntask: sentiment\ndomain: {domain}\nbalance: 0.5\n"
        (folder / f"{domain}.yml").write_text(entry)
    topics = [(f"{name} {phrase}", topic) for name in COMPANIES for topic, phrase in TOPICS.items()]
    _write_csv(folder / "topics.csv", topics)
    (folder / "topics.yml").write_text("name: topics\nfile: topics.csv\ntask: topic\ndomain: market\nrepeat: 2\n")
    return folder


def _write_csv(path: Path, rows: list[tuple[str, str]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])


@pytest.fixture(scope="session")
def base_folder() -> Path:
    """The encoder out of the installed package."""
    from streamwatch.models.base import find_base

    return find_base()


@pytest.fixture(scope="session")
def tiny_adapter(tmp_path_factory: pytest.TempPathFactory, labelled_folder: Path, base_folder: Path) -> Path:
    """A model's folder after some steps of training: sentiment with two readings, topics with `unclear`."""
    from streamwatch.learning.job import train_adapter

    folder = tmp_path_factory.mktemp("adapter")
    train_adapter(tiny_request(labelled_folder, folder, base_folder), ignore)
    return folder


def tiny_request(data: Path, out: Path, base: Path, **changes: Any) -> Any:
    """A request for a model of a few steps on the data sets of `labelled_folder`, with changes to its plan."""
    from streamwatch.learning.datasets.catalogue import find
    from streamwatch.learning.plan import Plan
    from streamwatch.learning.request import Request

    settings = {"method": "lora", "rank": 4, "epochs": 0.5, "batch_size": 16, "max_tokens": 48, "tail_tokens": 8}
    entries = [find(str(data / f"{name}.yml")) for name in ("customer", "market", "topics")]
    return Request(data=data, out=out, base=base, entries=entries, plan=Plan(**settings | changes))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole model of random weights with a tiny base of its own; nobody changes it."""
    from tiny_models import write_model

    folder = tmp_path_factory.mktemp("tiny") / "model"
    write_model(folder)
    return folder


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A tiny model that the test may spoil."""
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """A registry's folder, not yet made."""
    return tmp_path / "registry"


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another tiny model."""
    from tiny_models import write_model

    folder = tmp_path / "other"
    write_model(folder, seed=2)
    return folder


def ignore(*_: Any) -> None:
    """Hears of progress and says nothing."""
