"""The synthetic day: its generator's output, with the incidents and every fault that it promises."""

import gzip
from collections import Counter

import pytest

from streamwatch.codec import decode
from streamwatch.errors import RejectError
from streamwatch.records import Document
from streamwatch.sources import synthetic, synthetic_words
from streamwatch.sources.files import read_rows
from streamwatch.sources.synthetic import INCIDENTS, Incident, Planned, plan
from streamwatch.text.clean import model_text
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS, parse_rfc3339

DAY_STARTS = parse_rfc3339(synthetic.DAY)
OF_THE_DATE = {"date_in_future", "date_too_old", "empty_text"}


@pytest.fixture(scope="module")
def day() -> list[Planned]:
    """The whole day."""
    return plan()


def of(day: list[Planned], *kinds: str) -> list[Planned]:
    """What is there for a reason."""
    return [p for p in day if p.kind in kinds]


def test_the_shipped_file_is_what_the_generator_makes() -> None:
    shipped = gzip.decompress(synthetic.SHIPPED.read_bytes())
    assert shipped == b"".join(line + b"\n" for line in synthetic.lines())


def test_another_seed_is_another_day_with_the_same_incidents() -> None:
    other = plan(1)
    assert other != plan()
    assert all(len(of(other, i.name)) == i.n for i in INCIDENTS)


def test_there_are_about_two_thousand_lines_and_a_realistic_share_of_negatives(day: list[Planned]) -> None:
    noise = of(day, "noise", "late")
    assert 1900 <= len(day) <= 2100
    assert 0.20 <= sum(p.tone == "negative" for p in noise) / len(noise) <= 0.25


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda i: i.name)
def test_an_incident_is_distinct_voices_within_its_time(day: list[Planned], incident: Incident) -> None:
    told = of(day, incident.name)
    start, end = parse_rfc3339(incident.start), parse_rfc3339(incident.end)
    assert len(told) == incident.n
    assert len({p.author for p in told}) == len({model_text(p.text) for p in told}) == incident.n
    assert all(start <= p.published_ms <= end for p in told)
    assert 30 * MINUTE_MS <= end - start <= 60 * MINUTE_MS
    assert start - DAY_STARTS >= DAY_MS // 2
    assert {p.tone for p in told} == {"negative"}


def test_the_incident_of_a_ticker_names_it_and_the_one_of_a_topic_names_several(day: list[Planned]) -> None:
    assert {p.entities for p in of(day, "recall")} == {("BRWK",)}
    assert {p.entities for p in of(day, "outage")} == {("NRVB",)}
    assert {name for p in of(day, "fraud") for name in p.entities} == set(synthetic_words.LENDERS)


def test_each_ticker_has_a_baseline_before_its_incident(day: list[Planned]) -> None:
    noon = DAY_STARTS + DAY_MS // 2
    before = Counter(p.entities[0] for p in of(day, "noise") if p.published_ms < noon)
    assert min(before.values()) >= 15
    assert len(before) == len(synthetic_words.COMPANIES)


def test_no_two_documents_have_the_same_words_but_copies(day: list[Planned]) -> None:
    written = of(day, "noise", "late", *(i.name for i in INCIDENTS))
    assert len({model_text(p.text) for p in written}) == len(written)
    texts = {model_text(p.text) for p in written}
    assert all(model_text(p.text) in texts for p in of(day, "copy"))


def test_ids_are_given_once_and_only_redelivered_records_repeat_them(day: list[Planned]) -> None:
    again = of(day, "redelivered")
    others = [p for p in day if p.kind != "redelivered"]
    assert len({p.id for p in others}) == len(others)
    lines = {p.line() for p in others}
    assert all(p.line() in lines for p in again)


def test_late_documents_arrive_minutes_after_their_date(day: list[Planned]) -> None:
    late = of(day, "late")
    assert len(late) >= 30
    assert all(2 * MINUTE_MS <= p.arrival_ms - p.published_ms < HOUR_MS for p in late)


def test_every_other_line_is_a_document_and_each_fault_is_there_twice(day: list[Planned]) -> None:
    faults = Counter()
    for planned in day:
        try:
            decode(planned.line(), Document)
        except RejectError as error:
            faults[error.reason] += 1
            assert planned.kind == error.reason
        else:
            assert planned.raw is None or planned.kind in OF_THE_DATE
    assert faults == dict.fromkeys(["invalid_utf8", "invalid_json", "missing_field", "wrong_type", "unknown_schema"], 2)
    assert Counter(p.kind for p in day if p.kind in OF_THE_DATE) == dict.fromkeys(OF_THE_DATE, 2)


def test_it_says_that_it_is_synthetic(day: list[Planned]) -> None:
    assert synthetic.NOTICE.startswith("Synthetic")
    assert {p.source for p in day} == {"synthetic-wire", "synthetic-desk", "synthetic-social"}


def test_reading_the_file_gives_a_row_for_every_line_with_its_channel(day: list[Planned]) -> None:
    rows = list(read_rows(synthetic.SHIPPED))
    assert [row.value for row in rows] == [p.line() for p in day]
    assert {row.channel for row in rows if row.published_ms} == {"news", "social"}
