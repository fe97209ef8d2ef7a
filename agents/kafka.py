"""Options that all aiokafka clients of the worker share."""

from typing import Any

from streamwatch.config import Settings


def client_options(settings: Settings) -> dict[str, Any]:
    """Where the broker is, and patience while it is away."""
    return {"bootstrap_servers": settings.bootstrap, "retry_backoff_ms": 250, "request_timeout_ms": 30_000}


def group_options(settings: Settings) -> dict[str, Any]:
    """The same with the timeouts of a group."""
    return client_options(settings) | {
        "session_timeout_ms": int(settings.session_timeout_s * 1000),
        "heartbeat_interval_ms": int(settings.heartbeat_s * 1000),
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
    }
