"""What must be there before a worker starts: one clear line when it is not."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from streamwatch.agents.context import Context, log
from streamwatch.channels import layout
from streamwatch.config import without_password
from streamwatch.errors import BrokerUnavailable, ConfigError, FatalError, RetryError, StoreUnavailable

T = TypeVar("T")
BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)


async def check(context: Context) -> None:
    """Wait for Redis and the broker, with back-off; raise one error that says what to do when time is up."""
    await _patiently(
        lambda: check_redis(context.redis, without_password(context.settings.redis)), context.settings.connect_timeout_s
    )
    await _patiently(lambda: check_channels(context), context.settings.connect_timeout_s)


async def _patiently(attempt: Callable[[], Awaitable[T]], timeout_s: float) -> T:
    end = time.monotonic() + timeout_s
    for i in range(1_000_000):
        try:
            return await attempt()
        except RetryError as error:
            left_s = end - time.monotonic()
            if left_s <= 0:
                raise FatalError(f"{error} (tried for {timeout_s:g} s)") from error
            if i == 0:
                log.warning("%s; trying for %g s", error, timeout_s)
            await asyncio.sleep(min(left_s, BACKOFF_S[min(i, len(BACKOFF_S) - 1)]))
    raise AssertionError("unreachable")


async def check_redis(redis: Redis, url: str) -> None:
    """Redis answers and never evicts. Raises `StoreUnavailable`, `ConfigError`."""
    try:
        policy = await redis.config_get("maxmemory-policy")
    except RedisError as error:
        raise StoreUnavailable(
            f"no Redis answers at {url}: start it (docker compose up -d redis) or set STREAMWATCH_REDIS ({error})"
        ) from error
    name = next((v for k, v in policy.items() if k in (b"maxmemory-policy", "maxmemory-policy")), b"noeviction")
    if name not in (b"noeviction", "noeviction"):
        text = name.decode() if isinstance(name, bytes) else name
        raise ConfigError(
            f"Redis at {url} has maxmemory-policy {text}: counts would vanish. redis-cli config set maxmemory-policy noeviction"
        )


@contextmanager
def _silent(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


async def check_channels(context: Context) -> None:
    """The broker answers and has all channels. Raises `BrokerUnavailable`, `ConfigError`."""
    settings = context.settings
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap, request_timeout_ms=5000)
    try:
        with _silent("aiokafka"):  # it says at each try what we say once
            await admin.start()
        there = set(await admin.list_topics())
    except (KafkaError, OSError) as error:
        raise BrokerUnavailable(
            f"no broker answers at {settings.broker}: start it (docker compose up -d kafka) or set STREAMWATCH_BROKER"
        ) from error
    finally:
        await admin.close()
    missing = [c.name for c in layout(settings) if c.name not in there]
    if missing:
        raise ConfigError(
            f"channels {', '.join(missing)} do not exist at {settings.broker}: streamwatch channels create"
        )
