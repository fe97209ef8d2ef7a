"""The peer of the pipeline: a Faust worker whose agent does nothing, `stream.noack()`, over the same channel.

Run as a module with the settings in the environment and the number of events to wait for; prints one line of JSON.
"""

import json
import os
import resource
import sys
import tempfile
import time
from typing import Any

import faust

from streamwatch.channels import channel
from streamwatch.config import load


class _NoWeb(faust.App.BootStrategy):
    enable_web = False


class _App(faust.App):
    BootStrategy = _NoWeb


def main(n_events: int) -> None:
    """Consume `n_events` and end the process."""
    settings = load()
    app = _App(
        f"{settings.prefix}bare-faust",
        broker=settings.broker,
        store="memory://",
        datadir=tempfile.gettempdir(),
        topic_disable_leader=True,
        topic_allow_declare=False,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.heartbeat_s,
        stream_wait_empty=False,
        stream_buffer_maxsize=8192,
    )
    source = app.topic(channel(settings, "social"), value_serializer="raw", key_serializer="raw", value_type=bytes)

    @app.agent(source)
    async def nothing(stream: Any) -> None:
        n, started, cpu = 0, 0.0, 0.0
        async for _ in stream.noack().events():
            if n == 0:
                started, cpu = time.monotonic(), _cpu_s()
            n += 1
            if n == n_events:
                figures = {"seconds": time.monotonic() - started, "cpu_seconds": _cpu_s() - cpu, "documents": n}
                print(json.dumps(figures), file=sys.__stdout__, flush=True)  # Faust takes sys.stdout for its log
                os._exit(0)

    sys.argv = ["bare-faust", "worker", "-l", "error"]
    app.main()


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main(int(sys.argv[1]))
