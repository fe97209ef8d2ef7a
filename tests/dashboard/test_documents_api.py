"""Documents and alerts over HTTP: as many documents as the windows count, and all that is known of an alert."""

import csv
import io
from typing import Any

from running_dashboard import FROM_MS, NOW_MS, Dashboard

from streamwatch.timeline import HOUR_MS

SPAN = {"from_": FROM_MS, "to": NOW_MS}


def pages(dashboard: Dashboard, **question: Any) -> list[Any]:
    """All items of a question, page by page."""
    found: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = dashboard.get("/documents", **question, **cursor).json()
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


def test_behind_a_point_are_as_many_documents_as_it_counts(dashboard: Dashboard) -> None:
    trend = dashboard.get("/trends", series="ticker:AAPL", step="1h", **SPAN).json()
    columns = trend["columns"]
    for row in trend["series"][0]["points"][::7]:
        start_ms, n, unread = (row[columns.index(name)] for name in ("start_ms", "n", "n_unread"))
        page = dashboard.get("/documents", series="ticker:AAPL", from_=start_ms, to=start_ms + HOUR_MS).json()
        assert page["n_total"] == n + unread > 0


def test_pages_hold_each_document_once_and_copies_are_folded_with_their_number(dashboard: Dashboard) -> None:
    every = pages(dashboard, fold="false", limit=200, **SPAN)
    assert len({one["id"] for one in every}) == len(every) == 900
    folded = pages(dashboard, limit=200, **SPAN)
    assert len(folded) == 700 and sum(one["n_copies"] for one in folded) == 900


def test_a_document_has_labels_with_probabilities_and_its_place(dashboard: Dashboard) -> None:
    [one] = dashboard.get("/documents", text='"Document 12 about"', **SPAN, limit=1).json()["items"]
    assert one["topic"]["p"] == 0.7 and set(one["sentiment"]["probabilities"]) == {"negative", "neutral", "positive"}
    assert (one["partition"], one["offset"]) == (0, 178) and one["n_copies"] == 2
    assert [one["text"][start:end] for start, end in one["highlights"]] != []


def test_any_search_is_a_search_and_no_syntax_error(dashboard: Dashboard) -> None:
    for text in ('"', "NEAR(", "a AND", "*", "col:x", "'; DROP TABLE documents; --", "{}", "\x00", "日本"):
        assert dashboard.get("/documents", text=text, **SPAN).status_code == 200


def test_the_export_has_every_document_of_the_question(dashboard: Dashboard) -> None:
    question = {"series": "ticker:BA", "sentiment": "negative", **SPAN}
    shown = pages(dashboard, fold="false", limit=500, **question)
    answer = dashboard.get("/documents/export", format="json", **question)
    assert [row["id"] for row in answer.json()] == [one["id"] for one in shown]
    assert int(answer.headers["x-row-count"]) == len(shown) > 50
    rows = list(csv.DictReader(io.StringIO(dashboard.get("/documents/export", **question).text)))
    assert [row["text"] for row in rows] == [one["text"] for one in shown]


def test_a_made_up_cursor_is_refused(dashboard: Dashboard) -> None:
    answer = dashboard.get("/documents", cursor="no-cursor", **SPAN)
    assert (answer.status_code, answer.json()["type"]) == (422, "bad-cursor")


def test_an_alert_is_found_by_what_it_is(dashboard: Dashboard) -> None:
    [item] = dashboard.get("/alerts", state="firing", series="aapl", kind="negative_share").json()["items"]
    assert item["alert"]["id"] == "a1b2c3d4e5f6" and item["revision_count"] == 2
    assert "30 of 40 documents" in item["why"][0]
    for other in (
        {"state": "resolved"},
        {"series": "BA"},
        {"severity": "critical"},
        {"to": FROM_MS},
        {"rule": "others"},
    ):
        found = [one["alert"]["id"] for one in dashboard.get("/alerts", **other).json()["items"]]
        assert "a1b2c3d4e5f6" not in found  # other tests may have written alerts of their own


def test_an_alert_in_full_has_its_timeline_and_leads_to_its_documents(dashboard: Dashboard) -> None:
    alert = dashboard.get("/alerts/a1b2c3d4e5f6").json()
    assert [step["revision"] for step in alert["timeline"]] == [2]
    trend, documents = alert["evidence_links"]
    assert trend["href"].startswith("/trend?series=ticker%3AAAPL")
    found = dashboard.client.get(documents["href"]).json()["items"]
    assert found and all(one["counted"]["sentiment"] == "negative" for one in found)


def test_an_alert_that_is_not_there_is_a_problem(dashboard: Dashboard) -> None:
    answer = dashboard.get("/alerts/none")
    assert (answer.status_code, answer.json()["type"]) == (404, "no-alert")
