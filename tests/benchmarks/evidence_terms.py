"""The terms of real incidents: by log-odds against the series' own past, and by plain counts.

    python tests/benchmarks/evidence_terms.py --data FOLDER

FOLDER (or STREAMWATCH_DATA) holds `stream/airline_tweets_2015.csv.gz`. Each airline's tweets go through the same sample of
the past and the same ring of voices as in the evaluator, up to the end of the incident's hour, with the file's labels.
`marks` says how well a list does on documents that it was not made of: how many times as often one of its terms stands in
the other negatives of the hour and the three after it as in all that was written before (geometric mean).
"""

import argparse
import time
from collections import Counter
from pathlib import Path
from statistics import geometric_mean

import pandas as pd
from data_folder import add_data_option, parse_with_data

from streamwatch.alerting.past import Past
from streamwatch.alerting.terms import candidates, distinctive
from streamwatch.alerting.voices import voices
from streamwatch.alerting.witnesses import Witnesses
from streamwatch.records import Classified, Given
from streamwatch.text.clean import model_text, text_hash
from streamwatch.text.words import words
from streamwatch.timeline import HOUR_MS, SECOND_MS, bucket_start, parse_rfc3339
from streamwatch.trends.entry import Entry, series_of

INCIDENTS = [
    ("Delta", "2015-02-19T15:00:00Z"),
    ("Delta", "2015-02-22T16:00:00Z"),
    ("US Airways", "2015-02-22T16:00:00Z"),
    ("United", "2015-02-20T16:00:00Z"),
    ("Southwest", "2015-02-21T15:00:00Z"),
]
STOP_WORDS = """
    the and for you your are was were with this that have has had not but they them their our out its can could will
    would from just about what when where who why how all any been being get got now than then there these those too
    very into over more most some such only own same she him her his hers did does doing off again once here also
    after before because while url user http https rt amp via still even one two don didn doesn isn won
"""
"""What plain counts were taken without."""


def _entry(record: Classified) -> Entry:
    return Entry(
        record.text_hash, record.counted_sentiment, series_of(record), record.author_hash, record.source_partition,
        record.source_offset, record.signature,
    )  # fmt: skip


def main() -> None:
    """Print both lists for each incident."""
    tweets = _tweets(_folder())
    marks: dict[str, list[float]] = {"log-odds": [], "counts": []}
    for airline, hour in INCIDENTS:
        hour_ms = parse_rfc3339(hour)
        now, past, reasons = _texts(tweets[airline], hour_ms)
        started = time.perf_counter()
        terms = distinctive(now, past)
        took_ms = (time.perf_counter() - started) * 1000
        print(f"\n{airline} {hour}: {len(now)} texts against {len(past)} of the past, {took_ms:.0f} ms")
        print("  the file's reasons:", ", ".join(f"{name} {n}" for name, n in reasons.most_common(4)))
        print("  log-odds:", ", ".join(f"{one.term} ({one.z:.1f}, {one.n_documents})" for one in terms))
        print("  counts:  ", ", ".join(f"{word} ({n})" for word, n in _counts(now)))
        lists = {"log-odds": [one.term for one in terms], "counts": [word for word, _ in _counts(now)]}
        for name, chosen in lists.items():
            marks[name].append(_lift(chosen, *_others(tweets[airline], hour_ms, set(now))))
            print(f"  marks, {name}: {marks[name][-1]:.2f}")
    print("\nall incidents:", ", ".join(f"{name} {geometric_mean(found):.2f}" for name, found in marks.items()))


def _others(tweets: list[tuple[Classified, str]], hour_ms: int, seen: set[str]) -> tuple[list[str], list[str]]:
    """Negatives of the hour and the three after it that the list was not made of, and all texts before."""
    later = [
        record.text
        for record, _ in tweets
        if hour_ms <= record.published_ms < hour_ms + 4 * HOUR_MS
        and record.counted_sentiment == "negative"
        and record.text not in seen
    ]
    return later, [record.text for record, _ in tweets if record.published_ms < hour_ms]


def _lift(terms: list[str], later: list[str], before: list[str]) -> float:
    """Geometric mean over the terms of their rate later against before, half a document added to each."""
    later_terms, before_terms = [candidates(text) for text in later], [candidates(text) for text in before]
    rates = [
        ((sum(term in found for found in later_terms) + 0.5) / (len(later) + 1))
        / ((sum(term in found for found in before_terms) + 0.5) / (len(before) + 1))
        for term in terms
    ]
    return geometric_mean(rates)


def _tweets(folder: Path) -> dict[str, list[tuple[Classified, str]]]:
    """By airline, in order of date, each with the reason that people gave."""
    frame = pd.read_csv(folder / "stream" / "airline_tweets_2015.csv.gz").sort_values("published_at", kind="stable")
    tweets: dict[str, list[tuple[Classified, str]]] = {}
    for offset, row in enumerate(frame.fillna("").itertuples()):
        tweets.setdefault(row.airline, []).append((_record(offset, row), row.negative_reason))
    return tweets


def _record(offset: int, row: object) -> Classified:
    published_ms = parse_rfc3339(row.published_at)  # type: ignore[attr-defined]
    return Classified(
        outcome="classified",
        source_channel="social",
        source_partition=0,
        source_offset=offset,
        follows=offset - 1,
        observed_ms=published_ms,
        id=str(row.id),  # type: ignore[attr-defined]
        published_ms=published_ms,
        text=row.text,  # type: ignore[attr-defined]
        text_hash=text_hash(model_text(row.text)),  # type: ignore[attr-defined]
        source="social",
        given=Given(sentiment=row.sentiment),  # type: ignore[attr-defined]
    )


def _texts(tweets: list[tuple[Classified, str]], hour_ms: int) -> tuple[list[str], list[str], Counter[str]]:
    """The texts that an alert at the end of the hour rests on, a sample of those before, and the hour's reasons."""
    past, ring = Past(), Witnesses()
    by_offset: dict[int, str] = {}
    seen: set[str] = set()
    reasons: Counter[str] = Counter()
    for record, reason in tweets:
        if record.published_ms >= hour_ms + HOUR_MS or record.text_hash in seen:
            continue
        seen.add(record.text_hash)
        by_offset[record.source_offset] = record.text
        [voice] = voices([_entry(record)])
        start_ms = bucket_start(record.published_ms, 10 * SECOND_MS)
        past.add(voice, start_ms)
        if voice.negative:
            ring.add(voice, start_ms)
        if reason and record.published_ms >= hour_ms:
            reasons[reason] += 1
    now = [by_offset[ref.offset] for ref in ring.references(hour_ms)]
    return now, [by_offset[ref.offset] for ref in past.references(hour_ms)], reasons


def _counts(texts: list[str]) -> list[tuple[str, int]]:
    stop = set(STOP_WORDS.split())
    counts = Counter(word for text in texts for word in {one.text for one in words(text)})
    common = [(word, n) for word, n in counts.items() if n > 1 and len(word) > 2 and word not in stop]
    return sorted(common, key=lambda pair: (-pair[1], pair[0]))[:8]


def _folder() -> Path:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_option(parser)
    folder: Path = parse_with_data(parser).data
    return folder


if __name__ == "__main__":
    main()
