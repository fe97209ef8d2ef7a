"""What changes while one looks is seen; when something is away the pages say so, and come back by themselves."""

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from playwright.sync_api import Page, Route, expect
from test_pages import settled

AWAY = {"type": "redis-away", "title": "Redis does not answer", "status": 503, "detail": "counts cannot be read now"}


def test_numbers_change_while_one_looks(open_page: Callable[..., Page], stack: Any, played: Any):
    newest = max(datetime.fromisoformat(row["published_at"]) for row in played.rows)
    page = open_page("/?search=entity:Delta")
    settled(page)
    before = page.locator(".series-table tbody td.num").nth(1).inner_text()
    later = (newest + timedelta(minutes=1)).isoformat()
    row = {
        "text": "the crew at gate nine was kind",
        "sentiment": "positive",
        "entities": ["Delta"],
        "published_at": later,
    }
    stack.play([row | {"id": "late one"}], "more")
    expect(page.locator(".series-table tbody td.num").nth(1)).not_to_have_text(before, timeout=30_000)


def test_a_lost_stream_is_said_and_comes_back(open_page: Callable[..., Page], stack: Any, played: Any):
    page = open_page("/health")
    page.route("**/api/v1/stream*", lambda route: route.abort())
    page.goto(f"{stack.url}/")
    expect(page.locator(".live")).to_contain_text("Reconnecting…")
    page.unroute("**/api/v1/stream*")
    expect(page.locator(".live")).to_contain_text("As of", timeout=15_000)


def test_a_store_that_is_away_is_said_in_the_servers_words_and_asked_again(
    open_page: Callable[..., Page], stack: Any, played: Any
):
    def away(route: Route) -> None:
        headers = {"Content-Type": "application/problem+json", "Retry-After": "1"}
        route.fulfill(status=503, headers=headers, body=json.dumps(AWAY))

    page = open_page("/health")
    page.route("**/api/v1/series?*", away)
    page.goto(f"{stack.url}/")
    expect(page.locator(".failure").first).to_contain_text("Redis does not answer")
    page.unroute("**/api/v1/series?*")
    expect(page.locator(".series-table tbody tr").first).to_be_visible(timeout=15_000)
    settled(page)
    expect(page.locator(".failure")).to_have_count(0)


# The last one: bytes without a time of their own come back at the time of day, and event time goes there.
def test_a_dead_letter_is_sent_again_and_says_where_it_lies(open_page: Callable[..., Page], stack: Any, letters: int):
    page = open_page("/health")
    settled(page)
    before = stack.n_letters()
    rows = page.locator(".letters-table tbody tr")
    expect(rows).to_have_count(before)
    rows.first.get_by_role("button", name=re.compile("^Send social")).click()
    page.get_by_role("dialog").get_by_role("button", name="Send again").click()
    expect(page.locator(".toast")).to_contain_text(re.compile(r"It lies at social\[\d\]@\d+ now"))
    stack.wait_for_letters(before + 1)  # nobody mended it, so that it came back
    page.reload()
    expect(rows).to_have_count(before + 1)
