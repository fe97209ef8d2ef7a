"""Series and trends over HTTP: the numbers are those of the windows, and a question that makes no sense is told so."""

import csv
import io
from typing import Any

import pytest
from redis import Redis
from running_dashboard import FROM_MS, NOW_MS, Dashboard

from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS, bucket_start, format_rfc3339
from streamwatch.trends.reading import TrendReader

SPAN = {"from_": FROM_MS, "to": NOW_MS}


def column(answer: Any, name: str, series: int = 0) -> list[Any]:
    """One column of a trend."""
    place = answer["columns"].index(name)
    return [row[place] for row in answer["series"][series]["points"]]


def refused(dashboard: Dashboard, status: int, type: str, **params: Any) -> Any:
    """The problem that a question for trends is answered with."""
    answer = dashboard.get("/trends", **params)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["type"]) == (status, type), answer.text
    return answer.json()


def test_points_are_the_windows(dashboard: Dashboard) -> None:
    answer = dashboard.get("/trends", series=["all", "ticker:AAPL"], step="1h", **SPAN).json()
    with Redis.from_url(dashboard.settings.redis) as client:
        for i, series in enumerate(("all", "ticker:AAPL")):
            windows = list(TrendReader(client, dashboard.settings.prefix).windows(series, FROM_MS, NOW_MS, HOUR_MS))
            for name in ("start_ms", "n", "negative", "distinct_texts", "distinct_authors", "amplification", "news"):
                assert column(answer, name, i) == [getattr(one, name) for one in windows]
    assert answer["n_rows"] == sum(len(one["points"]) for one in answer["series"])
    assert (answer["zone"], answer["watermark_ms"]) == ("UTC", NOW_MS)


def test_a_roll_up_keeps_the_least_and_the_greatest_share_of_its_minutes(dashboard: Dashboard) -> None:
    hours = dashboard.get("/trends", series="all", step="1h", **SPAN).json()
    minutes = dashboard.get("/trends", series="all", step="1m", **SPAN).json()
    shares: dict[int, list[float]] = {}
    for start_ms, share in zip(column(minutes, "start_ms"), column(minutes, "share"), strict=True):
        if share is not None:
            shares.setdefault(bucket_start(start_ms, HOUR_MS), []).append(share)
    low, high = column(hours, "share_low"), column(hours, "share_high")
    assert dict(zip(column(hours, "start_ms"), zip(low, high, strict=True), strict=True)) == {
        start_ms: (min(some), max(some)) for start_ms, some in shares.items()
    }


def test_the_usual_step_gives_at_most_two_thousand_points_and_is_said(dashboard: Dashboard) -> None:
    for hours, step_ms in (
        (1, 10_000),
        (24, MINUTE_MS),
        (7 * 24, 15 * MINUTE_MS),
        (30 * 24, HOUR_MS),
        (90 * 24, DAY_MS),
    ):
        answer = dashboard.get("/trends", series="all", from_=NOW_MS - hours * HOUR_MS, to=NOW_MS).json()
        assert answer["step_ms"] == step_ms, answer["step_why"]
        assert answer["step_why"].startswith({10_000: "10 s", 60_000: "1 min"}.get(step_ms, "")), answer["step_why"]


def test_times_may_be_rfc3339_or_milliseconds(dashboard: Dashboard) -> None:
    as_text = dashboard.get("/trends", series="all", from_=format_rfc3339(FROM_MS), to=format_rfc3339(NOW_MS)).json()
    assert as_text == dashboard.get("/trends", series="all", **SPAN).json()


@pytest.mark.parametrize("step", ["7m", "12h", "3d", "420000"])
def test_a_step_that_is_not_usual_is_answered_too(dashboard: Dashboard, step: str) -> None:
    answer = dashboard.get("/trends", series="all", step=step, **SPAN).json()
    assert sum(column(answer, "n")) >= sum(column(dashboard.get("/trends", series="all", **SPAN).json(), "n"))
    assert all(start_ms % answer["step_ms"] == 0 for start_ms in column(answer, "start_ms"))


