"""Hostile text in every field that a page shows: none of it runs, and it stands there as it was written.

Each page of these tests watches itself (`open_page`): a script that runs, a dialog, a request to another host or a report of the
content security policy fails it.
"""

import base64
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hostile import STRINGS
from playwright.sync_api import Page, expect
from test_pages import settled

from streamwatch.records import Alert, Drift, Evidence, EvidenceDocument, Member, Moved, Term

ALERT = "0123456789abcdef"


@pytest.fixture(scope="module")
def hostile(stack: Any, played: Any) -> datetime:
    """Documents, dead letters, alerts and decisions of nothing but hostile strings; when the documents begin."""
    newest = max(datetime.fromisoformat(row["published_at"]) for row in played.rows)
    begin = newest.replace(second=0, microsecond=0) + timedelta(minutes=2)
    stack.play(
        [_row(i, text, begin) for i, text in enumerate(STRINGS)] + [{"id": text} for text in STRINGS[:20]], "strange"
    )
    stack.write("alerts", [_alert(f"{i:016x}", text, begin) for i, text in enumerate(STRINGS)] + [_alert_of_all(begin)])
    for text in STRINGS[::20]:
        _decide(stack, text)
    stack.wait_for_documents(len(played.rows) + len(STRINGS))
    return begin


def _row(i: int, text: str, begin: datetime) -> dict[str, Any]:
    """A document that is hostile in each of its fields."""
    return {
        "id": f"{i} {text}"[:128], "text": f"{text} {i}", "published_at": (begin + timedelta(seconds=i // 4)).isoformat(),
        "source": text, "author": text, "entities": [text], "topic": text, "sentiment": "negative", "url": f"javascript:{i}",
    }  # fmt: skip


def _alert(id_: str, text: str, begin: datetime, **more: Any) -> Alert:
    return Alert(**{
        "id": id_, "revision": 1, "state": "firing", "rule": text, "series": f"entity:{text}", "kind": "negative_share",
        "severity": "critical", "onset": begin, "at": begin, "window_s": 60, "n": 9, "k": 8, "share": 0.89, "p0": 0.3,
        "p0_low": 0.2, "p0_high": 0.4, "k_expected": 2.7, "lift": 3.0, "score": 1e6, "threshold": 1e5,
        "evidence": Evidence(), "model": text,
        "detector": text, "labels": {text: text}, "routes": (text,),
    } | more)  # fmt: skip


def _alert_of_all(begin: datetime) -> Alert:
    """One that holds all strings in all of its lists."""
    documents = tuple(
        EvidenceDocument(
            id=text,
            text=text,
            published_at=begin,
            sentiment="negative",
            source=text,
            channel=text,
            partition=0,
            offset=i,
        )
        for i, text in enumerate(STRINGS)
    )
    terms = tuple(Term(term=text, n_documents=1, share_of_documents=0.1) for text in STRINGS)
    members = tuple(
        Member(id=f"m{i}", series=text, kind="negative_share", onset=begin, firing=True, n=1, k=1, k_expected=0.5,
               lift=2.0, score=9.0)
        for i, text in enumerate(STRINGS)
    )  # fmt: skip
    evidence = Evidence(
        documents=documents, terms=terms, entities=dict.fromkeys(STRINGS, 1), channels=dict.fromkeys(STRINGS, 1),
        n_distinct_texts=9,
    )  # fmt: skip
    moved = tuple(Moved(label=text, before=0.1, after=0.2, topic=text) for text in STRINGS[:20])
    drift = Drift(monitor="class_shares", model=STRINGS[0], e_value=9, threshold=5, moved=moved, topics=STRINGS[:20])
    return _alert(
        ALERT, STRINGS[1], begin, evidence=evidence, members=members, drift=drift, labels=dict.fromkeys(STRINGS, "x")
    )


def _decide(stack: Any, text: str) -> None:
    """A name, comments, a silence and a watchlist that are hostile."""
    client = stack.client
    client.put("/session/name", json={"name": text})
    client.put(f"/alerts/{ALERT}/acknowledgement", json={"comment": text})
    client.put(f"/alerts/{ALERT}/verdict", json={"true": True, "comment": text})
    client.post(
        "/silences",
        json={
            "matchers": {"series": [text], "rules": [text], "labels": {text: text}},
            "duration": "2h",
            "comment": text,
        },
    )
    client.put(f"/watchlists/{base64.urlsafe_b64encode(text.encode()).decode()[:20]}", json={"series": [text]})


def test_hostile_alerts_are_text_in_the_list_and_on_their_page(open_page: Callable[..., Page], hostile: datetime):
    page = open_page("/alerts?silenced=shown")
    settled(page)
    expect(page.locator(".alert-row")).to_have_count(200)
    page.goto(page.url.split("/alerts")[0] + f"/alerts/{ALERT}")
    settled(page)
    shown = page.locator("main").inner_text()
    assert [text for text in STRINGS if " ".join(text.split()) not in " ".join(shown.split())] == []


def test_hostile_documents_are_text_in_tables_charts_and_drawer(open_page: Callable[..., Page], hostile: datetime):
    begin_ms = int(hostile.timestamp() * 1000)
    page = open_page(f"/trend?series=all&from={begin_ms}&to={begin_ms + 60_000}&step=1m&view=table")
    settled(page)
    page.locator(".trend-table tbody button").first.click()
    page.locator(".document").first.wait_for()
    while page.get_by_role("button", name="Show more").count():
        n = page.locator(".document").count()
        page.get_by_role("button", name="Show more").click()
        page.wait_for_function("n => document.querySelectorAll('.document').length > n", arg=n)
    shown = " ".join(page.locator(".documents").inner_text().split())
    assert [i for i, text in enumerate(STRINGS) if " ".join(text.split()) not in shown] == []
    page.goto(page.url.split("/trend")[0] + "/?search=pwned")
    settled(page)
    assert page.locator(".series-table tbody tr").count() > 20
    page.locator(".series-table .row-link").first.click()
    settled(page)
    expect(page.locator(".chip")).to_contain_text("pwned")


@pytest.mark.parametrize("path", ["/label", "/health", "/rules", "/models", "/alerts?state=all"])
def test_other_pages_show_hostile_text_as_text(open_page: Callable[..., Page], hostile: datetime, path: str):
    page = open_page(path)
    settled(page)
    page.mouse.move(5, 5)
