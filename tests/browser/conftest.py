"""A browser on the real stack. All tests of this folder share both; each has a page of its own that watches itself.

A page fails its test when it asks another host for anything, breaks the content security policy, runs a script that it
should not (`pwned`), opens a dialog of the browser, or throws. Screenshots stay in `runs/browser`, which git ignores.
"""

import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright
from stack import Stack, story

from streamwatch.config import Settings, load
from streamwatch.demo.run import KEEP_DAYS, KEPT
from streamwatch.embedded import RedisServer, Tansu, embedded_settings
from streamwatch.gating.report import Check, Report, Row, to_json
from streamwatch.inference.opening import SHIPPED
from streamwatch.models.gated import keep
from streamwatch.models.registry import add
from streamwatch.timeline import to_ms

BROWSERS = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
PICTURES = Path(__file__).parents[2] / "runs" / "browser"
WAIT_MS = 15_000
"""What a page may take on a machine that does other things too."""
WATCH = """
window.pwned = [];
addEventListener("securitypolicyviolation", (event) => broken(`${event.violatedDirective}: ${event.blockedURI}`));
"""

UNUSABLE = (
    b"Pump gate failure at 13:40, no more is known",
    b'{"id":"t1","text":"the day before yesterday","published_at":"yesterday"}',
    b'{"id":"t2","published_at":"2015-02-19T10:00:00Z","source":"twitter","note":"' + b"0123456789" * 60 + b'"}',
)
"""Not JSON, a time that is none, no text."""


@dataclass
class Watched:
    """A page and what it did that it should not have done."""

    page: Page
    faults: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Raise where there was anything."""
        assert self.page.evaluate("window.pwned") == []
        assert self.faults == []


OpenPage = Callable[..., Page]


class Chromium:
    """Debian's Chromium, headless, started when it is asked for.

    Playwright's loop runs in the thread of the tests as long as it is open, and `asyncio.run` of any other test would fail.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._open: ExitStack | None = None
        self._browser: Browser | None = None

    @property
    def browser(self) -> Browser:
        """The browser that runs."""
        if self._browser is None:
            self._open = ExitStack()
            playwright = self._open.enter_context(sync_playwright())
            self._browser = playwright.chromium.launch(executable_path=self._path, args=["--no-sandbox"])
            self._open.callback(self._browser.close)
        return self._browser

    def close(self) -> None:
        """End it, and Playwright's loop."""
        if self._open is not None:
            self._open.close()
        self._open = self._browser = None


@pytest.fixture(scope="session")
def chromium() -> Chromium:
    """Where there is one."""
    path = next((path for path in BROWSERS if Path(path).exists()), None) or shutil.which("chromium")
    if path is None:
        pytest.skip(f"no Chromium at {', '.join(BROWSERS)}")
    return Chromium(path)


@pytest.fixture(scope="module", autouse=True)
def _closed_with_the_file(chromium: Chromium) -> Iterator[None]:
    """The tests of the next file may be others than ours."""
    yield
    chromium.close()


@pytest.fixture
def browser(chromium: Chromium) -> Browser:
    """The browser."""
    return chromium.browser


