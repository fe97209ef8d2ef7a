"""The demo as a person runs it: it balances, it shows alerts, and it leaves nothing behind."""

import csv
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path

import psutil
import pytest
from redis import Redis

from streamwatch.config import Settings
from streamwatch.demo.report import report
from streamwatch.demo.run import KEPT, play
from streamwatch.demo.screen import Screen
from streamwatch.sources import synthetic
from streamwatch.sources.files import read_rows
from streamwatch.sources.replay import Options

DEMO = [sys.executable, "-m", "streamwatch", "demo", "--model", "null", "--no-dashboard"]


def run_demo(*arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*DEMO, *arguments], capture_output=True, text=True, timeout=timeout, check=False)


@pytest.fixture(scope="module")
def synthetic_report(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """One run of the synthetic day at full speed, shared by the tests that read its report."""
    path = tmp_path_factory.mktemp("demo") / "report.json"
    done = run_demo("--speed", "max", "--report", str(path))
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(path.read_text())


def test_every_document_of_the_synthetic_day_is_accounted_for(synthetic_report):
    r = synthetic_report
    n_rows = sum(1 for _ in read_rows(synthetic.SHIPPED))
    assert r["sent"] == r["consumed"] == n_rows
    assert r["consumed"] == r["classified"] + r["duplicates"] + r["dead_lettered"]
    assert r["counted"] + r["redelivered"] == r["classified"] + r["duplicates"]
    assert r["lost"] == r["missed"] == r["expired"] == 0
    assert r["dead_lettered"] > 0 and r["duplicates"] > 0 and r["redelivered"] > 0 and r["late"] > 0


def test_the_report_names_what_the_issue_of_it_needs(synthetic_report):
    assert {"consumed", "classified", "duplicates", "late", "dead_lettered", "counted", "alerts", "seconds"} <= set(
        synthetic_report
    )
    assert synthetic_report["documents_per_second"] > 0
    assert synthetic_report["model"] == "null"


def test_an_incident_raises_an_alert_with_evidence_and_an_export_agrees_with_the_input(
    tansu_settings: Settings, tmp_path: Path
):
    """A quiet day and a half, then a burst of complaints about one company; labels are given with the documents."""
    file = tmp_path / "story.csv"
    rows = _story()
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, ["id", "published_at", "text", "entities", "sentiment"])
        writer.writeheader()
        writer.writerows(rows)
    kept = dict.fromkeys((f"{what}_retention_days" for what in KEPT), 30_000)
    settings = tansu_settings.model_copy(update={"model": "null"} | kept)
    from threading import Event

    from streamwatch import channels

    channels.create(settings)
    outcome = play(settings, read_rows(file), Options(), Screen(), Event())
    content = report(outcome.figures, outcome.alerts, outcome.seconds, outcome.missed, "null")
    firing = [a for a in content["alerts"] if a["series"] == "ticker:ACME"]
    assert firing and all(a["onset"][:13] == "2024-05-02T15" for a in firing)
    documents = firing[0]["evidence"]["documents"]
    assert len({d["text"] for d in documents}) >= 5
    assert all("ACME" in d["text"] for d in documents)
    _check_export(settings, rows, tmp_path)


def _complaint(i: int) -> str:
    """Ninety people do not use the same words: variations of one text could not raise an alert alone."""
    things = ("order", "refund", "parcel", "phone", "account", "bill", "seat", "engine", "visit", "promise")
    faults = ("broken", "lost", "late", "rude", "wrong", "filthy", "cancelled", "ignored", "refused")
    cause = f"{things[(i * 3 + 1) % 10]} was {faults[(i * 5 + 2) % 9]}"
    return f"{things[i % 10]} {faults[i % 9]} because {cause}, ACME reference x{i}y"


