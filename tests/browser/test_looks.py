"""Every page in both themes and two widths: nothing that axe-core finds, and pictures for people to look at."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page
from test_pages import PAGES, alert_id, settled

NARROW = {"width": 390, "height": 844}
CONTRAST = {"runOnly": ["color-contrast"]}
"""All that a theme changes for axe-core; the other rules have looked at the same elements already."""


@pytest.mark.parametrize("name", [*PAGES, "alert", "table", "drawer"])
def test_a_page_is_accessible_in_both_themes_and_fits_a_narrow_screen(
    open_page: Callable[..., Page], axe: Callable[..., list[str]], keep_picture: Callable[..., None], stack: Any, played: Any,
    name: str,
):  # fmt: skip
    page = open_page(address(stack, name))
    settled(page)
    if name == "drawer":
        open_drawer(page)
    assert page.locator(".failure").count() == 0
    keep_picture(page, f"{name}-light", full=name != "drawer")
    assert axe(page) == []
    page.emulate_media(color_scheme="dark")
    settled(page)
    keep_picture(page, f"{name}-dark", full=name != "drawer")
    assert axe(page, CONTRAST) == []
    page.set_viewport_size(NARROW)
    settled(page)
    keep_picture(page, f"{name}-narrow", full=name != "drawer")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


def address(stack: Any, name: str) -> str:
    """Of a page by its name."""
    if name == "alert":
        return f"/alerts/{alert_id(stack)}"
    if name in {"table", "drawer"}:
        return f"/trend?series=all&hours=168{'&view=table&step=6h' if name == 'table' else ''}"
    return PAGES[name]


def open_drawer(page: Page) -> None:
    """The documents behind the newest point, by keyboard."""
    page.locator(".chart").focus()
    page.keyboard.press("End")
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.locator(".drawer .documents-foot > *").first.wait_for()
