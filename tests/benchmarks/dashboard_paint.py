"""How soon a trend of three months is on the screen, and how soon a document is.

    python tests/benchmarks/dashboard_paint.py paint --json paint.json
    python tests/benchmarks/dashboard_paint.py pixel --json pixel.json

`paint`: Redis holds `--days` (90) of minutes of `--series` series (`dashboard_filled`); Debian's Chromium opens the trend of one
after the other over all these days. The time is from the beginning of the navigation to the chart on its canvas (the page's own
mark), with the shell, the modules, the session and the question to the API in it. `first`: a browser that has never been there;
`again`: its cache is warm. Code 1 where the p95 of `again` is above `--limit` (500 ms).

`pixel`: the stack of tests/browser with the model `null` or `--model default`; documents at `--rate` a second go to the broker
while the trend of all of them is open. The time is from the broker's stamp of a document to the frame whose numbers have it.
Code 1 where the p95 is above one second.

Both need a machine that does nothing else: the browser, the servers and the broker share its cores.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from dashboard_queries import COMMAND, TO_MS, filled, percentile, say, wait_ready
from playwright.sync_api import Browser, Page, sync_playwright

from streamwatch import broker
from streamwatch.channels import channel
from streamwatch.codec import encode
from streamwatch.config import environment, load
from streamwatch.embedded import RedisServer, Tansu, embedded_settings
from streamwatch.records import Document
from streamwatch.timeline import DAY_MS, from_ms

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "browser"))
from stack import Stack

CHROMIUM = "/usr/bin/chromium"
VIEW = {"width": 1280, "height": 900}
PIXEL_LIMIT_MS = 1000.0
WATCH_COUNT = """() => {
  window.seen = [];
  const cell = document.querySelector(".legend tbody td:nth-of-type(3)");
  const look = () => {
    const n = Number(cell.textContent.replaceAll(",", ""));
    requestAnimationFrame(() => window.seen.push([n, performance.timeOrigin + performance.now()]));
  };
  new MutationObserver(look).observe(cell, { childList: true, characterData: true, subtree: true });
}"""
"""Each change of the number of documents below the chart, with the time of the frame after it."""


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


def paint(arguments: argparse.Namespace) -> dict[str, Any]:
    names = [f"ticker:S{i:03d}" for i in range(arguments.series)]
    with Tansu() as server, RedisServer() as redis:
        settings = filled(names, arguments.days, server.url, redis.url)
        process = subprocess.Popen(
            [*COMMAND, "dashboard", "--port", "0", "--json"], stdout=subprocess.PIPE, text=True,
            env=os.environ | environment(settings) | {"STREAMWATCH_DOCUMENTS": "/nonexistent"},
        )  # fmt: skip
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            wait_ready(lambda: httpx.get(f"{url}api/v1/readyz").status_code)
            return visits(url, names, arguments)
        finally:
            process.terminate()
            process.wait(10)


def visits(url: str, names: list[str], arguments: argparse.Namespace) -> dict[str, Any]:
    times: dict[str, list[float]] = {"first": [], "again": []}
    asked: list[float] = []
    with chromium() as browser:
        for i, name in enumerate(names):
            context = browser.new_context(viewport=VIEW)
            page = context.new_page()
            address = f"{url}trend?series={name}&from={TO_MS - arguments.days * DAY_MS}&to={TO_MS}"
            for which in ("first", "again"):
                page.goto(address)
                page.wait_for_function("() => performance.getEntriesByName('chart').length")
                times[which].append(page.evaluate("performance.getEntriesByName('chart')[0].startTime") / 1000)
            asked.append(page.evaluate(ANSWER_MS) / 1000)
            context.close()
            say(f"{i + 1} of {len(names)} series")
    return {
        which: {"n": len(some), "p50_ms": percentile(some, 0.5), "p95_ms": percentile(some, 0.95)}
        for which, some in (*times.items(), ("answer of the API, again", asked))
    } | {"days": arguments.days, "series": len(names), "load": os.getloadavg()[0]}  # fmt: skip


ANSWER_MS = (
    """() => performance.getEntriesByType("resource").find((one) => one.name.includes("/api/v1/trends")).duration"""
)


def pixel(arguments: argparse.Namespace) -> dict[str, Any]:
    with Tansu() as server, RedisServer() as redis, tempfile.TemporaryDirectory() as folder:
        settings = load(
            model=arguments.model, documents=f"{folder}/documents", **embedded_settings(server.url, redis.url)
        )
        with Stack(settings, Path(folder)) as stack, chromium() as browser:
            page = browser.new_page(viewport=VIEW)
            send(settings, 20, arguments.rate)
            wait_ready(lambda: 200 if counted(stack) >= 20 else 503)
            page.goto(f"{stack.url}/trend?series=all&hours=1&step=1m")
            page.wait_for_selector(".legend tbody td")
            page.evaluate(WATCH_COUNT)
            stamps = send(settings, arguments.documents, arguments.rate)
            return delays(page, stamps, 20) | {"rate": arguments.rate, "model": arguments.model}


def counted(stack: Stack) -> int:
    """Documents of the last hours."""
    items = stack.get("/series", series="all")["items"]
    return items[0]["n"] if items else 0


def send(settings: Any, n: int, per_s: float) -> list[int]:
    """So many documents at a pace; the broker's stamps, in order."""
    producer, futures, began = broker.producer(settings), [], time.monotonic()
    for i in range(n):
        time.sleep(max(0.0, began + i / per_s - time.monotonic()))
        document = Document(
            id=f"{time.time_ns()}", text=f"remark {time.time_ns()}", published_at=from_ms(time.time_ns() // 10**6)
        )
        futures.append(producer.send(channel(settings, "social"), key=document.id.encode(), value=encode(document)))
    stamps = sorted(future.get(30).timestamp for future in futures)
    producer.close()
    return stamps


def delays(page: Page, stamps: list[int], before: int) -> dict[str, Any]:
    """From the stamp of the i-th document to the first frame that counts so many."""
    page.wait_for_function(
        "n => window.seen.length && window.seen.at(-1)[0] >= n", arg=before + len(stamps), timeout=60_000
    )
    seen = page.evaluate("window.seen")
    took = [(next(at for n, at in seen if n >= before + i + 1) - stamp) / 1000 for i, stamp in enumerate(stamps)]
    figures = {"n": len(took), "p50_ms": percentile(took, 0.5), "p95_ms": percentile(took, 0.95)}
    return {"pixel": figures, "load": os.getloadavg()[0]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["paint", "pixel"])
    parser.add_argument("--series", type=int, default=100)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--rate", type=float, default=20.0, help="documents a second")
    parser.add_argument("--documents", type=int, default=600)
    parser.add_argument("--model", default="null")
    parser.add_argument("--limit", type=float, default=500.0, help="ms that the p95 of a paint may be")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    found = paint(arguments) if arguments.what == "paint" else pixel(arguments)
    print(json.dumps(found, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2))
    limits = {"again": arguments.limit, "pixel": PIXEL_LIMIT_MS}
    return 0 if all(found[name]["p95_ms"] <= limit for name, limit in limits.items() if name in found) else 1


if __name__ == "__main__":
    sys.exit(main())
