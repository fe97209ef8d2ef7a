"""From bytes to work, or to a reason: what a record says is kept, redacted and dated; what is wrong is said."""

import hashlib
import json
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamwatch.agents.classify import source_record
from streamwatch.config import Settings
from streamwatch.delivery.intake import (
    RAW_BYTES_KEPT,
    SourceRecord,
    dead_letter,
    prepare,
    without_document,
)
from streamwatch.errors import REASONS, RejectError
from streamwatch.text.readable import unread_reason
from streamwatch.timeline import parse_rfc3339

NOW_MS = parse_rfc3339("2025-03-11T12:00:00Z")
SETTINGS = Settings()


def record(value: bytes | None, observed_ms: int = NOW_MS) -> SourceRecord:
    """A record of news/1."""
    return SourceRecord("news", 1, 42, value, observed_ms)


def document(**fields: Any) -> bytes:
    """A good document but for `fields`."""
    whole = {"id": "x", "text": "Delta lost my bag", "published_at": "2025-03-11T11:59:00Z"} | fields
    return json.dumps(whole).encode()


def reason(value: bytes | None, settings: Settings = SETTINGS) -> str:
    """Why a record is refused."""
    with pytest.raises(RejectError) as refused:
        prepare(record(value), settings)
    return refused.value.reason


def test_personal_data_is_gone_from_what_is_kept_and_the_author_is_a_hash() -> None:
    work = prepare(record(document(text="mail jo@example.com, says @jo", author="jo")), SETTINGS)
    assert "jo@example.com" not in work.document.text
    assert work.document.author_hash not in ("", "jo")
    assert len(work.document.author_hash) == 16


def test_the_source_is_the_channel_where_none_is_named_and_entities_count_once() -> None:
    assert prepare(record(document()), SETTINGS).document.source == "news"
    assert prepare(record(document(source="wire")), SETTINGS).document.source == "wire"
    assert prepare(record(document(entities=["A", "B", "A"])), SETTINGS).document.entities == ("A", "B")


def test_dates_of_all_zones_are_the_same_moment() -> None:
    dates = ("2025-03-11T11:59:00Z", "2025-03-11T12:59:00+01:00", "2025-03-11T06:59:00-05:00")
    assert {prepare(record(document(published_at=d)), SETTINGS).document.published_ms for d in dates} == {
        NOW_MS - 60_000
    }


def test_a_date_may_be_ahead_as_far_as_the_setting_says_and_no_further() -> None:
    prepare(record(document(published_at="2025-03-11T12:10:00Z")), SETTINGS)
    assert reason(document(published_at="2025-03-11T12:10:01Z")) == "date_in_future"
    assert reason(document(published_at="1999-12-31T23:59:59Z")) == "date_too_old"
    assert reason(document(published_at="0001-01-01T00:00:00Z")) == "date_too_old"
    assert reason(document(published_at="9999-12-31T23:59:59Z")) == "date_in_future"


def test_the_size_limit_is_a_setting() -> None:
    small = Settings(max_document_bytes=1024)
    assert reason(b"x" * 1025, small) == "too_large"
    assert reason(b"x" * 1024, small) == "invalid_json"


@pytest.mark.parametrize("text", ["", " ", "\n\t\u3000"])
def test_a_text_that_its_producer_left_empty_is_refused(text: str) -> None:
    assert reason(document(text=text)) == "empty_text"


@pytest.mark.parametrize("text", ["\u200b \u202e\n", "RT @jo", "https://t.co/x", "..."])
def test_a_text_of_which_cleaning_leaves_nothing_is_a_document_that_cannot_be_read(text: str) -> None:
    assert unread_reason(prepare(record(document(text=text)), SETTINGS).text) == "nothing_left"


def test_a_long_text_is_cut_and_not_refused() -> None:
    work = prepare(record(document(text="word " * 10_000)), Settings(max_text_chars=1000))
    assert len(work.document.text) <= 1000


