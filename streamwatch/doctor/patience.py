"""How long the doctor waits for anybody.

Examples:
    >>> from streamwatch.config import load
    >>> patient(load(connect_timeout_s=30)).connect_timeout_s, patient(load(connect_timeout_s=1)).connect_timeout_s
    (5.0, 1.0)
"""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from streamwatch.config import Settings

PATIENCE_S = 5.0
"""The longest wait for the broker and for Redis: they answer in milliseconds, and somebody waits for the doctor."""


def patient(settings: Settings) -> Settings:
    """The settings with no longer patience than the doctor's."""
    return settings.model_copy(update={"connect_timeout_s": min(PATIENCE_S, settings.connect_timeout_s)})


def redis_client(settings: Settings) -> redis.Redis:
    """A client of the settings' Redis that tries once and does not wait long. Whoever uses it closes it."""
    timeout_s = patient(settings).connect_timeout_s
    return redis.Redis.from_url(
        settings.redis, socket_connect_timeout=timeout_s, socket_timeout=timeout_s, retry=Retry(NoBackoff(), 0)
    )
