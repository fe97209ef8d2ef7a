"""Every page in both themes and two widths: nothing that axe-core finds, and pictures for people to look at."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page
from test_pages import PAGES, alert_id, settled

NARROW = {"width": 390, "height": 844}
OPENED = {
    "rule-fault": ("/rules", "New rule"), "rule-trial": ("/rules", "New rule"), "promote": ("/models", "Promote"),
    "gate": ("/models", "Gate report"), "answer": ("/label", "earnings"), "again": ("/health", "Send social"),
}  # fmt: skip
"""Looks of a page after a button was pressed: an editor, a dialog, an answer that is half given."""
RULE = 'name: desk\nseries: ["entity:*"]\nfalse_alarms_per_week: 10\nmax_series: 10\nseverity: critical\n'
CONTRAST = {"runOnly": ["color-contrast"]}
"""All that a theme changes for axe-core; the other rules have looked at the same elements already."""


@pytest.mark.parametrize("name", [*PAGES, *OPENED, "alert", "table", "drawer"])
def test_a_page_is_accessible_in_both_themes_and_fits_a_narrow_screen(
    open_page: Callable[..., Page], axe: Callable[..., list[str]], keep_picture: Callable[..., None], stack: Any, played: Any,
    candidate: str, letters: int, name: str,
):  # fmt: skip
    page = open_page(address(stack, name))
    settled(page)
    if name == "drawer":
        open_drawer(page)
    if name in OPENED:
        press(page, name)
    assert page.locator(".failure").count() == 0
    full = name not in {"drawer", "promote", "gate", "again"}
    keep_picture(page, f"{name}-light", full=full)
    assert axe(page) == []
    page.emulate_media(color_scheme="dark")
    settled(page)
    keep_picture(page, f"{name}-dark", full=full)
    assert axe(page, CONTRAST) == []
    page.set_viewport_size(NARROW)
    settled(page)
    keep_picture(page, f"{name}-narrow", full=full)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


def address(stack: Any, name: str) -> str:
    """Of a page by its name."""
    if name == "alert":
        return f"/alerts/{alert_id(stack)}"
    if name in OPENED:
        return OPENED[name][0]
    if name in {"table", "drawer"}:
        return f"/trend?series=all&hours=168{'&view=table&step=6h' if name == 'table' else ''}"
    return PAGES[name]


def press(page: Page, name: str) -> None:
    """Press the button that leads to a look, and write what it asks for."""
    page.get_by_role("button", name=OPENED[name][1]).first.click()
    if name == "rule-fault":
        page.get_by_label("The rule, as in a rules file").fill("name: mine\nseris: all\nfro: 5m")
        page.locator(".faults li").first.wait_for()
    if name == "rule-trial":
        page.get_by_label("The rule, as in a rules file").fill(RULE)
        page.get_by_role("button", name="Try it on").click()
        page.locator(".trial-says").wait_for(timeout=60_000)
    if name in {"promote", "gate", "again"}:
        page.get_by_role("dialog").wait_for()


def open_drawer(page: Page) -> None:
    """The documents behind the newest point, by keyboard."""
    page.locator(".chart").focus()
    page.keyboard.press("End")
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.locator(".drawer .documents-foot > *").first.wait_for()
