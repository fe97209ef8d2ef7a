"""streamwatch: an open monitor of opinion over Kafka.

Documents arrive in Kafka, are classified by topic and sentiment, counted in event-time windows in Redis, and a series
that turns negative raises an alert with its evidence. `import streamwatch` is cheap: torch, faust and the clients of
Kafka and Redis are loaded by the rooms that use them.

`streamwatch.app` is the Faust application, made on first use so that `faust -A streamwatch worker` finds it.
"""

from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__"]


def __getattr__(name: str) -> Any:
    if name == "app":
        from streamwatch.agents.app import app

        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
