"""A small real adapter over the real encoder, trained once a session in seconds, for tests of the model's rooms."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

NEGATIVE = ("a mess", "awful", "late again", "broken", "falling", "rude", "lost", "worse than ever")
POSITIVE = ("great", "on time", "a joy", "rising", "friendly", "better than ever", "superb", "strong")
NEUTRAL = ("at noon", "in Texas", "on Monday", "by train", "in the report", "at the desk", "in June", "for members")
SUBJECTS = ("The flight is", "Shares of the company are", "My order is", "This quarter is", "Their support is")
TOPICS = {"earnings": "reports quarterly profit", "ipo": "prices its offering", "energy and oil": "pumps crude oil"}


@pytest.fixture(scope="session")
def labelled_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a recipe of its own: 120 texts with a sentiment, 60 with a topic."""
    folder = tmp_path_factory.mktemp("labelled")
    moods = {"negative": NEGATIVE, "positive": POSITIVE, "neutral": NEUTRAL}
    sentiments = [(f"{s} {word}", mood) for s in SUBJECTS for mood, words in moods.items() for word in words]
    topics = [(f"Company {n} {phrase}", topic) for n in range(20) for topic, phrase in TOPICS.items()]
    _write_csv(folder / "mood.csv", sentiments)
    _write_csv(folder / "topic.csv", topics)
    recipe = [
        {"name": "mood", "file": "mood.csv", "task": "sentiment", "balance": 0.5},
        {"name": "topic", "file": "topic.csv", "task": "topic", "repeat": 2},
    ]
    (folder / "recipe.json").write_text(json.dumps(recipe))
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
    """An adapter folder after eight steps of training."""
    from streamwatch.learning.job import train_adapter
    from streamwatch.learning.trainer import Plan

    folder = tmp_path_factory.mktemp("adapter")
    train_adapter(labelled_folder, folder, base_folder, Plan(epochs=0.5, batch_size=16, max_tokens=48), ignore)
    return folder


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


def ignore(*_: Any) -> None:
    """Hears of progress and says nothing."""