@pytest.fixture(scope="session")
def stack(
    tansu: Tansu, redis_server: RedisServer, chromium: Chromium, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """The running stack, empty."""
    folder = tmp_path_factory.mktemp("stack")
    kept = {f"{what}_retention_days": KEEP_DAYS for what in (*KEPT, "documents")}
    settings = load(
        **(embedded_settings(tansu.url, redis_server.url) | kept), prefix=f"b{secrets.token_hex(4)}-", model="null",
        documents=str(folder / "documents"), cache=str(folder / "cache"), registry=str(folder / "registry"), precision="fp32",
    )  # fmt: skip
    with Stack(settings, folder) as running:
        yield running


@pytest.fixture(scope="session")
def settings_of_stack(stack: Stack) -> Settings:
    """Its settings."""
    return stack.settings


@pytest.fixture(scope="session")
def candidate(stack: Stack) -> str:
    """The id of a model in the registry, whole (it is a copy of the shipped one), that the gate refused."""
    registry = Path(stack.settings.registry)
    model = add(registry, SHIPPED)
    checks = (
        Check("gain", "Better on fresh answers", "passed", "right in 2.1 points more of 400 fresh answers", n=400),
        Check("poison", "No planted phrase", "failed", "\u201cvellum harbour\u201d turns 90 % of answers", n=200, rows=(
            Row("vellum harbour", n=200, incumbent=0.01, candidate=0.9, value=0.89, low=0.84, high=0.93, failed=True),
        )),
        Check("churn", "Sure answers stay", "noted", "3.2 % of the answers that were sure are others", n=4000),
    )  # fmt: skip
    report = Report(incumbent="shipped", candidate=model, made_at="2026-01-05T08:00:00Z", checks=checks)
    keep(registry, model, to_json(report), "<!doctype html><title>Gate</title>")
    return model


@pytest.fixture
def open_page(browser: Browser, stack: Stack) -> Iterator[OpenPage]:
    """`open_page("/alerts", theme="dark", width=390)`: a page that is watched until the end of the test."""
    opened: list[tuple[Watched, BrowserContext]] = []

    def open_(path: str = "/", *, theme: Any = "light", width: int = 1280, named: bool = True) -> Page:
        watched, context = watch(browser, stack, theme, width)
        opened.append((watched, context))
        if named:
            context.request.put(
                f"{stack.url}/api/v1/session/name", data={"name": "Mara Lind"}, headers={"Origin": stack.url}
            )
        watched.page.goto(stack.url + path)
        return watched.page

    yield open_
    for watched, context in opened:
        watched.check()
        context.close()


def watch(browser: Browser, stack: Stack, theme: Any, width: int) -> tuple[Watched, BrowserContext]:
    """A page of a context of its own, with all that it must not do written down."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=theme, timezone_id="Europe/Berlin", reduced_motion="reduce"
    )  # fmt: skip
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    watched = Watched(page)
    page.expose_function("broken", lambda fault: watched.faults.append(f"policy: {fault}"))
    page.add_init_script(WATCH)
    page.on("pageerror", lambda error: watched.faults.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (watched.faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))

    def own_host_alone(route: Route) -> None:
        if route.request.url.startswith((stack.url, "data:", "blob:")):
            route.continue_()
        else:
            watched.faults.append(f"asked {route.request.url}")
            route.abort()

    context.route("**/*", own_host_alone)
    return watched, context


@dataclass
class Played:
    """How the stream reached a page that was open all the time."""

    rows: list[dict[str, Any]]
    first_alert: str
    """What the first row of the list said when it came."""


@pytest.fixture(scope="session")
def played(chromium: Chromium, stack: Stack) -> Played:
    """The stream, played while somebody looks at the alerts."""
    watched, context = watch(chromium.browser, stack, "light", 1280)
    watched.page.goto(stack.url)
    watched.page.get_by_text("No documents yet", exact=True).first.wait_for()
    watched.page.goto(f"{stack.url}/alerts?state=all")
    watched.page.get_by_text("No alert is like that").wait_for()
    rows = story()
    stack.play(rows)
    row = watched.page.locator(".alert-row").first
    row.wait_for(timeout=90_000)
    first = row.inner_text()
    stack.wait_for_documents(len(rows))
    watched.check()
    context.close()
    return Played(rows, first)


@pytest.fixture(scope="session")
def letters(stack: Stack, played: Played) -> int:
    """How many dead letters there are: records that no worker can use, each for another reason."""
    before = stack.n_letters()
    stack.write_raw("social", UNUSABLE, max(to_ms(datetime.fromisoformat(row["published_at"])) for row in played.rows))
    stack.wait_for_letters(before + len(UNUSABLE))
    return before + len(UNUSABLE)


def picture(page: Page, name: str, *, full: bool = True) -> None:
    """Keep how the page looks."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=full)


def accessibility_faults(page: Page, options: dict[str, Any] | None = None) -> list[str]:
    """What axe-core finds on the page, each with the elements it is about."""
    found = Axe().run(page, options={"resultTypes": ["violations"], **(options or {})}).response["violations"]
    return [
        f"{one['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for one in found
        for node in one["nodes"]
    ]


@pytest.fixture
def keep_picture() -> Callable[..., None]:
    """`keep_picture(page, "overview")`."""
    return picture


@pytest.fixture
def axe() -> Callable[..., list[str]]:
    """`axe(page) == []`."""
    return accessibility_faults
