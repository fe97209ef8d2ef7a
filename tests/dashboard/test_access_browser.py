"""A page of another origin, and a name that was pointed at us, in a real browser: neither can write, or even read.

The other site is a server of its own on loopback. Chromium is told to resolve `rebound.example` to 127.0.0.1, as a DNS
server of an attacker would, so that the page and the dashboard are one origin to it.
"""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from access_server import API, Served

from streamwatch.config import Settings, load
from streamwatch.embedded import RedisServer, Tansu, embedded_settings

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = "/usr/bin/chromium"
REBOUND = "rebound.example"
TARGET = f"{API}/watchlists/stolen"

pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no browser at {CHROMIUM}")

ATTACKS = """
async (target) => {
  const body = JSON.stringify({ series: ["all"] });
  const tries = {
    "json": { method: "PUT", headers: { "Content-Type": "application/json" }, body },
    "json with cookies": { method: "PUT", headers: { "Content-Type": "application/json" }, body, credentials: "include" },
    "no-cors post": {
      method: "POST", mode: "no-cors", headers: { "Content-Type": "text/plain" }, body, credentials: "include",
    },
    "no-cors read": { mode: "no-cors", credentials: "include" },
    "read": { credentials: "include" },
  };
  const answers = {};
  for (const [name, options] of Object.entries(tries)) {
    try {
      const answer = await fetch(target, options);
      answers[name] = answer.type === "opaque" ? "opaque" : `${answer.status} ${(await answer.text()).slice(0, 80)}`;
    } catch (error) { answers[name] = "refused"; }
  }
  return answers;
}
"""


@pytest.fixture(scope="module")
def here(tansu: Tansu, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A dashboard on this machine, without a log-in: the one that a page could hurt."""
    settings = load(
        prefix=f"b{tmp_path_factory.mktemp('b').name}-", documents=str(tmp_path_factory.mktemp("documents")), model="null",
        **embedded_settings(tansu.url, redis_server.url),
    )  # fmt: skip
    with Served(settings) as one:
        yield one


@pytest.fixture(scope="module")
def with_log_in(here: Served) -> Iterator[Served]:
    """The same where everybody logs in."""
    settings: Settings = here.settings.model_copy(update={"dashboard_login": "always"})
    with Served(settings) as one:
        yield one


class OtherSite(BaseHTTPRequestHandler):
    """Pages of somebody else: a blank one, and a form that sends itself."""

    def do_GET(self) -> None:
        target = self.path.partition("?to=")[2]
        form = (
            f'<form id="f" method="post" enctype="text/plain" action="{target}"><input name=\'{{"series":["all"],"a":"\''
            ' value=\'"}\'></form><script>document.getElementById("f").submit()</script>'
        )
        body = f"<!doctype html><title>other</title>{form if target else ''}".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def other_site() -> Iterator[str]:
    """Its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), OtherSite)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, whose DNS the attacker has."""
    with sync_api.sync_playwright() as playwright:
        one = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1"]
        )
        yield one
        one.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page of a browser without memories."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


def lists(served: Served) -> Any:
    """What is there: of whoever sits here."""
    return served.client().get(f"{API}/watchlists").json()["items"]


def test_a_page_of_another_origin_can_neither_write_nor_read(here: Served, page: Any, other_site: str) -> None:
    page.goto(other_site)
    answers = page.evaluate(ATTACKS, f"{here.url}{TARGET}")
    assert {name: said for name, said in answers.items() if said not in ("refused", "opaque")} == {}
    assert lists(here) == []


def test_a_form_of_another_origin_that_sends_itself_is_refused(here: Served, page: Any, other_site: str) -> None:
    with page.expect_response(lambda answer: answer.url.startswith(here.url)) as sent:
        page.goto(f"{other_site}?to={here.url}{TARGET}", wait_until="commit")
    assert sent.value.status in (403, 405, 415)
    assert lists(here) == []


def test_a_name_that_was_pointed_at_us_can_neither_write_nor_read(here: Served, page: Any) -> None:
    rebound = f"http://{REBOUND}:{here.port}"
    answer = page.goto(f"{rebound}/")
    assert answer.status == 421 and answer.headers["content-type"] == "application/problem+json"
    answers = page.evaluate(ATTACKS, f"{rebound}{TARGET}")  # to the browser this is one origin
    assert {said[:3] for said in answers.values()} <= {"421", "ref", "opa"}, answers
    assert lists(here) == []


def test_our_own_page_can_write(here: Served, page: Any) -> None:
    """Else the tests above would show nothing."""
    page.goto(f"{here.url}/rules")
    page.wait_for_load_state()
    answers = page.evaluate(ATTACKS, f"{here.url}{TARGET}")
    assert answers["json"].startswith("200") and len(lists(here)) == 1
    here.client().delete(f"{TARGET}", headers={"Content-Type": "application/json"})


def test_a_session_in_the_browser_helps_no_other_page(with_log_in: Served, page: Any, other_site: str) -> None:
    page.goto(f"{with_log_in.url}/")
    assert page.url.endswith("/login?next=%2F")
    page.get_by_label("API key").fill(with_log_in.key("admin", name="Ana"))
    page.get_by_role("button", name="Log in with a key").click()
    page.wait_for_url(f"{with_log_in.url}/")
    told = page.evaluate(f"async () => (await fetch('{API}/session')).json()")
    assert (told["name"], told["way"]) == ("Ana", "key")
    written = page.evaluate(ATTACKS, f"{with_log_in.url}{TARGET}")
    assert written["json with cookies"].startswith("403") and "another log-in" in written["json with cookies"]
    page.goto(other_site)
    answers = page.evaluate(ATTACKS, f"{with_log_in.url}{TARGET}")
    assert set(answers.values()) <= {"refused", "opaque"}, answers
    page.goto(f"{with_log_in.url}/")
    assert page.evaluate(f"async () => (await fetch('{API}/watchlists')).json()")["items"] == []


def test_scripts_that_are_not_ours_do_not_run_and_are_reported(here: Served, page: Any) -> None:
    before = here.desk.gate.reports.n
    page.goto(f"{here.url}/rules")
    assert here.desk.gate.reports.n == before
    page.evaluate(
        """() => {
          const put = (make) => { try { make(document.createElement("img")); } catch { } };
          put((one) => one.setAttribute("onerror", "window.ran = 1"));
          put((one) => { one.innerHTML = "<b>x</b>"; });
          put((one) => { one.src = "https://evil.example/x.png"; document.body.append(one); });
        }"""
    )
    page.wait_for_timeout(300)
    assert page.evaluate("() => window.ran") is None
    assert here.desk.gate.reports.n > before
    assert json.dumps(here.client().get(f"{API}/csp-reports").json()["items"][0]["page"]) == '"/rules"'


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_log_in_page_is_accessible_in_both_themes(with_log_in: Served, browser: Any, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{with_log_in.url}/login?next=%2Falerts")
    page.get_by_label("API key").fill("sw_nonsense")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    found = axe.Axe().run(page)
    context.close()
    assert found.violations_count == 0, found.generate_report()
