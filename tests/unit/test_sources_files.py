"""Reading files: every row comes out, as a document where it can be one and as it is where it cannot."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamwatch.channels import MAX_VALUE_BYTES
from streamwatch.codec import decode
from streamwatch.errors import ConfigError, RejectError
from streamwatch.records import Document
from streamwatch.sources.columns import Columns, parse_columns
from streamwatch.sources.dates import parse_date
from streamwatch.sources.drafts import merge, to_row
from streamwatch.sources.files import channels_named_in, read_rows
from streamwatch.sources.row import Row

NOON = 1577880000000
DOCUMENT = b'{"id":"a","text":"up","published_at":"2020-01-01T12:00:00Z"}'


def rows_of(path: Path, content: str | bytes, *columns: str) -> list[Row]:
    """The rows of a file with this content."""
    raw = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return list(read_rows(path, parse_columns(columns)))


def values(rows: list[Row]) -> list[Any]:
    """What the rows say, as JSON."""
    return [json.loads(row.value) for row in rows]


def reason(row: Row) -> str:
    """Why the worker would dead-letter a row."""
    with pytest.raises(RejectError) as caught:
        decode(row.value, Document)
    return caught.value.reason


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_csv_with_other_names_becomes_documents(tmp_path: Path, name: str) -> None:
    content = 'nr,when,body,ticker\n1,2020-01-01T12:00:00Z,"up, up",AAPL\n'
    (row,) = rows_of(tmp_path / name, content, "id=nr", "published_at=when", "text=body", "entities=ticker")
    assert decode(row.value, Document).entities == ("AAPL",)
    assert (row.key, row.published_ms) == (b"1", NOON)


def test_columns_of_the_same_name_are_taken_and_empty_cells_are_no_values(tmp_path: Path) -> None:
    content = "id,published_at,text,author,sentiment,other\n1,2020-01-01,up,,Positive,x\n2,2020-01-01,up,jo,,x\n"
    first, second = values(rows_of(tmp_path / "a.csv", content))
    assert first == {"id": "1", "published_at": "2020-01-01T00:00:00Z", "text": "up", "sentiment": "positive"}
    assert second["author"] == "jo"
    assert "sentiment" not in second


def test_a_field_can_be_left_out_on_purpose(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path / "a.csv", "published_at,text,sentiment\n2020-01-01,up,positive\n", "sentiment=")
    assert decode(row.value, Document).sentiment is None


def test_rows_of_one_id_become_one_document_with_all_entities(tmp_path: Path) -> None:
    lines = ["id,published_at,text,entities", "1,2020-01-01,up,A", "2,2020-01-01,down,B", "1,2020-01-01,up,C"]
    rows = rows_of(tmp_path / "a.csv", "\n".join(lines))
    assert [(v["id"], v["entities"]) for v in values(rows)] == [("1", ["A", "C"]), ("2", ["B"])]


def test_the_same_row_twice_stays_twice(tmp_path: Path) -> None:
    rows = rows_of(tmp_path / "a.csv", "id,published_at,text,entities\n" + "1,2020-01-01,up,A\n" * 2)
    assert len(rows) == 2


def test_rows_of_one_id_with_other_texts_are_not_merged(tmp_path: Path) -> None:
    rows = rows_of(tmp_path / "a.csv", "id,published_at,text,entities\n1,2020-01-01,up,A\n1,2020-01-01,down,B\n")
    assert len(rows) == 2


def test_a_row_without_an_id_gets_the_same_one_each_time(tmp_path: Path) -> None:
    content = "published_at,text\n2020-01-01,up\n2020-01-01,down\n"
    first, again = (rows_of(tmp_path / "a.csv", content) for _ in range(2))
    assert first == again
    assert first[0].key != first[1].key


def test_bad_rows_go_on_as_they_are(tmp_path: Path) -> None:
    content = b"id,published_at,text\n1,yesterday,up\n2,2020-01-01\n3,2020-01-01,\xff\xfe\n4,2020-01-01,\n"
    bad_date, short, no_utf8, empty = rows_of(tmp_path / "a.csv", content)
    assert json.loads(bad_date.value)["published_at"] == "yesterday"
    assert (bad_date.published_ms, reason(bad_date)) == (None, "wrong_type")
    assert reason(short) == "missing_field"
    assert reason(no_utf8) == "invalid_utf8"
    assert decode(empty.value, Document).text == ""


def test_json_lines_that_are_documents_pass_byte_for_byte(tmp_path: Path) -> None:
    line = b'{ "id":"a", "text":"up", "extra":1, "published_at":"2020-01-01T12:00:00Z", "channel":"news" }'
    (row,) = rows_of(tmp_path / "a.jsonl.gz", line + b"\r\n\n")
    assert row == Row(b"a", line, NOON, "news")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"id":"a","text":', "invalid_json"),
        (b"\xff\xfe", "invalid_utf8"),
        (b'{"id":"a","published_at":"2020-01-01T12:00:00Z"}', "missing_field"),
        (b'{"id":"a","text":5,"published_at":"2020-01-01T12:00:00Z"}', "wrong_type"),
        (b'{"id":"a","text":"up","published_at":"soon"}', "wrong_type"),
        (b'{"schema":"document.v9","id":"a","text":"up","published_at":"2020-01-01T12:00:00Z"}', "unknown_schema"),
        (b"[1]", "wrong_type"),
    ],
)
def test_bad_json_lines_go_on_unchanged(tmp_path: Path, line: bytes, expected: str) -> None:
    (row,) = rows_of(tmp_path / "a.jsonl", line)
    assert row.value == line
    assert reason(row) == expected


@pytest.mark.parametrize("date", ['"2020-01-01T12:00:00"', "1577880000", "1577880000000", '"1577880000"'])
def test_json_dates_that_can_be_read_are_written_in_rfc_3339(tmp_path: Path, date: str) -> None:
    (row,) = rows_of(tmp_path / "a.jsonl", f'{{"id":7,"text":"up","published_at":{date}}}')
    document = decode(row.value, Document)
    assert (document.id, row.published_ms) == ("7", NOON)


def test_a_json_object_without_an_id_gets_one(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path / "a.jsonl", '{"text":"up","published_at":"2020-01-01T12:00:00Z"}')
    assert decode(row.value, Document).id == row.key.decode()


def test_mapped_json_lines_merge_and_let_bad_lines_through(tmp_path: Path) -> None:
    lines = ['{"t":"up","at":1577880000,"id":1,"entities":["A"]}', '{"t":"up","at":1577880000,"id":1,"entities":["B"]}']
    rows = rows_of(tmp_path / "a.ndjson", "\n".join([*lines, "{broken"]), "text=t", "published_at=at")
    assert json.loads(rows[0].value)["entities"] == ["A", "B"]
    assert rows[1].value == b"{broken"


def test_a_line_longer_than_a_channel_takes_is_cut_and_the_next_is_whole(tmp_path: Path) -> None:
    long = b'{"id":"a","text":"' + b"x" * (MAX_VALUE_BYTES + 10) + b'"}'
    first, second = rows_of(tmp_path / "a.jsonl", long + b"\n" + DOCUMENT)
    assert len(first.value) == MAX_VALUE_BYTES
    assert second.value == DOCUMENT


def test_channels_are_found_in_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows_of(path, DOCUMENT[:-1] + b',"channel":"social"}\n' + DOCUMENT[:-1] + b',"channel":"else"}')
    assert channels_named_in(path) == {"social"}


@pytest.mark.parametrize(
    ("name", "content", "columns", "words"),
    [
        ("a.txt", "", [], "expected a file named"),
        ("a.csv", "", [], "empty, not even a header"),
        ("a.csv", "b,a\n", [], r"no column text for text \(--column text=NAME\); columns are a, b"),
        ("a.csv", "text,published_at\n", ["entities=ticker"], "no column ticker; columns are published_at, text"),
        ("a.jsonl", '{"a":1}', ["text=body"], "no column body; columns are a"),
        ("a.csv.gz", None, [], "Not a gzipped file"),
    ],
)
def test_faults_of_the_file_are_config_errors(
    tmp_path: Path, name: str, content: str | None, columns: list[str], words: str
) -> None:
    (tmp_path / name).write_text("no gzip" if content is None else content)
    with pytest.raises(ConfigError, match=words) as caught:
        read_rows(tmp_path / name, parse_columns(columns))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing.csv", "folder.csv"])
def test_a_file_that_cannot_be_opened_is_a_config_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ConfigError, match=name):
        read_rows(tmp_path / name)


def test_a_damaged_file_is_a_config_error_where_the_damage_is(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n".join([DOCUMENT] * 1000))[:-20])
    with pytest.raises(ConfigError, match=r"a\.jsonl\.gz: "):
        list(read_rows(path))


@pytest.mark.parametrize("option", ["text", "nothing=a"])
def test_a_column_option_that_makes_no_sense_is_refused(option: str) -> None:
    with pytest.raises(ConfigError, match=option):
        parse_columns([option])


@pytest.mark.parametrize("value", [None, True, float("nan"), 1e300, "", "2020-13-01", "99999999999999999999", [1]])
def test_what_is_no_date_gives_none(value: Any) -> None:
    assert parse_date(value) is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.sampled_from("ABCD"))))
def test_merging_loses_no_entity_of_any_text(lines: list[tuple[str, str, str]]) -> None:
    drafts = [{"id": i, "text": t, "entities": [e]} for i, t, e in lines]
    merged = list(merge(drafts))
    said = sorted((d["id"], d["text"], e) for d in merged for e in d["entities"])
    assert said == sorted(lines)


@given(st.dictionaries(st.sampled_from(["text", "id", "author", "published_at"]), st.text()))
def test_any_cells_become_a_row_with_a_key(fields: dict[str, str]) -> None:
    row = to_row(fields)
    assert row.key
    assert Columns({}).pick(json.loads(row.value))["id"].encode() == row.key