def _story() -> list[dict[str, str]]:
    rows = []
    start = 1714521600  # 2024-05-01T00:00:00Z
    for i in range(0, 40 * 3600, 150):
        sentiment = ("neutral", "positive", "neutral", "negative", "positive")[i // 150 % 5]
        rows.append((start + i, f"ordinary remark number {i} on ACME", sentiment))
    burst = start + 39 * 3600 + 300
    rows += [(burst + 20 * i, _complaint(i), "negative") for i in range(90)]
    return [
        {
            "id": str(n),
            "published_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)),
            "text": text,
            "entities": "ACME",
            "sentiment": sentiment,
        }
        for n, (at, text, sentiment) in enumerate(sorted(rows))
    ]


def _check_export(settings: Settings, rows: list[dict[str, str]], folder: Path) -> None:
    path = folder / "trend.csv"
    environment = {
        "STREAMWATCH_REDIS": settings.redis, "STREAMWATCH_PREFIX": settings.prefix,
    }  # fmt: skip
    command = [sys.executable, "-m", "streamwatch", "trends", "export", "--series", "ticker:ACME", "--csv", str(path)]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with path.open() as file:
        exported = list(csv.DictReader(file))
    expected: Counter[tuple[str, str]] = Counter()
    for row in rows:
        minute = row["published_at"][:17] + "00Z"
        expected[minute, "n"] += 1
        expected[minute, row["sentiment"]] += 1
    found: Counter[tuple[str, str]] = Counter()
    for line in exported:
        for name in ("n", "negative", "neutral", "positive"):
            found[line["bucket_start"], name] += int(line[name])
    assert +found == +expected
    assert sum(int(line["distinct_texts"]) for line in exported) == len(rows)


@pytest.mark.parametrize("after_s", [1.0, 6.0])
def test_ctrl_c_leaves_no_process_and_no_report(tmp_path: Path, after_s: float):
    path = tmp_path / "report.json"
    process = subprocess.Popen(
        [*DEMO, "--dashboard", "--report", str(path)], stderr=subprocess.PIPE, start_new_session=True, text=True
    )
    time.sleep(after_s)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=40)
    assert process.returncode == 130, said[-2000:]
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path):
    done = run_demo("--input", str(tmp_path / "none.csv"))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "none.csv" in done.stderr


def test_the_demo_says_where_its_pages_are_and_ends_where_nobody_sits_at_the_terminal():
    done = subprocess.run(
        [*DEMO, "--dashboard", "--limit", "50", "--speed", "max"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "the dashboard is at http://127.0.0.1:" in done.stderr


def test_the_demo_stays_for_somebody_at_the_terminal_until_ctrl_c():
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*DEMO, "--dashboard", "--limit", "50", "--speed", "max"],
        stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True, text=True,
    )  # fmt: skip
    said = _read_until(process, "the stream has ended; the dashboard stays at (\\S+) until Ctrl-C")
    with urllib.request.urlopen(f"{said[1]}api/v1/livez", timeout=20) as answer:
        assert answer.status == 200
    with pytest.raises(subprocess.TimeoutExpired):  # it has not begun to end
        process.wait(timeout=5)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=40)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0


def test_up_serves_documents_until_ctrl_c_and_leaves_nothing_behind(tmp_path: Path):
    arguments = ["--port", "0", "--model", "null", "--json", "--input", str(synthetic.SHIPPED)]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamwatch", "up", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    where = json.loads(process.stdout.readline())
    deadline = time.monotonic() + 90
    while _n_documents(where["url"]) < 1900 and time.monotonic() < deadline:
        time.sleep(0.5)
    assert _n_documents(where["url"]) > 1900
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=40)
    assert process.returncode == 0
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive and not Path(where["documents"]).exists()


def test_up_ends_with_a_line_when_its_redis_has_ended():
    process = subprocess.Popen(
        [sys.executable, "-m", "streamwatch", "up", "--port", "0", "--model", "null", "--json"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    json.loads(process.stdout.readline())
    children = psutil.Process(process.pid).children(recursive=True)
    next(one for one in children if "redis-server" in one.cmdline()[0]).kill()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1 and "Redis ended with code -9" in said
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive


def test_up_starts_nothing_where_its_port_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "streamwatch", "up", "--port", port, "--model", "null"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "choose another --port" in done.stderr


def _n_documents(url: str) -> int:
    with urllib.request.urlopen(f"{url}api/v1/documents?limit=1", timeout=30) as answer:
        return int(json.load(answer)["n_total"])


def _read_until(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if found := re.search(pattern, line):
            return found
    raise AssertionError(said)


def test_a_wiped_store_has_no_series(tansu_settings: Settings):
    from streamwatch.trends.reading import TrendReader

    with Redis.from_url(tansu_settings.redis) as redis:
        reader = TrendReader(redis, tansu_settings.prefix)
        assert reader.series() == [] and list(reader.windows("all")) == [] and reader.totals() == {}
