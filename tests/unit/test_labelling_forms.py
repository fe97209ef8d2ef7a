"""Files to fill in: Label Studio's format as it is published, tables that people edited, and what an import makes of them."""

import csv
import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from streamwatch.commands.labels import _tell, labels
from streamwatch.errors import ConfigError
from streamwatch.inference.engine import TOPICS
from streamwatch.labelling.answers import Answers
from streamwatch.labelling.examples import answer, sample
from streamwatch.labelling.exports import label_studio, table
from streamwatch.labelling.filled import READINGS, Filled
from streamwatch.labelling.imports import Plan, plan
from streamwatch.labelling.samples import Samples
from streamwatch.records import SENTIMENTS, Answer
from streamwatch.timeline import from_ms

NOW_MS = 1_767_600_000_000
KNOWN = ("earnings", "mergers and investments")

PUBLISHED = """[{
  "id": 1, "created_at": "2026-01-05T07:00:00.749513Z", "updated_at": "2026-01-05T08:16:08.746926Z", "project": 83,
  "data": {"text": "Sales fell", "document_id": "d1"},
  "annotations": [
    {"id": 1001, "was_cancelled": false, "ground_truth": false, "created_at": "2026-01-05T08:00:00.728353Z",
     "updated_at": "2026-01-05T08:16:08.728378Z", "lead_time": 4.288, "result_count": 0, "task": 1, "completed_by": 10,
     "result": [
       {"from_name": "topic", "id": "Dx_aB91ISN", "to_name": "text", "type": "choices", "origin": "manual",
        "value": {"choices": ["earnings"]}},
       {"from_name": "sentiment", "id": "Dx_aB91ISO", "to_name": "text", "type": "choices", "origin": "manual",
        "value": {"choices": ["negative"]}}]},
    {"id": 1002, "was_cancelled": true, "completed_by": 11, "result": []}
  ],
  "predictions": [], "drafts": [], "meta": {}, "total_annotations": 1
}]"""
"""A finished task with all fields that https://labelstud.io/guide/task_format names; one person has skipped it."""


def drawn(*ids: str) -> Samples:
    """Samples of these ids."""
    samples = Samples()
    for one in ids:
        samples.apply(sample(one))
    return samples


def judged(rows: list[Filled], answers: Answers | None = None) -> Plan:
    """The plan of an import where d1 and d2 were drawn."""
    return plan(rows, drawn("d1", "d2"), Answers() if answers is None else answers, KNOWN, "ana", now_ms=NOW_MS)


# -- Label Studio


def test_an_export_in_the_published_format_becomes_an_answer() -> None:
    [row] = label_studio.read(PUBLISHED.encode())
    assert row == Filled(
        "task 1, annotation 1", "d1", "account-10", "", "earnings", "negative", "", answered_ms=1_767_600_968_728
    )
    [made] = judged([row]).new
    assert (made.topic, made.sentiment, made.reading, made.text) == (
        "earnings",
        "negative",
        "cannot_tell",
        "Sales fell",
    )
    assert made.prediction == sample("d1").prediction


def test_tasks_have_data_and_what_the_model_says_only_where_it_is_asked_for() -> None:
    [task] = json.loads(label_studio.write([sample("d1", text="<b>\u2028 & 'x'")]))
    assert list(task) == ["data"]
    assert task["data"]["text"] == "<b>\u2028 & 'x'"
    [shown] = json.loads(label_studio.write([sample("d1")], with_predictions=True))
    [prediction] = shown["predictions"]
    assert prediction["model_version"] == "example"
    assert [(item["from_name"], item["type"], item["value"]["choices"]) for item in prediction["result"]] == [
        ("topic", "choices", ["earnings"]), ("sentiment", "choices", ["negative"]),
    ]  # fmt: skip


def test_the_interface_asks_what_the_reader_understands() -> None:
    view = ElementTree.fromstring(label_studio.interface(TOPICS))
    assert view.find("Text").attrib == {"name": "text", "value": "$text"}  # type: ignore[union-attr]
    asked = {one.get("name"): [choice.get("value") for choice in one] for one in view.iter("Choices")}
    assert {one.get("toName") for one in view.iter("Choices")} == {"text"}
    assert asked == {
        "topic": list(TOPICS), "sentiment": list(SENTIMENTS), "reading": list(READINGS),
        "verdict": ["none_of_these", "unsure", "personal_data"],
    }  # fmt: skip


