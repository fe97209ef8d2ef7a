"""`streamwatch dashboard`: it says where it is, ends when it is told to, and refuses what it cannot do in one line."""

import os
import signal
import subprocess

import pytest
from own_process import COMMAND
from running_dashboard import StartDashboard

from streamwatch.config import Settings, environment


def run(settings: Settings, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, "dashboard", *arguments], env=os.environ | environment(settings), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_at_once_and_quietly_while_somebody_reads_its_stream(
    start_dashboard: StartDashboard, tansu_settings: Settings, number: int
) -> None:
    with start_dashboard(tansu_settings) as one:
        with one.client.stream("GET", "/api/v1/stream?events=alert") as stream:
            assert next(stream.iter_lines()) is not None
            one.process.send_signal(number)
            assert one.process.wait(20) in (0, 130, -number)
        assert "Traceback" not in one.log.read_text()


def test_a_port_that_is_taken_is_one_line(start_dashboard: StartDashboard, tansu_settings: Settings) -> None:
    with start_dashboard(tansu_settings) as one:
        port = one.url.rpartition(":")[2]
        found = run(tansu_settings, "--port", port)
    assert found.returncode == 2
    assert (
        found.stderr.strip()
        .splitlines()[-1]
        .startswith(f"streamwatch: 127.0.0.1:{port} cannot be had (Address already")
    )


def test_an_open_address_is_refused_where_nobody_could_log_in(tansu_settings: Settings) -> None:
    found = run(tansu_settings, "--host", "0.0.0.0", "--port", "0")
    assert found.returncode == 2 and "0.0.0.0 can be reached from elsewhere" in found.stderr