@given(st.binary(max_size=300))
def test_any_bytes_are_work_or_a_bounded_reason(raw: bytes) -> None:
    try:
        prepare(record(raw), SETTINGS)
    except RejectError as error:
        assert error.reason in REASONS
        assert len(error.detail) <= 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = (
    "id",
    "text",
    "published_at",
    "source",
    "author",
    "entities",
    "url",
    "language",
    "sentiment",
    "topic",
    "schema",
)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_any_values_in_any_fields_are_work_or_a_bounded_reason(fields: dict[str, Any]) -> None:
    try:
        work = prepare(record(document(**fields)), SETTINGS)
    except RejectError as error:
        assert error.reason in REASONS
    else:
        assert work.document.id
        assert work.text or unread_reason(work.text) == "nothing_left"


def test_a_dead_letter_says_where_it_came_from_and_keeps_the_first_64_kb() -> None:
    raw = bytes(range(256)) * 1000
    letter = dead_letter(record(raw), RejectError("too_large", "y" * 999))
    assert (letter.reason, letter.source_channel, letter.source_partition, letter.source_offset) == (
        "too_large", "news", 1, 42,
    )  # fmt: skip
    assert letter.raw == raw[:RAW_BYTES_KEPT]
    assert (letter.length_bytes, letter.sha256) == (256_000, hashlib.sha256(raw).hexdigest())
    assert len(letter.detail) == 200
    empty = dead_letter(record(None), RejectError("null_message"))
    assert (empty.raw, empty.length_bytes) == (b"", 0)


def test_the_record_of_a_dead_letter_holds_no_text() -> None:
    made = without_document(record(b"secret"), "dead_lettered", "invalid_json")
    assert (made.text, made.id, made.reason, made.observed_ms) == ("", "", "invalid_json", NOW_MS)


# -- from a Faust message


class Message(NamedTuple):
    """What Faust hands over of a record."""

    headers: Any = ()
    timestamp: float | None = NOW_MS / 1000
    topic: str = "t-news"
    partition: int = 1
    offset: int = 42
    value: bytes | None = b"{}"


def observed(message: Message) -> int:
    """Its arrival time, by a wall clock at `NOW_MS`."""
    return source_record(message, "news", NOW_MS).observed_ms


def test_the_header_is_the_arrival_time_and_else_kafkas_timestamp() -> None:
    assert observed(Message([("observed_ms", b"1700000000000")])) == 1_700_000_000_000
    assert observed(Message({"observed_ms": b"1700000000000"})) == 1_700_000_000_000
    assert observed(Message(timestamp=1_700_000_000.123)) == 1_700_000_000_123


@pytest.mark.parametrize("value", [b"", b"soon", b"-5", b"1e9", b"9" * 16, b"9" * 5000, None])
def test_a_header_that_is_no_time_is_as_none(value: bytes | None) -> None:
    assert observed(Message([("observed_ms", value)])) == NOW_MS


def test_nothing_arrives_in_the_future_whatever_a_producers_clock_says() -> None:
    assert observed(Message([("observed_ms", b"4070908800000")])) == NOW_MS
    assert observed(Message([("observed_ms", str(NOW_MS + 60_000).encode())])) == NOW_MS
    assert observed(Message(timestamp=4_070_908_800.0)) == NOW_MS
    assert observed(Message(timestamp=None)) == NOW_MS
    assert observed(Message(timestamp=-0.001)) == NOW_MS


def test_markers_and_backfill_are_read_from_headers() -> None:
    headers = [("marker", b"begin:0123456789ab"), ("backfill", b"1")]
    made = source_record(Message(headers, value=b""), "news", NOW_MS)
    assert (made.marker, made.backfill) == ("begin:0123456789ab", True)
    assert source_record(Message(headers), "news", NOW_MS).marker is None, "a record with a value is a document"
    for strange in (b"begin:\xff", b"begin:x", b"stop:0123456789ab"):
        assert source_record(Message([("marker", strange)], value=b""), "news", NOW_MS).marker is None
    plain = source_record(Message([("backfill", b"yes"), ("marker", b"")]), "news", NOW_MS)
    assert (plain.marker, plain.backfill) == (None, False)
