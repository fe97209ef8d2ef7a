"""The parts of the guard that need no server, with whatever anybody could send."""

import string
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamwatch.dashboard.access.asked import Asked
from streamwatch.dashboard.access.cookies import CookieNames, name_from_cookie, name_to_cookie
from streamwatch.dashboard.access.hosts import client_address, is_loopback, is_ours, split_host
from streamwatch.dashboard.access.keys import new_key, opens, parse
from streamwatch.dashboard.access.limits import Limit
from streamwatch.dashboard.access.log_in import local_path
from streamwatch.dashboard.access.oidc import claim, role_of
from streamwatch.dashboard.access.origin import fetch_fault, is_json, origin_fault
from streamwatch.dashboard.access.person import MAX_NAME_CHARS, clean_name
from streamwatch.dashboard.access.reports import Reports
from streamwatch.timeline import MINUTE_MS

HEADS = st.text(st.characters(max_codepoint=255), max_size=60)
URLISH = st.text(st.sampled_from(list(string.ascii_letters[:6] + "/\\:?#@.%&=;[]\t\n 019-_*")), max_size=40)


@given(HEADS | URLISH)
def test_only_our_own_names_are_ours(host: str) -> None:
    if is_ours(host, 8080, {"dash.example.org"}):
        assert host.lower().rstrip(".").split(":")[0] in ("localhost", "dash.example.org") or is_loopback(
            split_host(host)[0]
        )
        assert not any(char in host for char in "/\\@?# \t\n")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1.", "localhost.evil.example", "evil.example#@localhost:8080", "localhost:8080@evil.example",
        "localhost:8080/x", "localhost:8080, evil.example", "[::1", "[::1].evil.example:8080", "[::ffff:10.0.0.7]:8080",
        "0x7f000001:8080", "127.1:8080", "localhost:+8080", "localhost:٨٠٨٠", "localhost:80800",
    ],
)  # fmt: skip
def test_names_that_look_like_loopback(host: str) -> None:
    assert not is_ours(host, 8080) or is_loopback(host.rstrip(".").split(":")[0])


@given(URLISH | st.sampled_from(["/a", "/a?b=//c", "//e", "/\\e", "/%2f%2fe", "/a/../..//e"]))
def test_after_a_log_in_everybody_stays_here(text: str) -> None:
    there = urlsplit(urljoin("https://dash.example.org/login", local_path(text)))
    assert (there.scheme, there.netloc) == ("https", "dash.example.org")


@given(URLISH | HEADS, st.sampled_from(["localhost:8080", "dash.example.org"]))
def test_an_origin_is_ours_or_none(origin: str, host: str) -> None:
    if not origin_fault({"origin": origin}, host):
        assert origin.lower() in (f"http://{host}", f"https://{host}", f"http://{host}:80", f"https://{host}:443")


@given(st.dictionaries(st.sampled_from(["sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest"]), HEADS))
def test_what_a_browser_says_is_read_without_fail(headers: dict[str, str]) -> None:
    assert isinstance(fetch_fault(headers), str)


@pytest.mark.parametrize(
    "kind", ["application/jsonp", "application/json+x", "text/json", "json", "application / json", ""]
)
def test_what_is_nearly_json_is_not(kind: str) -> None:
    assert not is_json(kind)


@given(st.text(max_size=300))
def test_a_name_can_be_shown_and_goes_through_a_cookie_unchanged(text: str) -> None:
    name = clean_name(text, "somebody")
    assert name.isprintable() and 0 < len(name) <= MAX_NAME_CHARS and clean_name(name, "") == name
    assert name_from_cookie(name_to_cookie(name)) == name


@given(HEADS)
def test_a_cookie_is_a_name_or_nothing(value: str) -> None:
    name = name_from_cookie(value)
    assert name == clean_name(name, "")


@given(HEADS)
def test_what_is_no_key_has_no_id_and_opens_nothing(text: str) -> None:
    made = new_key("x", "admin", made_by="ana", now_ms=0)
    assert parse(text) == "" and not opens(made.record, text, 0)
    assert not opens(made.record, made.text + text, 0) or not text
    assert made.text not in repr(made) and made.text not in repr(made.record)


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5) | st.integers(),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=5), one, max_size=3),
    max_leaves=8,
)
HEADER_NAMES = st.sampled_from([b"host", b"cookie", b"origin", b"x-forwarded-for", b"accept"])


@given(JSON, st.text(max_size=8))
def test_claims_of_any_shape_make_nobody_more_than_they_are(claims: object, path: str) -> None:
    told = claims if isinstance(claims, dict) else {"roles": claims}
    claim(told, path)
    assert role_of(told, "roles", {"boss!": "admin"}) in (None, "admin")
    assert role_of(told, "roles", {"boss!": "admin"}) is None or "boss!" in str(told)


@given(st.lists(st.integers(0, 3 * MINUTE_MS), max_size=60))
def test_a_limit_lets_through_what_it_says(moments: list[int]) -> None:
    limit = Limit(per_minute=5)
    taken = [at for at in sorted(moments) if limit.take("ana", at) == 0]
    for start in taken:
        # A full bucket and what a minute fills: never more in any minute.
        assert sum(start <= at < start + MINUTE_MS for at in taken) <= 10


@given(HEADS, HEADS)
def test_an_address_is_an_address_whatever_is_forwarded(forwarded: str, peer: str) -> None:
    assert client_address("10.0.0.2", forwarded, {"10.0.0.2"}).replace(".", "").replace(":", "").isalnum()
    assert client_address(peer, forwarded, {"10.0.0.2"}) == peer or peer == "10.0.0.2"


def test_an_address_that_a_client_made_up_stands_before_the_one_of_the_proxy_also_in_a_line_of_its_own() -> None:
    lines = [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"10.0.0.7")]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": lines, "client": ("10.0.0.2", 1)}
    assert Asked.of(scope, {"10.0.0.2"}).address == "10.0.0.7"


@given(st.binary(max_size=200))
def test_a_report_of_any_bytes_is_counted(body: bytes) -> None:
    reports = Reports()
    reports.add(body, 0)
    reports.add(b'{"csp-report":' + body + b"}", 0)
    assert reports.n == 2 and all(one.page.isprintable() for one in reports.newest)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"host", b"cookie", b"origin", b"x-forwarded-for", b"accept"]), st.binary(max_size=40)
        )
    )
)
def test_a_request_of_any_heads_is_read(headers: list[tuple[bytes, bytes]]) -> None:
    scope = {"type": "http", "method": "PUT", "path": "/a", "headers": headers, "server": None, "client": None}
    asked = Asked.of(scope, {"10.0.0.2"})
    assert asked.is_write and not asked.is_local and CookieNames(asked.host).session
    assert asked.host == "" or len([1 for name, _ in headers if name == b"host"]) == 1
