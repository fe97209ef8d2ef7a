"""What a classifier's own labels mean here: by their names, never by their places.

Examples:
    >>> sentiments(["POSITIVE", "Neutral", "negative"], {})
    ('positive', 'neutral', 'negative')
    >>> sentiments(["Bearish", "Bullish"], parse_labels("Bearish=negative, Bullish=positive", "STREAMWATCH_SENTIMENT_LABELS"))
    ('negative', 'positive')
    >>> sentiments(["LABEL_0", "LABEL_1", "LABEL_2"], {})
    Traceback (most recent call last):
      ...
    streamwatch.errors.ModelError: STREAMWATCH_SENTIMENT_LABELS: LABEL_0, LABEL_1, LABEL_2 mean no sentiment that is known: \
say which by LABEL_0=negative, …
    >>> topics(["Politics", "M&A"], {"M&A": "mergers and investments"})
    ('Politics', 'mergers and investments')
"""

import re
from collections.abc import Mapping, Sequence
from typing import get_args

from streamwatch.errors import ConfigError, ModelError
from streamwatch.records import SENTIMENTS, Sentiment

SENTIMENT_SETTING = "STREAMWATCH_SENTIMENT_LABELS"
TOPIC_SETTING = "STREAMWATCH_TOPIC_LABELS"
NAMELESS = re.compile(r"LABEL_\d+")
"""What transformers calls labels that nobody named."""
N_WITHOUT_NEUTRAL = 2
"""A classifier of two labels may know no neutral: its probability is 0 then."""


def parse_labels(text: str, setting: str) -> dict[str, str]:
    """The map that `text`, the value of `setting`, names: `LABEL_0=negative,Bullish=positive`. Raises `ConfigError`."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    bad = [label for label, equals, meaning in pairs if not equals or not label.strip() or not meaning.strip()]
    if bad:
        raise ConfigError(f"{setting}={text}: {bad[0].strip()!r} is not label=meaning")
    names = [label.strip() for label, _, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"{setting}={text}: {twice[0]} is there twice")
    return {label.strip(): meaning.strip() for label, _, meaning in pairs}


def sentiments(labels: Sequence[str], named: Mapping[str, str]) -> tuple[Sentiment, ...]:
    """The sentiment of each label: by `named`, or since it is called so. Several labels may be one sentiment.

    Raises `ModelError` on a label without a meaning, and when a sentiment has no label.
    """
    _check_names(labels, named, SENTIMENT_SETTING)
    meanings = {label: named.get(label, label).lower() for label in labels}
    unknown = [label for label in labels if meanings[label] not in SENTIMENTS]
    if unknown:
        raise ModelError(
            f"{SENTIMENT_SETTING}: {', '.join(unknown)} mean no sentiment that is known: say which by {unknown[0]}=negative, …"
        )
    needed = [s for s in SENTIMENTS if s != "neutral" or len(labels) > N_WITHOUT_NEUTRAL]
    lacking = [sentiment for sentiment in needed if sentiment not in meanings.values()]
    if lacking:
        said = ", ".join(f"{label}={meaning}" for label, meaning in meanings.items())
        raise ModelError(f"{SENTIMENT_SETTING}: no label is {' or '.join(lacking)} ({said}): name one")
    return tuple(sentiment for label in labels for sentiment in get_args(Sentiment) if sentiment == meanings[label])


def topics(labels: Sequence[str], named: Mapping[str, str]) -> tuple[str, ...]:
    """What each label is called: by `named`, else as it is. Raises `ModelError` on labels that nobody named."""
    _check_names(labels, named, TOPIC_SETTING)
    nameless = [label for label in labels if NAMELESS.fullmatch(label) and label not in named]
    if nameless:
        raise ModelError(
            f"{TOPIC_SETTING}: {', '.join(nameless)} have no names: say what they are by {nameless[0]}=earnings, …"
        )
    return tuple(named.get(label, label) for label in labels)


def _check_names(labels: Sequence[str], named: Mapping[str, str], setting: str) -> None:
    """Every label once, and no name in the map that the model does not know: it would be a slip of the pen."""
    unknown = sorted(named.keys() - set(labels))
    if unknown:
        raise ModelError(f"{setting}: the model has no label {', '.join(unknown)}, but {', '.join(labels)}")
    if len(set(labels)) < len(labels):
        raise ModelError(
            f"{setting}: the model gives two of its labels one name ({', '.join(labels)}): correct its id2label"
        )
