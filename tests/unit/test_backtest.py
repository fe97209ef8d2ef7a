"""`backtest` and `series`: what they write, what they refuse, and that given labels need no model."""

import json
import subprocess
import sys

import pytest

from streamwatch.backtest.documents import Documents
from streamwatch.backtest.report import report_of
from streamwatch.backtest.run import Backtest
from streamwatch.codec import decode, encode
from streamwatch.config import load
from streamwatch.inference.engine import NullEngine
from streamwatch.records import Alert
from streamwatch.sources.row import Row
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS, format_rfc3339

QUIET_DAYS = 4


def command(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "streamwatch", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=cwd,
        check=False,
    )


def rows(incident=90):
    """A third is negative for four days; then one negative a minute."""
    n = 0
    for at_ms in range(0, QUIET_DAYS * DAY_MS, 10 * MINUTE_MS):
        for sentiment in ("negative", "neutral", "positive"):
            n += 1
            yield n, at_ms, sentiment
    for minute in range(incident):
        n += 1
        yield n, QUIET_DAYS * DAY_MS + minute * MINUTE_MS, "negative"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "posts.csv"
    begins_ms = 1_700_000_000_000
    lines = [
        f"{n},{format_rfc3339(begins_ms + at_ms)},Delta,subject{n} verb{n * 7} object{n * 13},author{n},{sentiment}"
        for n, at_ms, sentiment in rows()
    ]
    path.write_text("id,date,company,text,author,label\n" + "\n".join(lines) + "\n")
    return path


MAPPED = ("--column", "published_at=date", "--column", "entities=company", "--sentiment-column", "label", "--no-model")


