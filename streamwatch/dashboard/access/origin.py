"""Whether a page of ours sent this, or one of somebody else's.

A browser sends cookies, and reaches this machine, for every page that asks it to. It also says which page asked (`Origin`,
`Sec-Fetch-Site`), which no page can forge, and it asks before it sends JSON to another origin; we never answer that question.
So a write needs an `Origin` that is our own, and JSON.

Examples:
    >>> origin_fault({"origin": "http://localhost:8080"}, "localhost:8080")
    ''
    >>> origin_fault({"origin": "https://evil.example"}, "localhost:8080")
    'it comes from a page of https://evil.example'
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from streamwatch.dashboard.access.hosts import DEFAULT_PORTS, split_host

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing here."""
OUR_PAGES = ("same-origin", "none")
"""What `Sec-Fetch-Site` says of our own pages, and of what somebody typed. Another port of one host is `same-site`: not us."""
SHOWN_CHARS = 100
"""Of a header that is told back."""


def origin_fault(headers: Mapping[str, str], host: str, url: str = "") -> str:
    """Why a write is not from a page of ours; empty where it is. `url` is where the dashboard is, if `Host` cannot tell.

    >>> origin_fault({}, "localhost:8080")
    'it has no Origin'
    >>> origin_fault({"origin": "null"}, "localhost:8080")
    'it comes from a page of null'
    >>> origin_fault({"origin": "http://dash.example.org"}, "dash.example.org", "https://dash.example.org")
    'it comes from a page of http://dash.example.org'
    """
    origin = headers.get("origin", "")
    if not origin:
        return "it has no Origin"
    known = url.rstrip("/") if url and split_host(host)[0] == split_host(urlsplit(url).netloc)[0] else ""
    same = origin == known if known else _same_place(origin, host)
    if not same:
        return f"it comes from a page of {origin[:SHOWN_CHARS]}"
    return fetch_fault(headers)


def fetch_fault(headers: Mapping[str, str]) -> str:
    """Why a request to the API is not from a page of ours, as far as a browser says so; programs say nothing.

    A link may lead here from anywhere (an export in a mail): the browser shows the answer, and the other page never sees it.

    >>> fetch_fault({"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"})
    'the browser says it is cross-site'
    >>> fetch_fault({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}), fetch_fault({})
    ('', '')
    """
    site = headers.get("sec-fetch-site", "none")
    if site in OUR_PAGES or (
        headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    ):
        return ""
    return f"the browser says it is {site[:SHOWN_CHARS]}"


def is_json(content_type: str) -> bool:
    """Whether a body is JSON by its head: a form of another page cannot say so.

    >>> is_json("application/json; charset=utf-8"), is_json("text/plain"), is_json("application/x-www-form-urlencoded")
    (True, False, False)
    """
    return content_type.partition(";")[0].strip().lower() == "application/json"


def _same_place(origin: str, host: str) -> bool:
    """Whether an origin has the host and port of a `Host` header."""
    parts = urlsplit(origin)
    if parts.scheme not in DEFAULT_PORTS or parts.path or parts.query or parts.fragment:
        return False
    here, there = split_host(host), split_host(parts.netloc)
    default = DEFAULT_PORTS[parts.scheme]
    return bool(here[0]) and (here[0], here[1] or default) == (there[0], there[1] or default)