def test_questions_that_make_no_sense_are_told_so(dashboard: Dashboard) -> None:
    near = refused(dashboard, 404, "no-series", series="ticker:APL", **SPAN)["near"]
    assert "ticker:AAPL" in near
    refused(dashboard, 422, "span-too-long", series="all", from_=NOW_MS - 50 * 365 * DAY_MS, to=NOW_MS)
    refused(dashboard, 422, "too-many-points", series="all", from_=NOW_MS - 50 * 365 * DAY_MS, to=NOW_MS, step="1m")
    refused(dashboard, 422, "no-span", series="all", from_=NOW_MS, to=FROM_MS)
    assert "multiple of 10s" in refused(dashboard, 422, "not-valid", series="all", step="7s", **SPAN)["detail"]
    refused(dashboard, 422, "not-valid", series="all", from_="yesterday")
    refused(dashboard, 422, "not-valid", from_=FROM_MS)
    assert refused(dashboard, 422, "unknown-parameter", series="all", form=FROM_MS)["near"] == ["from"]


def test_a_filter_that_is_a_series_is_read_from_its_windows(dashboard: Dashboard) -> None:
    filtered = dashboard.get("/trends", series="all", topic="earnings", step="1h", **SPAN).json()
    itself = dashboard.get("/trends", series="topic:earnings", step="1h", **SPAN).json()
    assert filtered == itself and filtered["series"][0]["counted_from"] == "windows"


def test_crossed_filters_are_counted_from_documents_and_have_no_baseline(dashboard: Dashboard) -> None:
    crossed = dashboard.get("/trends", series="ticker:AAPL", topic="earnings", step="1h", **SPAN).json()
    [line] = crossed["series"]
    assert (line["counted_from"], line["baseline"]) == ("documents", None) and "documents" in line["baseline_why"]
    news = dashboard.get("/trends", series="ticker:AAPL", source_kind="news", step="1h", **SPAN).json()
    whole = dashboard.get("/trends", series="ticker:AAPL", step="1h", **SPAN).json()
    assert column(news, "n") == column(whole, "news") and sum(column(crossed, "n")) < sum(column(whole, "n"))


def test_alerts_of_the_series_stand_in_the_span(dashboard: Dashboard) -> None:
    marks = dashboard.get("/trends", series="ticker:AAPL", **SPAN).json()["alerts"]
    assert [(one["series"], one["onset_ms"], one["end_ms"]) for one in marks] == [
        ("ticker:AAPL", NOW_MS - HOUR_MS, None)
    ]
    assert dashboard.get("/trends", series="ticker:BA", **SPAN).json()["alerts"] == []
    assert dashboard.get("/trends", series="ticker:AAPL", from_=FROM_MS, to=FROM_MS + HOUR_MS).json()["alerts"] == []


@pytest.mark.parametrize("step", ["1m", "1h", "7m"])
def test_an_export_has_exactly_the_rows_of_the_answer(dashboard: Dashboard, step: str) -> None:
    question: dict[str, Any] = {"series": ["all", "ticker:BA"], "step": step, **SPAN}
    answer = dashboard.get("/trends", **question).json()
    rows = [[one["name"], *row] for one in answer["series"] for row in one["points"]]
    found = dashboard.get("/trends/export", format="json", **question)
    names = ["series", *answer["columns"]]
    assert [[row[name] for name in names] for row in found.json()] == rows
    assert int(found.headers["x-row-count"]) == len(rows) == answer["n_rows"]
    as_csv = list(csv.DictReader(io.StringIO(dashboard.get("/trends/export", **question).text)))
    assert [[row[name] for name in names] for row in as_csv] == [
        ["" if one is None else str(one) for one in row] for row in rows
    ]


