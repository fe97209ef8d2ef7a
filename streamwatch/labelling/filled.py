"""What somebody filled in outside of streamwatch, and the answer it makes: names are checked here and nowhere else.

Every form (`exports`) is read into `Filled` rows. A row without anything filled in is no answer. Upper and lower case, spaces,
hyphens and underscores of choices are the same: Label Studio shows "None of these" and a table may hold `none-of-these`.

Examples:
    >>> from streamwatch.labelling.examples import sample
    >>> row = Filled("row 2", "d1", topic="Earnings", sentiment="negative")
    >>> made = to_answer(row, sample("d1"), "ana", ("earnings",), now_ms=0)
    >>> made.topic, made.verdict, made.reading
    ('earnings', 'answered', 'cannot_tell')
    >>> later = Filled("row 2", "d1", topic="earnings", answered_ms=10**13)
    >>> to_answer(later, sample("d1"), "ana", ("earnings",), now_ms=0).answered_at.year
    1970
    >>> to_answer(Filled("row 3", "d1", topic="sport"), sample("d1"), "ana", ("earnings",), now_ms=0)
    Traceback (most recent call last):
      ...
    streamwatch.errors.ConfigError: row 3: topic 'sport' is none of: earnings
"""

from typing import NamedTuple, get_args

from streamwatch.codec import decode, encode
from streamwatch.errors import ConfigError, RejectError
from streamwatch.labelling.answers import REPEATED
from streamwatch.records import SENTIMENTS, Answer, Answered, DriftSample, Reading
from streamwatch.text.clean import normalise
from streamwatch.timeline import from_ms

VERDICTS: tuple[str, ...] = get_args(Answered)
READINGS: tuple[str, ...] = get_args(Reading)
SHOWN_CHARS = 40
CLOCKS_MS = 3_600_000
"""An hour: so far ahead of ours may another machine's clock be."""


class Filled(NamedTuple):
    """One row as it was filled in: texts as they stand, empty where nothing does. `place` is said of faults."""

    place: str
    id: str
    labeller: str = ""
    verdict: str = ""
    topic: str = ""
    sentiment: str = ""
    reading: str = ""
    answered_ms: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was answered."""
        return not (self.verdict or self.topic or self.sentiment)


def to_answer(row: Filled, of: DriftSample | Answer, labeller: str, topics: tuple[str, ...], *, now_ms: int) -> Answer:
    """The answer that a row gives to a document. Raises `ConfigError` with the row's place.

    Args:
        of: the sample, or an earlier answer to it, which repeats it.
        labeller: who says so where the row names nobody.
        topics: that may be named.
        now_ms: when it was said, where the row does not tell, and about the latest that it was: once an answer of the year
            2099 was learned, all that people say until then would count as learned.
    """
    verdict = _one_of(row, "verdict", row.verdict, VERDICTS) or ("answered" if row.topic or row.sentiment else "")
    answer = {
        "schema": "label.v1",
        "labeller": normalise(row.labeller or labeller),
        "answered_at": from_ms(now_ms if row.answered_ms is None else min(row.answered_ms, now_ms + CLOCKS_MS)),
        "verdict": verdict,
        "topic": _one_of(row, "topic", row.topic, topics),
        "sentiment": _one_of(row, "sentiment", row.sentiment, SENTIMENTS),
        "reading": _one_of(row, "reading", row.reading, READINGS) or "cannot_tell",
        **{name: getattr(of, name) for name in REPEATED},
    }
    _check(row, verdict, answer["topic"], answer["sentiment"])
    try:
        return decode(encode(answer), Answer)
    except RejectError as error:
        raise ConfigError(f"{row.place}: {error.detail}") from error


def _check(row: Filled, verdict: str, topic: str | None, sentiment: str | None) -> None:
    if verdict == "answered" and topic is None and sentiment is None:
        raise ConfigError(f"{row.place}: an answer names a topic, a sentiment or both")
    if verdict == "none_of_these" and topic is not None:
        raise ConfigError(f"{row.place}: none of these topics, and {topic!r}: which is it?")
    if verdict in ("unsure", "personal_data", "undone") and (topic or sentiment):
        raise ConfigError(f"{row.place}: {verdict} has neither a topic nor a sentiment")


def _one_of(row: Filled, what: str, said: str, known: tuple[str, ...]) -> str | None:
    """The known name that was meant, None where nothing was said."""
    if not said.strip():
        return None
    meant = {_folded(name): name for name in known}.get(_folded(said))
    if meant is None:
        shown = normalise(said)[:SHOWN_CHARS]
        raise ConfigError(f"{row.place}: {what} {shown!r} is none of: {'; '.join(known)}")
    return meant


def _folded(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())