def test_it_tells_the_incident_with_its_documents_and_draws_it(table, tmp_path):
    out, picture = tmp_path / "alerts.jsonl", tmp_path / "alerts.png"
    done = command("backtest", str(table), *MAPPED, "--out", str(out), "--plot", str(picture), "--json")
    assert done.returncode == 0, done.stderr
    alerts = [decode(line, Alert) for line in out.read_bytes().splitlines()]
    assert {alert.series for alert in alerts} == {"entity:Delta"}
    assert len(alerts[0].evidence.documents) >= 5
    assert [alert.revision for alert in alerts] == list(range(1, len(alerts) + 1))
    report = json.loads(done.stdout)
    assert report["documents"] == report["counted"] == QUIET_DAYS * 144 * 3 + 90
    assert report["rules"][0]["fired"] == 1
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_rules_file_decides(table, tmp_path):
    rules, out = tmp_path / "rules.yml", tmp_path / "alerts.jsonl"
    rules.write_text("rules:\n  - name: elsewhere\n    series: 'ticker:*'\n")
    done = command("backtest", str(table), *MAPPED, "--rules", str(rules), "--out", str(out), "--json")
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == b""
    assert json.loads(done.stdout)["rules"][0] == {
        "name": "elsewhere", "fired": 0, "per_week": 0.0, "allowed_per_week": 7.0, "series": 0, "series_budgeted": 50,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("missing.csv",), "missing.csv: No such file"),
        (("posts.csv", "--column", "published_at=date", "--sentiment-column", "mood"), "no column mood"),
        (("posts.csv", *MAPPED, "--rules", "none.yml"), "none.yml: cannot be read"),
        (("posts.csv", *MAPPED, "--bucket", "7x"), "no multiple of 10s"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_file(table, arguments, said):
    done = command("backtest", *arguments, "--out", "alerts.jsonl", cwd=table.parent)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (table.parent / "alerts.jsonl").exists()


def test_given_labels_need_no_model():
    def no_model():
        raise AssertionError("the model was asked for")

    value = b'{"id":"1","text":"late again","published_at":"2020-01-01T00:00:00Z","sentiment":"negative"}'
    documents = Documents(load(), no_model, "social", given_only=True)
    [record] = documents.classified([Row(b"1", value, 1_577_836_800_000)])
    assert (record.counted_sentiment, record.counted_topic) == ("negative", "")


def test_what_the_model_cannot_read_is_counted_apart_whichever_copy_has_a_given_label():
    day = {"published_at": "2020-01-01T00:00:00Z"}
    documents_made = (
        {"id": "1", "text": "@jo https://t.co/x", "sentiment": "negative"},
        {"id": "2", "text": "https://t.co/y @jo"},
        {"id": "3", "text": "@jo https://t.co/z"},
        {"id": "4", "text": "up"},
    )
    made = [Row(b"", encode(document | day), 1_577_836_800_000) for document in documents_made]
    for size in (1, 4):
        documents = Documents(load(), NullEngine, "social", given_only=True)
        records = [one for start in range(0, 4, size) for one in documents.classified(made[start : start + size])]
        assert [(r.outcome, r.unread, r.counted_sentiment != "") for r in records] == [
            ("classified", "", True), ("classified", "nothing_left", False), ("duplicate", "nothing_left", False),
            ("classified", "", True),
        ]  # fmt: skip
        run = Backtest(load())
        run.feed(records)
        report = report_of(run, [], documents.rejected)
        assert (report["documents"], report["counted"], report["unread"]) == (4, 4, 2)
        assert sum(point.n for point in run.points["all"].values()) == 2


def test_how_rows_are_dealt_to_calls_changes_no_alert():
    def told(size):
        documents, run = Documents(load(), AssertionError, "social", given_only=True), Backtest(load())
        made = [_row(n, 1_700_000_000_000 + at_ms, sentiment) for n, at_ms, sentiment in rows(30)]
        alerts = []
        for start in range(0, len(made), size):
            alerts += run.feed(documents.classified(made[start : start + size]))
        return alerts + run.finish()

    assert told(100) == told(977)


def test_a_date_in_the_future_carries_no_time_away():
    documents = Documents(load(), AssertionError, "social", given_only=True, now_ms=lambda: 1_800_000_000_000)
    made = [
        _row(n, at_ms, "neutral") for n, at_ms in enumerate((1_700_000_000_000, 4_000_000_000_000, 1_700_000_060_000))
    ]
    assert [record.observed_ms for record in documents.classified(made)] == [1_700_000_000_000, 1_700_000_060_000]
    assert documents.rejected == {"date_in_future": 1}


def test_a_record_comes_when_it_says_and_not_when_it_was_published():
    documents, run = Documents(load(), AssertionError, "social", given_only=True), Backtest(load())
    empty = Row(b"x", b'{"id":"x","text":"","published_at":"2023-11-14T23:13:20Z"}', 1_700_003_600_000)
    run.feed(documents.classified([empty, _row(1, 1_700_000_000_000, "neutral")]))
    assert run.last_ms == 1_700_003_600_000
    assert documents.rejected == {"empty_text": 1}


def _row(n, at_ms, sentiment):
    document = {
        "id": str(n), "text": f"subject{n} verb{n * 7} object{n * 13}", "published_at": format_rfc3339(at_ms),
        "entities": ["Delta"], "author": f"a{n}", "sentiment": sentiment,
    }  # fmt: skip
    return Row(str(n).encode(), json.dumps(document).encode(), at_ms)


def test_a_new_series_that_speaks_up_is_said_to_emerge():
    documents, run = Documents(load(), AssertionError, "social", given_only=True), Backtest(load())
    begins_ms = 1_700_000_000_000
    made = [_row(n, begins_ms + at_ms, sentiment) for n, at_ms, sentiment in rows(0)]
    for i in range(60):
        at_ms = begins_ms + QUIET_DAYS * DAY_MS + i * HOUR_MS // 30
        value = json.loads(_row(9000 + i, at_ms, "negative").value) | {"entities": ["Newcomer"]}
        made.append(Row(str(9000 + i).encode(), json.dumps(value).encode(), at_ms))
    for start in range(0, len(made), 50):
        run.feed(documents.classified(made[start : start + 50]))
    run.finish()
    assert "entity:Newcomer" in run.emerged
    assert "entity:Delta" not in run.emerged