def test_series_are_sorted_and_paged_without_a_gap(dashboard: Dashboard) -> None:
    whole = dashboard.get("/series", sort="n", hours=24).json()
    found: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = dashboard.get("/series", sort="n", hours=24, limit=2, **cursor).json()
        found += page["items"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert [one["name"] for one in found] == [one["name"] for one in whole["items"]]
    assert found[0]["name"] == "all" and [one["n"] for one in found] == sorted(
        (one["n"] for one in found), reverse=True
    )


def test_a_series_says_what_its_windows_hold_and_which_alerts_are_open(dashboard: Dashboard) -> None:
    page = dashboard.get("/series", search="aapl").json()
    [row] = page["items"]
    trend = dashboard.get("/trends", series="ticker:AAPL", from_=page["from_ms"], to=page["to_ms"], step="1h").json()
    assert (row["n"], row["negative"]) == (sum(column(trend, "n")), sum(column(trend, "negative")))
    assert (sum(row["spark"]["n"]), len(row["spark"]["n"]), row["kind"]) == (row["n"], 24, "ticker")
    assert row["alerts"] == ["a1b2c3d4e5f6"]
    assert [one["name"] for one in dashboard.get("/series", kind="topic", sort="name").json()["items"]] == [
        "topic:customer_service", "topic:earnings", "topic:macro",
    ]  # fmt: skip


def test_the_series_whose_negatives_surprise_most_stands_first(dashboard: Dashboard) -> None:
    page = dashboard.get("/series", hours=2).json()  # the running hour has just begun
    first, *others = page["items"]
    assert first["name"] == "ticker:AAPL" and first["surprise"] > max(one["surprise"] or -9 for one in others)
    assert first["negative"] > first["k_expected"] and first["p0_low"] < first["p0"] < first["p0_high"]
    assert first["state"] in ("tested", "pending", "firing") and first["last_ms"] >= NOW_MS - HOUR_MS


def test_a_tested_series_has_a_baseline_and_one_without_says_why(dashboard: Dashboard) -> None:
    answer = dashboard.get("/trends", series="all", step="6h", **SPAN).json()
    [line] = answer["series"]
    assert [band[0] for band in line["baseline"]] == list(
        range(bucket_start(FROM_MS, 6 * HOUR_MS), NOW_MS, 6 * HOUR_MS)
    )
    assert all(low <= p0 <= high for _, p0, low, high in line["baseline"]) and line["baseline_why"] == ""
    [without] = dashboard.get("/trends", series="all", baseline="false", **SPAN).json()["series"]
    assert without["baseline"] is None and without["baseline_why"] == "not asked for"


def test_shares_of_voice_add_up_to_one(dashboard: Dashboard) -> None:
    items = dashboard.get("/series/share-of-voice", prefix="ticker:").json()["items"]
    assert {one["name"] for one in items} == {"ticker:AAPL", "ticker:BA", "ticker:DAL"}
    assert sum(one["part"] for one in items) == pytest.approx(1)


def test_a_cursor_of_another_question_is_refused(dashboard: Dashboard) -> None:
    cursor = dashboard.get("/series", sort="n", limit=1).json()["next"]
    for changed in ({"sort": "name", "cursor": cursor}, {"sort": "n", "cursor": cursor[:-4]}, {"cursor": "x"}):
        answer = dashboard.get("/series", **changed)
        assert (answer.status_code, answer.json()["type"]) == (422, "bad-cursor")


def test_an_answer_that_has_not_changed_is_not_sent_again(dashboard: Dashboard) -> None:
    first = dashboard.get("/trends", series="all", **SPAN)
    again = dashboard.request(
        "GET", "/trends", params={"series": "all", "from": FROM_MS, "to": NOW_MS},
        headers={"If-None-Match": first.headers["etag"]},
    )  # fmt: skip
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert "no-store" in first.headers["cache-control"]


def test_a_body_of_ten_megabytes_is_refused_also_when_it_comes_in_pieces(dashboard: Dashboard) -> None:
    body = b'{"true": true, "comment": "' + b"x" * 10_000_000 + b'"}'
    pieces = (body[start : start + 100_000] for start in range(0, len(body), 100_000))
    for content in (body, pieces):
        answer = dashboard.request(
            "PUT", "/alerts/a1b2c3d4e5f6/verdict", content=content, headers={"Content-Type": "application/json"}
        )
        assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
        assert "content-security-policy" in answer.headers
