"""A synthetic day: about 2,000 documents about invented companies, with three planted incidents and what goes wrong.

`synthetic_day.jsonl.gz` beside this module is its output for `SEED` (`python -m streamwatch.sources.synthetic` writes
it; a test proves that they are equal). It shows what the alerts do without an account anywhere, and tests balance it:
the day holds ordinary noise, copies, late documents, records delivered again, and lines that no schema accepts.

Examples:
    >>> day = plan()
    >>> [(i.name, i.start[11:16], i.end[11:16]) for i in INCIDENTS]
    [('recall', '13:10', '13:55'), ('outage', '16:20', '17:00'), ('fraud', '19:30', '20:25')]
    >>> day[0].source
    'synthetic-social'
"""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from streamwatch.sources import synthetic_words as words
from streamwatch.sources.synthetic_words import Company
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, format_rfc3339, parse_rfc3339

T = TypeVar("T")

NOTICE = "Synthetic: written by a program from templates. Companies, tickers and events are invented; nobody said this."
SHIPPED = Path(__file__).with_name("synthetic_day.jsonl.gz")
SEED = 20250311
DAY = "2025-03-11"

N_NOISE = 1720
NEGATIVE, POSITIVE = 0.22, 0.30
"""Shares of the ordinary noise; the rest is neutral."""

NEWS_SHARE = 0.4
HOURLY = (3, 2, 2, 2, 3, 4, 6, 8, 10, 11, 11, 10, 10, 10, 11, 11, 10, 9, 8, 7, 6, 5, 4, 4)
"""How busy each hour is: people sleep."""


@dataclass(frozen=True)
class Incident:
    """A planted incident: `n` distinct negative documents by as many authors, published from `start` to `end` (UTC).

    `entity` is the ticker that they are about; None where only the topic tells (legal and regulatory news about
    several companies). `news_share` of them are news, the rest social.
    """

    name: str
    start: str
    end: str
    n: int
    news_share: float
    entity: str | None
    texts: dict[str, tuple[str, ...]]


INCIDENTS = (
    Incident("recall", f"{DAY}T13:10:00Z", f"{DAY}T13:55:00Z", 56, 0.35, "BRWK", words.RECALL),
    Incident("outage", f"{DAY}T16:20:00Z", f"{DAY}T17:00:00Z", 68, 0.1, "NRVB", words.OUTAGE),
    Incident("fraud", f"{DAY}T19:30:00Z", f"{DAY}T20:25:00Z", 48, 0.7, None, words.FRAUD),
)


@dataclass(frozen=True)
class Planned:
    """One line of the day, with what only its author knows: the `tone`, why it is there (`kind`), when it arrives.

    `raw` stands in for the document where the line is malformed.
    """

    arrival_ms: int
    published_ms: int
    channel: str
    text: str
    tone: str
    author: str
    entities: tuple[str, ...] = ()
    kind: str = "noise"
    id: str = ""
    source: str = ""
    raw: bytes | None = None

    def line(self) -> bytes:
        """The line of the file."""
        return self.raw if self.raw is not None else encode_line(self.fields())

    def fields(self) -> dict[str, Any]:
        """The document with its channel."""
        made: dict[str, Any] = {"id": self.id, "text": self.text, "published_at": format_rfc3339(self.published_ms)}
        made |= {"source": self.source, "author": self.author, "language": "en"}
        if self.entities:
            made["entities"] = list(self.entities)
        return made | {"channel": self.channel}


class Dice:
    """Draws that are the same on every Python: only `Random.random` is promised to stay as it is."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def share(self) -> float:
        """A number in [0, 1)."""
        return self._random.random()

    def between(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included."""
        return low + int(self.share() * (high - low + 1))

    def one_of(self, items: tuple[T, ...]) -> T:
        """One of the items."""
        return items[int(self.share() * len(items))]


def lines(seed: int = SEED) -> Iterator[bytes]:
    """The lines of the day in the order in which they arrive."""
    return (planned.line() for planned in plan(seed))


