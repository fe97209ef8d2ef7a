"""The pages by keyboard alone: no test here uses the mouse."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect
from test_pages import PAGES, a_series, settled


def test_keys_lead_to_every_page_and_the_help_names_them(open_page: Callable[..., Page], played: Any):
    page = open_page("/")
    settled(page)
    for name in ("trend", "alerts", "rules", "label", "models", "health", "overview"):
        page.keyboard.press("g")
        page.keyboard.press(name[0])
        page.wait_for_function("path => location.pathname === path", arg=PAGES[name].split("?")[0])
        settled(page)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Go to Alerts")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_chart_is_read_zoomed_and_opened_by_keys(open_page: Callable[..., Page], stack: Any, played: Any):
    page = open_page(f"/trend?series={a_series(stack)}&hours=168&step=1h")
    settled(page)
    page.keyboard.press("c")
    chart = page.get_by_role("slider")
    expect(chart).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    words = chart.get_attribute("aria-valuetext") or ""
    assert "UTC" in words and a_series(stack) in words
    page.keyboard.press("+")
    expect(page.get_by_role("button", name="Zoom out")).to_be_visible()
    settled(page)
    page.keyboard.press("o")
    expect(page.get_by_role("button", name="Zoom out")).to_be_hidden()
    settled(page)
    page.keyboard.press("c")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.locator(".drawer h2")).to_be_focused()
    page.keyboard.press("Escape")
    expect(chart).to_be_focused()


def test_an_alert_is_found_and_judged_by_keys(open_page: Callable[..., Page], played: Any):
    page = open_page("/alerts?state=all")
    settled(page)
    page.keyboard.press("j")
    expect(page.locator(".alert-row .row-link").first).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_function("() => location.pathname.startsWith('/alerts/')")
    settled(page)
    expect(page.locator("h1")).to_be_focused()
    for _ in range(20):
        page.keyboard.press("Tab")
        if "False" in page.evaluate("document.activeElement.textContent"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_single_keys_can_be_switched_off(open_page: Callable[..., Page], played: Any):
    page = open_page("/")
    settled(page)
    page.keyboard.press("?")
    page.get_by_label("Single keys do something").press("Space")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_have_count(0)
