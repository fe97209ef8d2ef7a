"""The peer of the pipeline: a Faust worker whose agent sends what it reads on with aiokafka's producer, and does no more.

Run as a module with the settings in the environment, the number of events to wait for, the channel to send to, and `acks`
(Faust acknowledges each event and commits, as it does by default) or `noack` (it commits nothing and repeats everything
after a crash); prints one line of JSON.
"""

import json
import os
import resource
import sys
import time
from typing import Any

from aiokafka import AIOKafkaProducer

from streamwatch.agents.faust_app import new_app
from streamwatch.agents.kafka import client_options
from streamwatch.channels import channel
from streamwatch.config import Settings, load


class Loop:
    """Reads events, sends each on, and knows what that took from the first event to the last one acknowledged."""

    def __init__(self, settings: Settings, target: str) -> None:
        self._producer = AIOKafkaProducer(
            acks="all", enable_idempotence=settings.idempotence, **client_options(settings)
        )
        self._target = target

    async def run(self, events: Any, n_events: int) -> dict[str, float]:
        """The figures of `n_events`."""
        await self._producer.start()
        n, started, cpu = 0, 0.0, 0.0
        async for event in events:
            if n == 0:
                started, cpu = time.monotonic(), _cpu_s()
            await self._producer.send(self._target, event.value, key=event.message.key)
            n += 1
            if n == n_events:
                await self._producer.flush()
                break
        return {"seconds": time.monotonic() - started, "cpu_seconds": _cpu_s() - cpu, "documents": n}


def main(n_events: int, target: str, acks: str) -> None:
    """Send `n_events` on and end the process."""
    settings = load()
    app = new_app(settings, f"{settings.prefix}bare-faust-{acks}")
    source = app.topic(channel(settings, "social"), value_serializer="raw", key_serializer="raw", value_type=bytes)

    @app.agent(source)
    async def send_on(stream: Any) -> None:
        events = stream.events() if acks == "acks" else stream.noack().events()
        figures = await Loop(settings, target).run(events, n_events)
        print(json.dumps(figures), file=sys.__stdout__, flush=True)  # Faust takes sys.stdout for its log
        os._exit(0)

    sys.argv = ["bare-faust", "worker", "-l", "error"]
    app.main()


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
