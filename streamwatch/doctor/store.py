"""Redis: it answers, is new enough, drops nothing by itself, and takes what is written."""

from collections.abc import Iterator
from typing import Any

import redis

from streamwatch.config import Settings, without_password
from streamwatch.doctor.finding import Finding, fail, ok, warn
from streamwatch.doctor.patience import patient, redis_client

OLDEST = (6, 2)
"""SMISMEMBER and ZRANGE … BYSCORE, which the windows use, came with it."""

FULL = 0.8
"""The share of `maxmemory` from which somebody should look: at all of it, nothing is counted any more."""


def check_redis(settings: Settings) -> Iterator[Finding]:
    """All that matters about Redis. Writes one key of its own, which is gone within a second."""
    settings = patient(settings)
    with redis_client(settings) as client:
        try:
            info: dict[str, Any] = client.info()
        except redis.RedisError as error:
            yield _unreachable(settings, error)
            return
        yield _version(settings, info)
        yield _policy(info)
        yield _memory(info)
        yield _writable(client, f"{settings.prefix}sw:doctor")


def _unreachable(settings: Settings, error: redis.RedisError) -> Finding:
    url = without_password(settings.redis)
    if isinstance(error, redis.AuthenticationError | redis.ResponseError):
        return fail("redis", f"{url} refuses us: {error}", "put user and password into STREAMWATCH_REDIS")
    saw = f"nobody answers at {url} within {settings.connect_timeout_s:g} s ({type(error).__name__})"
    return fail("redis", saw, "start it (docker compose up -d redis), or set STREAMWATCH_REDIS")


def _version(settings: Settings, info: dict[str, Any]) -> Finding:
    version = str(info["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        return fail("redis", f"version {version}", "streamwatch needs Redis 6.2 or newer")
    return ok("redis", f"{without_password(settings.redis)} answers, version {version}")


def _policy(info: dict[str, Any]) -> Finding:
    policy = info.get("maxmemory_policy", "unknown")
    if policy == "noeviction":
        return ok("redis policy", "maxmemory-policy noeviction")
    saw = f"maxmemory-policy {policy}: counts would vanish when memory is short"
    return fail("redis policy", saw, "redis-cli config set maxmemory-policy noeviction (and in redis.conf)")


def _memory(info: dict[str, Any]) -> Finding:
    used, limit = int(info["used_memory"]), int(info.get("maxmemory", 0))
    saw = f"{_mib(used)} used" + (f" of {_mib(limit)}" if limit else ", no limit")
    if limit and used > FULL * limit:
        return warn("redis memory", saw, "raise maxmemory, or lower STREAMWATCH_RETENTION_DAYS")
    return ok("redis memory", saw)


def _writable(client: redis.Redis, key: str) -> Finding:
    try:
        client.set(key, "1", px=1000)
        client.delete(key)
    except redis.RedisError as error:
        return fail("redis write", f"takes no write: {error}", "is it a replica, out of memory, or unable to save?")
    return ok("redis write", "takes writes")


def _mib(n_bytes: int) -> str:
    return f"{n_bytes / 1024 / 1024:,.0f} MiB"
