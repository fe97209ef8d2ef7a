"""The peer of the pipeline: a Faust worker whose agent does nothing, `stream.noack()`, over the same channel.

Run as a module with the settings in the environment and the number of events to wait for; prints one line of JSON.
"""

import json
import os
import resource
import sys
import time
from typing import Any

from streamwatch.agents.faust_app import new_app
from streamwatch.channels import channel
from streamwatch.config import load


def main(n_events: int) -> None:
    """Consume `n_events` and end the process."""
    settings = load()
    app = new_app(settings, f"{settings.prefix}bare-faust")
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