def plan(seed: int = SEED) -> list[Planned]:
    """The whole day, ordered by arrival."""
    dice = Dice(seed)
    writer = _Writer(dice)
    day = [writer.noise() for _ in range(N_NOISE)]
    day += [writer.about(incident) for incident in INCIDENTS for _ in range(incident.n)]
    day = _named(sorted(day, key=lambda p: p.arrival_ms))
    day += [_retweet(dice, dice.one_of(tuple(day))) for _ in range(N_RETWEETS)]
    day += [_syndicated(dice, p) for p in _some(dice, day, N_SYNDICATED, "news")]
    day = [_late(dice, p) if dice.share() < LATE_SHARE and p.kind == "noise" else p for p in day]
    day += [_again(dice, p) for p in _some(dice, day, N_REDELIVERED)]
    day += [fault(p) for fault, p in zip(FAULTS * 2, _some(dice, day, 2 * len(FAULTS)), strict=True)]
    return sorted(day, key=lambda p: (p.arrival_ms, p.id, p.kind))


N_RETWEETS = 70
N_SYNDICATED = 30
N_REDELIVERED = 14
LATE_SHARE = 0.03
"""Of the noise; a late document arrives 2 to 25 minutes after it was published."""


class _Writer:
    """Writes documents, no two with the same words."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._written: set[str] = set()
        self._authors: set[str] = set()

    def noise(self) -> Planned:
        """One ordinary document."""
        dice = self._dice
        channel = "news" if dice.share() < NEWS_SHARE else "social"
        tone = self._tone()
        company = dice.one_of(words.COMPANIES)
        templates = (words.NEWS if channel == "news" else words.SOCIAL)[tone]
        at = self._moment()
        text = self._text(templates, company)
        return Planned(at, at, channel, text, tone, self._author(channel), (company.ticker,))

    def about(self, incident: Incident) -> Planned:
        """One document of an incident, by somebody who has written nothing else."""
        dice = self._dice
        channel = "news" if dice.share() < incident.news_share else "social"
        start, end = parse_rfc3339(incident.start), parse_rfc3339(incident.end)
        at = start + int(dice.share() * (end - start) / SECOND_MS) * SECOND_MS
        company = next((c for c in words.COMPANIES if c.ticker == incident.entity), words.COMPANIES[0])
        text = self._text(incident.texts[channel], company)
        entities = (incident.entity,) if incident.entity else tuple(name for name in words.LENDERS if name in text)
        return Planned(at, at, channel, text, "negative", self._new_author(channel), entities, incident.name)

    def _tone(self) -> str:
        draw = self._dice.share()
        return "negative" if draw < NEGATIVE else "positive" if draw < NEGATIVE + POSITIVE else "neutral"

    def _moment(self) -> int:
        """A second of the day, in busy hours more often."""
        draw = self._dice.share() * sum(HOURLY)
        hour = 0
        while draw >= HOURLY[hour]:
            draw -= HOURLY[hour]
            hour += 1
        within = int(draw / HOURLY[hour] * 3600) * SECOND_MS
        return parse_rfc3339(DAY) + hour * HOUR_MS + within

    def _text(self, templates: tuple[str, ...], company: Company) -> str:
        """A sentence that has not been written yet."""
        while True:
            text = _fill(self._dice, self._dice.one_of(templates), company)
            if text.lower() not in self._written:
                self._written.add(text.lower())
                return text

    def _author(self, channel: str) -> str:
        number = self._dice.between(1, 40 if channel == "news" else 900)
        return f"{'desk' if channel == 'news' else 'user'}{number}"

    def _new_author(self, channel: str) -> str:
        """An author whom no noise can have: their numbers lie above."""
        author = f"{'desk' if channel == 'news' else 'user'}{1000 + len(self._authors)}"
        self._authors.add(author)
        return author


def _fill(dice: Dice, template: str, company: Company) -> str:
    """A template with all its slots filled."""
    rival = dice.one_of(tuple(c for c in words.COMPANIES if c != company))
    return template.format(
        company=company.name, ticker=company.ticker, product=company.product, division=company.division,
        handle=company.name.split()[0].lower(), rival=rival.name, rival_ticker=rival.ticker,
        lender=dice.one_of(words.LENDERS), analyst=dice.one_of(words.ANALYSTS), city=dice.one_of(words.CITIES),
        weekday=dice.one_of(words.WEEKDAYS), month=dice.one_of(words.MONTHS), quarter=dice.one_of(words.QUARTERS),
        pct=dice.between(2, 19), amount=dice.between(11, 480), jobs=dice.between(12, 90) * 10, few=dice.between(2, 9),
        cents=dice.between(11, 98),
    )  # fmt: skip


def _named(day: list[Planned]) -> list[Planned]:
    """Ids in order of arrival; the source of a channel."""
    return [replace(p, id=f"syn-{i:05}", source=_source(p.channel)) for i, p in enumerate(day)]


def _source(channel: str) -> str:
    return "synthetic-wire" if channel == "news" else "synthetic-social"


def _some(dice: Dice, day: list[Planned], n: int, channel: str | None = None) -> list[Planned]:
    pool = tuple(p for p in day if p.kind == "noise" and channel in (None, p.channel))
    return [dice.one_of(pool) for _ in range(n)]


def _after(dice: Dice, p: Planned, most_minutes: int) -> int:
    """A moment after a document came, still on the same day."""
    end = parse_rfc3339(DAY) + DAY_MS - SECOND_MS
    return min(p.arrival_ms + dice.between(5, most_minutes * 60) * SECOND_MS, end)


def _retweet(dice: Dice, p: Planned) -> Planned:
    """Somebody repeats a document word for word."""
    at = _after(dice, p, 90)
    author = f"user{dice.between(1, 900)}"
    copy = replace(p, arrival_ms=at, published_ms=at, channel="social", text=f"RT @{p.author}: {p.text}", author=author)
    return replace(copy, id=f"{p.id}-rt-{author}", source=_source("social"), kind="copy")


def _syndicated(dice: Dice, p: Planned) -> Planned:
    """A second desk carries the same item under an id of its own."""
    at = _after(dice, p, 30)
    copy = replace(p, arrival_ms=at, published_ms=at, author=f"desk{dice.between(41, 60)}", kind="copy")
    return replace(copy, id=f"{p.id}-syn{dice.between(100, 999)}", source="synthetic-desk")


def _late(dice: Dice, p: Planned) -> Planned:
    """The same document, published some minutes before it arrives."""
    return replace(p, published_ms=p.arrival_ms - dice.between(2, 25) * MINUTE_MS, kind="late")


def _again(dice: Dice, p: Planned) -> Planned:
    """The same record again: a poller was restarted."""
    return replace(p, arrival_ms=_after(dice, p, 5), kind="redelivered")


def _faulty(name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Planned], Planned]:
    """A fault: makes a malformed line out of a good document."""

    def fault(p: Planned) -> Planned:
        own = p.fields() | {"id": f"{p.id}-{name}"}
        return replace(p, id=own["id"], kind=name, raw=encode_line(change(own)))

    return fault


def _without_text(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name != "text"}


def _invalid_utf8(p: Planned) -> Planned:
    made = _faulty("invalid_utf8", lambda fields: fields | {"text": "caf@BYTES@ chain"})(p)
    return replace(made, raw=made.line().replace(b"@BYTES@", b"\xe9\xff"))


def _invalid_json(p: Planned) -> Planned:
    made = _faulty("invalid_json", dict)(p)
    return replace(made, raw=made.line()[:-9])


FAULTS: tuple[Callable[[Planned], Planned], ...] = (
    _invalid_utf8,
    _invalid_json,
    _faulty("missing_field", _without_text),
    _faulty("empty_text", lambda fields: fields | {"text": "  "}),
    _faulty("wrong_type", lambda fields: fields | {"text": 404}),
    _faulty("date_in_future", lambda fields: fields | {"published_at": "2099-01-01T00:00:00Z"}),
    _faulty("date_too_old", lambda fields: fields | {"published_at": "1970-01-01T00:00:00Z"}),
    _faulty("unknown_schema", lambda fields: {"schema": "document.v9"} | fields),
)
"""Each is named by the reason with which the worker dead-letters its line; each is in the day twice."""


def encode_line(fields: dict[str, Any]) -> bytes:
    """One line of JSON."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def write(path: Path = SHIPPED) -> int:
    """Write the day to a file; returns its number of lines. The same bytes each time (gzip's clock is 0)."""
    day = list(lines())
    path.write_bytes(gzip.compress(b"".join(line + b"\n" for line in day), mtime=0))
    return len(day)


if __name__ == "__main__":
    print(f"{write()} lines in {SHIPPED}")