def test_label_studio_itself_accepts_interface_and_tasks() -> None:
    sdk = pytest.importorskip("label_studio_sdk.label_interface", reason="label-studio-sdk is not installed")
    interface = sdk.LabelInterface(label_studio.interface(TOPICS))
    assert interface.validate() is None
    [task] = json.loads(label_studio.write([sample("d1")], with_predictions=True))
    assert interface.validate_task({"data": task["data"]})
    assert interface.validate_prediction(task["predictions"][0])
    [done] = json.loads(PUBLISHED)
    assert interface.validate_annotation(done["annotations"][0])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("{}", "no export of Label Studio"),
        ("[1]", "no export of Label Studio"),
        ('[{"id": 1, "text": "x", "topic": "earnings"}]', "task 1: no data.document_id"),
        ('[{"data": {"document_id": 7}}]', "task 1: no data.document_id"),
        ('[{"data": {"document_id": "d1"}, "annotations": 3}]', "task 1: no data.document_id"),
        ('[{"data": {"document_id": "d1"}, "annotations": ["x"]}]', "task 1: no annotation"),
        ('[{"data": {"document_id": "d1"}, "annotations": [{"result": [{"type": "labels"}]}]}]', "task 1: a result"),
        ('[{"data": {"document_id": "d1"}, "annotations": [{"updated_at": "soon", "result": []}]}]', "task 1: 'soon'"),
        ("[{", "no export of Label Studio"),
    ],
)
def test_what_is_no_export_of_ours_is_said_with_its_task(change: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        label_studio.read(change.encode())


# -- tables


def test_a_table_of_answers_is_read_as_it_was_written() -> None:
    said = [
        answer("d1", "ana", topic="earnings", sentiment="negative", reading="market", answered_at=from_ms(NOW_MS)),
        answer("d2", "ana", verdict="unsure", answered_at=from_ms(NOW_MS)),
    ]
    for rows in (table.read_csv(table.write_csv(said)), table.read_jsonl(table.write_jsonl(said))):
        assert judged(rows).new == said


@given(
    st.text(st.characters(codec="utf-8"), max_size=30), st.text(st.characters(codec="utf-8"), min_size=1, max_size=9)
)
@settings(deadline=None)
def test_no_text_and_no_id_breaks_a_table(text: str, document_id: str) -> None:
    written = table.write_csv([sample(document_id, text=text)])
    [row] = csv.DictReader(io.StringIO(written.decode(), newline=""))
    assert not row["text"].startswith(("=", "+", "-", "@"))
    if document_id[0] != "'":
        assert [one.id for one in table.read_csv(written)] == [document_id]
    assert [one.id for one in table.read_jsonl(table.write_jsonl([sample(document_id, text=text)]))] == [document_id]


def test_tables_of_other_programs_are_read() -> None:
    rows = table.read_csv("\ufeffid;topic;sentiment\r\nd1;Mergers And Investments; NEUTRAL \r\n".encode())
    [made] = judged(rows).new
    assert (made.topic, made.sentiment) == ("mergers and investments", "neutral")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "row 1: no column id"),
        (b"text,topic\nx,earnings\n", "row 1: no column id among text, topic"),
        (b"id,topic\n,earnings\n", "row 2: no id"),
        (b"id,topic\nd1,\xe9\n", "not UTF-8"),
        (b"id,topic,answered_at\nd1,earnings,today\n", "row 2: answered_at 'today'"),
    ],
)
def test_what_is_no_table_is_said_with_its_row(raw: bytes, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        table.read_csv(raw)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'{"id":"d1"}\n[1]\n', "line 2: no JSON object"),
        (b'{"id":7}', "line 1: no id"),
        (b'{"id":"d1","topic":["earnings"]}', "line 1: topic is no text"),
        (b"\xff", "line 1: no JSON object"),
    ],
)
def test_what_is_no_line_is_said_with_its_number(raw: bytes, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        table.read_jsonl(raw)


# -- imports


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (Filled("row 2", "x", topic="earnings"), "row 2: no document x in the queue"),
        (Filled("row 2", "d1", topic="sport"), "row 2: topic 'sport' is none of: earnings; mergers and investments"),
        (Filled("row 2", "d1", sentiment="angry"), "row 2: sentiment 'angry'"),
        (Filled("row 2", "d1", topic="earnings", reading="both"), "row 2: reading 'both'"),
        (Filled("row 2", "d1", verdict="skipped"), "row 2: verdict 'skipped'"),
        (Filled("row 2", "d1", verdict="answered"), "row 2: an answer names a topic"),
        (Filled("row 2", "d1", verdict="unsure", topic="earnings"), "row 2: unsure has neither"),
        (
            Filled("row 2", "d1", verdict="none_of_these", topic="earnings"),
            "row 2: none of these topics, and 'earnings'",
        ),
        (Filled("row 2", "d1", labeller="x" * 200, topic="earnings"), "row 2: Expected `str` of length <= 128"),
        (Filled("row 2", "d1", labeller="\x1f", topic="earnings"), "row 2: Expected `str` of length >= 1"),
    ],
)
def test_a_faulty_row_is_said_and_its_neighbours_are_judged(row: Filled, said: str) -> None:
    found = judged([row, Filled("row 3", "d2", topic="earnings")])
    assert [one.id for one in found.new] == ["d2"]
    assert len(found.faults) == 1
    assert found.faults[0].startswith(said)


