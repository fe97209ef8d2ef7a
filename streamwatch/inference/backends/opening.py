"""Which tasks the settings give to other models, and those models opened."""

from collections.abc import Mapping
from typing import NamedTuple

from streamwatch.config import Settings
from streamwatch.errors import ConfigError
from streamwatch.inference.backends.labels import (
    SENTIMENT_SETTING,
    TOPIC_SETTING,
    parse_labels,
    sentiments,
    topics,
)
from streamwatch.inference.backends.protocol import TaskBackend
from streamwatch.inference.backends.source import Source, find_classifier, fingerprint
from streamwatch.text.readable import check_scripts


class Chosen(NamedTuple):
    """A classifier for a task, its files found, and the map of its labels."""

    source: Source
    named: Mapping[str, str]


def chosen_classifiers(settings: Settings) -> dict[str, Chosen]:
    """The classifiers that the settings name, by task; quick, nothing is loaded. Raises `ModelError` or `ConfigError`."""
    asked = {
        "sentiment": (
            settings.sentiment_model,
            "STREAMWATCH_SENTIMENT_MODEL",
            settings.sentiment_labels,
            SENTIMENT_SETTING,
        ),
        "topic": (settings.topic_model, "STREAMWATCH_TOPIC_MODEL", settings.topic_labels, TOPIC_SETTING),
    }
    return {
        task: Chosen(
            find_classifier(model, setting, allow_downloads=settings.allow_downloads),
            parse_labels(names, names_setting),
        )
        for task, (model, setting, names, names_setting) in asked.items()
        if model
    }


def scripts_of_sentiment(settings: Settings) -> tuple[str, ...]:
    """The scripts that `settings.sentiment_scripts` names. Raises `ConfigError` on one that Unicode does not know."""
    scripts = tuple(name.strip() for name in settings.sentiment_scripts.split(","))
    try:
        check_scripts(scripts)
    except ValueError as error:
        raise ConfigError(f"STREAMWATCH_SENTIMENT_SCRIPTS={settings.sentiment_scripts}: {error}") from error
    return scripts


def meanings_of(task: str, chosen: Chosen) -> tuple[str, ...]:
    """What each label of the classifier is called here, by its place. Raises `ModelError`. Imports transformers."""
    from streamwatch.inference.backends.loading import labels_of, read_config

    folder = chosen.source.folder
    labels = labels_of(folder, read_config(folder))
    return sentiments(labels, chosen.named) if task == "sentiment" else topics(labels, chosen.named)


def version_of(task: str, chosen: Chosen) -> str:
    """Name and fingerprint: what makes the labels, but for device and numbers. Raises `ModelError`."""
    return f"{chosen.source.name}+{fingerprint(chosen.source.folder, meanings_of(task, chosen))}"


def open_backend(task: str, chosen: Chosen, device: str) -> TaskBackend:
    """The classifier, loaded and tried on a plain text. Raises `ModelError`."""
    from streamwatch.inference.backends.classifier import ClassifierBackend
    from streamwatch.inference.backends.loading import load, read_config

    meanings = meanings_of(task, chosen)
    loaded = load(chosen.source.folder, read_config(chosen.source.folder))
    return ClassifierBackend(task, loaded, meanings, version_of(task, chosen), device)
