"""What must be so before the dashboard listens: nobody but this machine gets in without a log-in, and somebody can log in.

Examples:
    >>> check_start(Settings(), "127.0.0.1")
    >>> check_start(Settings(), "0.0.0.0")
    Traceback (most recent call last):
      ...
    streamwatch.errors.ConfigError: 0.0.0.0 can be reached from elsewhere: say by which names people call the dashboard, --allowed-host or STREAMWATCH_DASHBOARD_ALLOWED_HOSTS
"""  # noqa: E501

import time
from urllib.parse import urlsplit

from streamwatch.config import Settings
from streamwatch.dashboard.access.hosts import allowed_hosts, is_loopback, is_open_here, split_host
from streamwatch.dashboard.access.keys import is_valid
from streamwatch.dashboard.access.oidc import provider_of
from streamwatch.decisions.view import Decisions
from streamwatch.errors import ConfigError, RejectError
from streamwatch.following.channel_log import records


def check_start(settings: Settings, host: str) -> None:
    """Whether the dashboard may listen on `host`. Raises `ConfigError` with what to do, `BrokerUnavailable`.

    Where log-ins are needed and there is no identity provider, a key must be there: the channel `decisions` is read for one.
    """
    _check_names(settings)
    provider = provider_of(settings)
    if is_open_here(settings.model_copy(update={"dashboard_host": host})):
        return
    if not is_loopback(host) and not allowed_hosts(settings):
        raise ConfigError(
            f"{host} can be reached from elsewhere: say by which names people call the dashboard, "
            "--allowed-host or STREAMWATCH_DASHBOARD_ALLOWED_HOSTS"
        )
    if provider is None and not _has_key(settings):
        raise ConfigError(
            "nobody could log in: make a key (streamwatch keys add NAME --role admin), or name an identity provider "
            "(STREAMWATCH_OIDC_ISSUER)"
        )


def _check_names(settings: Settings) -> None:
    for name in filter(None, (one.strip() for one in settings.dashboard_allowed_hosts.split(","))):
        if not split_host(name)[0] or "*" in name:
            raise ConfigError(f"STREAMWATCH_DASHBOARD_ALLOWED_HOSTS: {name} is no host name such as dash.example.org")
    url = settings.dashboard_url
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/")):
        raise ConfigError(f"STREAMWATCH_DASHBOARD_URL={url}: expected https://host, without a path")


def _has_key(settings: Settings) -> bool:
    """Whether anybody has a key that opens now."""
    decisions = Decisions()
    for key, value in records(settings, "decisions", from_start=True, follow=False):
        if not (key or b"").startswith(b"key/"):
            continue
        try:
            decisions.apply_message(key, value)
        except RejectError:
            continue
    return any(is_valid(one, time.time_ns() // 1_000_000) for one in decisions.keys.values())
