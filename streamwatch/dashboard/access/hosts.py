"""Which names the dashboard answers to, and how a request shows that it came from elsewhere.

A page of another site can make a browser send requests here, and can point a name of its own at 127.0.0.1 (DNS rebinding):
then the browser takes its scripts and this dashboard for one origin. What it cannot do is forge the header `Host`, which
holds the name that was typed. So `Host` must be a name that is ours, and on loopback it must have the right port, too.

Examples:
    >>> split_host("localhost:8080"), split_host("[::1]:8080"), split_host("dash.example.org")
    (('localhost', 8080), ('::1', 8080), ('dash.example.org', None))
    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("LOCALHOST"), is_loopback("127.0.0.1.evil.example")
    (True, True, True, False)
    >>> forwarding_header({"host": "localhost", "x-forwarded-for": "10.0.0.7"})
    'x-forwarded-for'
"""

import re
from collections.abc import Container, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from streamwatch.config import Settings

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_PORT = 65_535
HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?")
"""A name or an address, and perhaps a port (RFC 9110, 7.2); other alphabets come as punycode."""

FORWARDING = ("forwarded", "via", "x-real-ip")
"""Headers that only a proxy adds, besides all that begin as the next."""
FORWARDING_PREFIX = "x-forwarded-"


def split_host(host: str) -> tuple[str, int | None]:
    """Name, in lower case, and port of a `Host` header; an empty name for what is none.

    A URL parser would take `[::1].evil.example` for `::1`, since it has to make something of everything.

    >>> split_host("user@localhost"), split_host("localhost:http"), split_host("[::1].evil.example")
    (('', None), ('', None), ('', None))
    """
    found = HOST.fullmatch(host)
    if found is None:
        return "", None
    port = int(found["port"]) if found["port"] else None
    if port is not None and port > MAX_PORT:
        return "", None
    return (found["address"] or found["name"]).lower().rstrip("."), port


def is_loopback(name: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    if name.lower() == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def forwarding_header(headers: Mapping[str, str]) -> str:
    """The first header that says that a proxy passed this on; empty where there is none."""
    return next((name for name in headers if name in FORWARDING or name.startswith(FORWARDING_PREFIX)), "")


def allowed_hosts(settings: Settings) -> frozenset[str]:
    """The names of this dashboard besides loopback, in lower case.

    >>> sorted(allowed_hosts(Settings(dashboard_allowed_hosts="10.0.0.7, Dash.Example.org:443", dashboard_url="https://d")))
    ['10.0.0.7', 'd', 'dash.example.org']
    """
    named = [one.strip() for one in settings.dashboard_allowed_hosts.split(",")]
    named.append(urlsplit(settings.dashboard_url).netloc)
    return frozenset(name for one in named if one and (name := split_host(one)[0]))


def is_open_here(settings: Settings) -> bool:
    """Whether this machine needs no log-in: it listens on loopback, and nobody is told to call it by another name.

    Whoever names another name has people who come from elsewhere, by a proxy on this machine: to us they would all sit here.

    >>> is_open_here(Settings()), is_open_here(Settings(dashboard_login="always")), is_open_here(Settings(dashboard_host="::"))
    (True, False, False)
    >>> is_open_here(Settings(dashboard_url="https://dash.example.org"))
    False
    """
    return (
        settings.dashboard_login == "auto"
        and is_loopback(settings.dashboard_host)
        and all(is_loopback(name) for name in allowed_hosts(settings))
    )


def is_ours(host: str, port: int | None, others: Container[str] = frozenset()) -> bool:
    """Whether a `Host` header means this dashboard: a loopback name with the port it listens on, or one of the others.

    >>> is_ours("localhost:8080", 8080), is_ours("localhost", 80), is_ours("localhost:9999", 8080)
    (True, True, False)
    >>> is_ours("dash.example.org", 8080), is_ours("dash.example.org", 8080, {"dash.example.org"})
    (False, True)
    """
    name, given = split_host(host)
    if is_loopback(name):
        return port is None or (given or DEFAULT_PORTS["http"]) == port
    return name in others


def client_address(peer: str, forwarded_for: str, trusted: Container[str]) -> str:
    """Where a request comes from: the peer, or what a trusted proxy says: the last address that is no trusted proxy.

    >>> client_address("10.0.0.2", "6.6.6.6, 10.0.0.7", {"10.0.0.2"}), client_address("10.0.0.9", "10.0.0.7", {"10.0.0.2"})
    ('10.0.0.7', '10.0.0.9')
    """
    hops = [peer, *(one.strip() for one in reversed(forwarded_for.split(",")))]
    for hop in hops:
        if hop not in trusted:
            return hop[:64] if _is_address(hop) else peer
    return peer


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
