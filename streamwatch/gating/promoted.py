"""What a promotion will do to every series: recent documents read by both models, as the record that detectors are told.

Documents are drawn uniformly from the stream's own (`paired.uniform`); each counts in its series as detection counts it: by the
labels that came with it, else by the model's, and not at all where a model cannot read it. One text counts once, as there.

Examples:
    >>> from streamwatch.inference.engine import NullEngine
    >>> class Other(NullEngine):
    ...     model = "other"
    >>> recent = [
    ...     Classified(outcome="classified", source_channel="news", source_partition=0, source_offset=i, follows=i - 1,
    ...                observed_ms=0, id=f"d{i}", text=f"words {i}", text_hash=f"h{i}", source="wire")
    ...     for i in range(2100)
    ... ]
    >>> told = measured(NullEngine(), Other(), recent, now_ms=0)
    >>> told.n_documents, told.series["all"].log_odds, sorted(told.series)[:2]
    (2100, 0.0, ['all', 'source:wire'])
    >>> measured(NullEngine(), Other(), recent[:100], now_ms=0)
    Traceback (most recent call last):
      ...
    streamwatch.errors.ConfigError: 1900 documents are missing: the shift between two models is measured on 2000
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from streamwatch.decisions.promotion import promotion
from streamwatch.errors import ConfigError
from streamwatch.gating.paired import Paired, Progress, Said, score_pair, uniform
from streamwatch.gating.shift import LEAST_DOCUMENTS, measure
from streamwatch.inference.engine import Engine
from streamwatch.records import Classified, Label, Prediction, Promotion
from streamwatch.trends.counting import COUNTED_OUTCOMES
from streamwatch.trends.entry import series_of

MOST_DOCUMENTS = 5000
"""Read by both models: more halves no error, and costs minutes on a CPU."""
MADE_BY = "gate"


def measured(
    incumbent: Engine,
    candidate: Engine,
    recent: Iterable[Classified],
    now_ms: int,
    progress: Progress | None = None,
) -> Promotion:
    """The record to be told when `candidate` is promoted. `recent` may be a whole channel: a sample of it is kept.

    Raises `ConfigError` where there are too few documents, with the number missing, or both are one version.
    """
    drawn = uniform(_texts(recent), MOST_DOCUMENTS)
    paired = score_pair(incumbent, candidate, [record.text for record in drawn], progress)
    counted = [i for i in range(len(drawn)) if paired.read[i] or _given_sentiment(drawn[i])]
    if len(counted) < LEAST_DOCUMENTS:
        missing = LEAST_DOCUMENTS - len(counted)
        raise ConfigError(
            f"{missing} documents are missing: the shift between two models is measured on {LEAST_DOCUMENTS}"
        )
    return _told(paired, drawn, counted, now_ms)


def _told(paired: Paired, drawn: Sequence[Classified], counted: Sequence[int], now_ms: int) -> Promotion:
    sides = [_counted_as(said, drawn, counted) for said in (paired.incumbent, paired.candidate)]
    (old_series, old_negative), (new_series, new_negative) = sides
    try:
        return promotion(
            paired.incumbent.model,
            paired.candidate.model,
            measure(old_series, new_series, old_negative, new_negative),
            n_documents=len(counted),
            made_by=MADE_BY,
            made_at_ms=now_ms,
        )
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _texts(recent: Iterable[Classified]) -> Iterator[tuple[str, Classified]]:
    """Documents that count, by the hash of their text: of several with one text the first is kept."""
    for record in recent:
        if record.outcome in COUNTED_OUTCOMES and not record.backfill and record.text:
            yield record.text_hash or record.id, record


def _given_sentiment(record: Classified) -> bool:
    return record.given is not None and record.given.sentiment is not None


def _counted_as(
    said: Said, drawn: Sequence[Classified], counted: Sequence[int]
) -> tuple[list[tuple[str, ...]], list[bool]]:
    """The series of each document and whether it counts as negative, as one model reads it."""
    series: list[tuple[str, ...]] = []
    negative: list[bool] = []
    said_negative = said.negative
    for i in counted:
        record = drawn[i]
        topic = Prediction(topic=Label(label=str(said.topic[i]), p=1.0), sentiment=None, model=said.model)
        series.append(series_of(msgspec.structs.replace(record, prediction=topic)))
        negative.append(record.counted_sentiment == "negative" if _given_sentiment(record) else bool(said_negative[i]))
    return series, negative