def test_the_same_labeller_cannot_say_two_things_in_one_file() -> None:
    rows = [Filled(f"row {n}", "d1", topic=topic) for n, topic in ((2, "earnings"), (3, "earnings"), (4, KNOWN[1]))]
    found = judged(rows)
    assert (len(found.new), found.n_unchanged) == (1, 1)
    assert found.faults == ["row 4: ana says something else of d1 than in row 2"]
    said = Answers([answer("d1", "ana", topic=KNOWN[1], answered_at=from_ms(NOW_MS))])
    older = judged([Filled(f"row {n}", "d1", topic="earnings", answered_ms=1) for n in (2, 3)], said)
    assert (older.new, len(older.older), older.n_unchanged) == ([], 1, 1)


def test_a_later_answer_replaces_and_an_old_export_does_not() -> None:
    before = Answers([answer("d1", "ana", topic="earnings", answered_at=from_ms(NOW_MS))])
    old, new = (Filled("task 1", "d1", "ana", topic=KNOWN[1], answered_ms=NOW_MS + shift) for shift in (-1, 1))
    assert (judged([old], before).new, len(judged([old], before).older)) == ([], 1)
    found = judged([new], before)
    assert len(found.new) == 1
    assert found.changed == [f"d1, ana: earnings → {KNOWN[1]}"]
    undone = Answers([answer("d1", "ana", verdict="undone", answered_at=from_ms(NOW_MS))])
    assert judged([old], undone).new == []


def test_people_who_differ_are_listed_and_heard() -> None:
    before = Answers([answer("d1", "ben", topic=KNOWN[1], sentiment="neutral")])
    found = judged([Filled("row 2", "d1", topic="earnings", sentiment="neutral")], before)
    assert len(found.new) == 1
    assert found.conflicts == [f"d1: topic: ana earnings, ben {KNOWN[1]}"]


def test_a_document_that_was_answered_once_is_known_after_its_sample_is_gone() -> None:
    before = Answers([answer("gone", "ben", topic="earnings")])
    [made] = judged([Filled("row 2", "gone", topic="earnings")], before).new
    assert isinstance(made, Answer)
    assert made.labeller == "ana"


# -- the command


def test_nothing_that_a_document_calls_itself_reaches_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    told = "d\x1b]0;x\x07\x1b[31m1: topic: ana earnings, ben markets"
    _tell(Plan(conflicts=[told], faults=[told]), as_json=False, written=True)
    assert all(line.isprintable() for said in capsys.readouterr() for line in said.splitlines())


def test_the_command_says_which_file_and_what_it_may_be(tmp_path: Path) -> None:
    invoke = CliRunner().invoke
    odd = tmp_path / "answers.xlsx"
    odd.write_bytes(b"")
    assert "say what it is by --format" in str(invoke(labels, ["import", str(odd)]).exception)
    assert "cannot be read" in str(invoke(labels, ["import", str(tmp_path / "none.csv")]).exception)
    bad = tmp_path / "bad.csv"
    bad.write_bytes(b"text\n")
    assert f"{bad}: row 1: no column id" in str(invoke(labels, ["import", str(bad)]).exception)
    refused = invoke(labels, ["export", "--format", "label-studio", "--answered"]).exception
    assert isinstance(refused, ConfigError)


def test_the_interface_is_printed_without_a_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMWATCH_MODEL", "null")
    printed: Any = CliRunner().invoke(labels, ["interface"])
    assert printed.output.startswith("<View>")
