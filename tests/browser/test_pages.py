"""What people do on the pages, on the real stack: see an alert come, go down to its documents, judge it, take rows home."""

import csv
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

PAGES = {
    "overview": "/", "trend": "/trend", "alerts": "/alerts?state=all", "rules": "/rules", "label": "/label",
    "models": "/models", "health": "/health",
}  # fmt: skip
"""Each page that the bar names."""


def a_series(stack: Any) -> str:
    """One that an alert is about."""
    return stack.get("/alerts", limit=1)["items"][0]["alert"]["series"]


def alert_id(stack: Any) -> str:
    return stack.get("/alerts", limit=1)["items"][0]["alert"]["id"]


def settled(page: Page) -> None:
    """Everything that was asked for is there: no skeleton, no part that waits."""
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator(".skeleton, [aria-busy=true]")).to_have_count(0)
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_an_alert_appears_while_the_list_is_open(played: Any):
    assert re.search(r"critical|warning|info", played.first_alert)
    assert "UTC" in played.first_alert


def test_the_overview_shows_series_by_surprise_and_leads_to_a_trend(open_page: Callable[..., Page], played: Any):
    page = open_page("/")
    settled(page)
    rows = page.locator(".series-table tbody tr")
    assert rows.count() > 2
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("Surprise")
    name = rows.first.locator(".row-link").inner_text()
    rows.first.locator(".row-link").click()
    expect(page.locator(".chip")).to_contain_text(name)
    expect(page.locator(".chart canvas")).to_have_count(2)


def test_a_point_leads_to_exactly_its_documents(open_page: Callable[..., Page], stack: Any, played: Any):
    series = a_series(stack)
    page = open_page(f"/trend?series={series}&step=1h&hours=168")
    settled(page)
    page.get_by_role("button", name="Table").click()
    row = page.locator(".trend-table tbody tr").first
    n, unread = int(row.locator("td").nth(4).inner_text().replace(",", "")), row.locator("td").last.inner_text()
    row.get_by_role("button").click()
    expect(page.locator(".drawer .document").first).to_be_visible()
    said = page.locator(".documents-said .hint").inner_text()
    assert int(said.split(" document")[0].replace(",", "")) == n + int(unread)
    page.get_by_label("Search these documents").fill("zzzunheard")
    expect(page.get_by_text("No document is like that")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".drawer")).to_have_count(0)


def test_a_verdict_an_acknowledgement_and_a_silence_are_kept(open_page: Callable[..., Page], stack: Any, played: Any):
    page = open_page(f"/alerts/{alert_id(stack)}")
    settled(page)
    page.get_by_role("button", name="Real").click()
    page.get_by_label("Comment").fill("the queue at the gate was real")
    page.get_by_role("dialog").get_by_role("button", name="Real").click()
    expect(page.locator(".badge", has_text="real")).to_be_visible()
    page.get_by_role("button", name="Acknowledge").click()
    page.get_by_role("dialog").get_by_role("button", name="Acknowledge").click()
    expect(page.locator(".badge", has_text="seen by Mara Lind")).to_be_visible()
    page.get_by_role("button", name="Silence…").click()
    page.get_by_label("Reason").fill("known")
    page.get_by_role("dialog").get_by_role("button", name="Silence").click()
    expect(page.locator(".badge", has_text="silenced")).to_be_visible()
    standing = stack.get(f"/alerts/{alert_id(stack)}")["standing"]
    assert standing["verdict"]["true"] is True
    assert standing["verdict"]["made_by"] == standing["acknowledgement"]["made_by"] == "Mara Lind"
    page.goto(f"{stack.url}/alerts?state=all")
    settled(page)
    expect(page.get_by_text("1 real, 0 false")).to_be_visible()
    page.get_by_role("button", name=re.compile("End the silence")).click()
    expect(page.get_by_text("None holds.")).to_be_visible()


@pytest.mark.parametrize("step", ["", "&step=1h"])
def test_an_export_holds_the_rows_that_are_shown(open_page: Callable[..., Page], stack: Any, played: Any, step: str):
    page = open_page(f"/trend?series={a_series(stack)}&hours=168{step}")
    settled(page)
    said = page.locator(".card-head .hint").inner_text()
    n_said = int(said.split(" row")[0].replace(",", ""))
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").first.click()
    rows = [row for row in csv.DictReader(io.StringIO(download.value.path().read_text())) if row]
    with page.expect_response(lambda answer: "/api/v1/trends?" in answer.url) as asked:
        page.reload()
    answer = asked.value.json()
    shown = [dict(zip(answer["columns"], point, strict=True)) for one in answer["series"] for point in one["points"]]
    assert n_said == len(rows) == len(shown) > 0
    assert [int(row["n"]) for row in rows] == [row["n"] for row in shown]


def test_a_chart_can_be_kept_as_a_picture(open_page: Callable[..., Page], stack: Any, played: Any):
    page = open_page(f"/trend?series={a_series(stack)}&hours=168")
    settled(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG").click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")


def test_a_watchlist_filters_the_pages(open_page: Callable[..., Page], stack: Any, played: Any):
    page = open_page("/")
    settled(page)
    page.locator(".series-table tbody .choose input").nth(1).check()
    page.get_by_role("button", name="Save as watchlist").click()
    page.get_by_role("textbox", name="Name").fill("mine")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.locator(".series-table tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Trend").click()
    expect(page.locator(".chip")).to_have_count(1)
    page.get_by_role("link", name="Overview").first.click()
    page.get_by_role("button", name="Delete the list").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".series-table tbody tr")).not_to_have_count(1)


def test_the_zone_is_named_and_can_be_the_viewers_own(open_page: Callable[..., Page], stack: Any, played: Any):
    page = open_page(f"/alerts/{alert_id(stack)}")
    settled(page)
    expect(page.locator(".live")).to_contain_text("UTC")
    page.get_by_label("Time zone of what is shown").select_option("own")
    expect(page.locator(".live")).to_contain_text("Europe/Berlin")
    expect(page.locator(".page-head .soft")).to_contain_text("Europe/Berlin")


def test_the_name_is_asked_before_the_first_write(open_page: Callable[..., Page], stack: Any, played: Any):
    page = open_page(f"/alerts/{alert_id(stack)}", named=False)
    settled(page)
    page.get_by_role("button", name="False alarm").click()
    page.get_by_role("dialog").get_by_role("button", name="False alarm").click()
    page.get_by_role("textbox", name="Name").fill("Otto Ruhe")
    page.get_by_role("button", name="Use this name").click()
    expect(page.locator(".badge", has_text="false alarm")).to_be_visible()
    assert stack.get(f"/alerts/{alert_id(stack)}")["standing"]["verdict"]["made_by"] == "Otto Ruhe"


def test_an_address_that_leads_nowhere_says_so(open_page: Callable[..., Page], stack: Any, played: Any):
    page = open_page("/alerts/no-such-alert")
    expect(page.get_by_text("There is no such alert")).to_be_visible()
    page.goto(f"{stack.url}/trend?series=ticker:NOBODY")
    expect(page.locator(".failure, .state")).to_be_visible()
