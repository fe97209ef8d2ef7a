"""What people do on Label, Rules and Models, on the real stack, and what it leaves behind."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from test_pages import settled

from streamwatch.codec import decode
from streamwatch.following.channel_log import records
from streamwatch.records import Answer

RULE = """name: airline-desk
series: ["entity:*"]
kinds: [negative_share]
false_alarms_per_week: 10
max_series: 10
labels: {team: desk}
"""
RULE_TEXT = "The rule, as in a rules file"
TRIED_MS = 60_000
"""A trial reads all documents of the stack, in a process that must start first."""
OPENED_MS = 90_000
"""A model is opened in a process of its own before it serves: ten seconds, and more on a busy machine."""


def test_documents_are_labelled_by_keyboard_alone(open_page: Callable[..., Page], stack: Any, played: Any):
    page = open_page("/label")
    settled(page)
    shown = page.locator(".document-meta .mono")
    first = shown.inner_text()
    page.keyboard.press("t")
    page.keyboard.type("merg")
    for key in ("Enter", "1", "m", "Enter"):
        page.keyboard.press(key)
    expect(shown).not_to_have_text(first)
    settled(page)
    said = answer(stack, first)
    assert (said.labeller, said.verdict, said.reading) == ("Mara Lind", "answered", "market")
    assert (said.topic, said.sentiment) == ("mergers and investments", "negative")

    second = shown.inner_text()
    page.keyboard.press("u")
    expect(shown).not_to_have_text(second)
    settled(page)
    assert answer(stack, second).verdict == "unsure"
    expect(page.locator(".progress-line")).to_contain_text("2 answers")
    page.keyboard.press("b")
    expect(shown).to_have_text(second)
    assert answer(stack, second).verdict == "undone"
    assert answer(stack, first).verdict == "answered"


def answer(stack: Any, document: str) -> Answer:
    """The newest answer to a document on the channel `labels`."""
    log = records(stack.settings, "labels", from_start=True, follow=False)
    return [one for one in (decode(value, Answer) for _, value in log if value) if one.id == document][-1]


def test_a_rule_is_mended_tried_and_saved_and_the_second_to_save_is_told(
    open_page: Callable[..., Page],
    axe: Callable[..., list[str]],
    keep_picture: Callable[..., None],
    stack: Any,
    played: Any,
):
    page, other = open_page("/rules"), open_page("/rules")
    write_rule(page, RULE.replace("series:", "seris:", 1))
    expect(page.locator(".faults li").first).to_contain_text("Line 2: ")
    expect(page.locator(".faults")).to_contain_text("did you mean `series`?")
    expect(page.get_by_role("button", name=re.compile("^Save"))).to_be_disabled()
    page.get_by_label(RULE_TEXT).fill(RULE)
    expect(page.get_by_role("button", name="Save without a trial")).to_be_enabled()
    page.get_by_role("button", name="Try it on").click()
    expect(page.locator(".trial-says")).to_contain_text(re.compile(r"Would have fired \d+ time"), timeout=TRIED_MS)

    write_rule(other, RULE)
    page.get_by_label("Comment").fill("the desk asks for airlines")
    page.get_by_role("button", name="Save", exact=True).click()
    made = page.get_by_role("region", name="Made here")
    expect(made).to_contain_text("airline-desk")
    expect(made).to_contain_text(re.compile("Revision 1, by Mara Lind, .*: the desk asks for airlines"))
    other.get_by_role("button", name="Save without a trial").click()
    expect(other.locator(".failure")).to_contain_text("Somebody else changed this rule")
    expect(other.locator(".failure")).to_contain_text("Mara Lind")
    expect(other.get_by_label(RULE_TEXT)).to_have_value(RULE)

    assert axe(page) == axe(other) == []
    keep_picture(page, "rule-made")
    keep_picture(other, "rule-second")

    page.get_by_role("button", name="Remove airline-desk").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No rule was made here yet")).to_be_visible()
    assert stack.get("/rules")["made_here"] == []


def write_rule(page: Page, text: str) -> None:
    """Open the editor with a new rule."""
    settled(page)
    page.get_by_role("button", name="New rule").click()
    page.get_by_label(RULE_TEXT).fill(text)


@pytest.mark.slow
def test_a_model_that_the_gate_refused_serves_by_force_alone_and_is_rolled_back(
    open_page: Callable[..., Page],
    axe: Callable[..., list[str]],
    keep_picture: Callable[..., None],
    stack: Any,
    candidate: str,
):
    page = open_page("/models")
    settled(page)
    row = page.get_by_role("row").filter(has_text=candidate)
    expect(row).to_contain_text("refused")
    row.get_by_role("button", name="Gate report").click()
    expect(page.get_by_role("dialog")).to_contain_text("turns 90 % of answers")
    page.get_by_role("dialog").get_by_role("button", name="Close").click()

    promote(page, row, "it looks good")
    expect(page.locator(".toast.bad")).to_contain_text("vellum harbour")
    assert stack.get("/models")["items"][0]["serving"] is True
    promote(page, row, "checked by hand", force=True)
    expect(row).to_contain_text("serves", timeout=OPENED_MS)
    settled(page)

    page.get_by_role("button", name="Roll back").click()
    page.get_by_label("Why").fill("it was worse")
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(page.get_by_role("row").filter(has_text="shipped").first).to_contain_text("serves")
    page.get_by_text("History, 2").click()
    expect(page.locator(".model-history")).to_contain_text("past the gate: checked by hand")
    assert axe(page) == []
    keep_picture(page, "models-history")
    assert [one["by"] for one in stack.get("/models")["history"]] == ["Mara Lind"] * 2


def promote(page: Page, row: Locator, why: str, *, force: bool = False) -> None:
    """Ask that the model of a row serves."""
    row.get_by_role("button", name="Promote").click()
    page.get_by_label("Why").fill(why)
    if force:
        page.get_by_role("checkbox").check()
    page.get_by_role("dialog").get_by_role("button", name="Promote").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
