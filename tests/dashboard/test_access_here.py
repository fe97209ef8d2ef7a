"""On loopback without a log-in: the danger is pages of other sites in the browser of whoever sits here."""

import random
import socket
from collections.abc import Iterator

import httpx
import pytest
from access_server import API, Served

from streamwatch.config import Settings, load
from streamwatch.dashboard.access.headers import CSP
from streamwatch.dashboard.access.limits import MAX_BUCKETS, Limit
from streamwatch.dashboard.access.starting import check_start
from streamwatch.embedded import RedisServer, Tansu, embedded_settings
from streamwatch.errors import ConfigError

NAME = f"{API}/session/name"


@pytest.fixture(scope="module")
def settings_here(tansu: Tansu, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A deployment on this machine."""
    return load(
        prefix=f"h{tmp_path_factory.mktemp('h').name}-", documents=str(tmp_path_factory.mktemp("documents")), model="null",
        dashboard_logins_per_minute=10_000, **embedded_settings(tansu.url, redis_server.url),
    )  # fmt: skip


@pytest.fixture(scope="module")
def here(settings_here: Settings) -> Iterator[Served]:
    """It, served."""
    with Served(settings_here) as one:
        yield one


HEADS = (
    "Host", "Origin", "Cookie", "Authorization", "Content-Type", "X-CSRF-Token", "Sec-Fetch-Site",
    "If-None-Match", "Accept", "Last-Event-ID",
)  # fmt: skip


def test_whatever_stands_in_the_head_of_a_request_nothing_fails(here: Served) -> None:
    chance = random.Random(7)
    for number in range(150):
        method, path = (
            chance.choice(("GET", "PUT", "POST")),
            chance.choice((NAME, f"{API}/session", "/", "/login", "/csp-report")),
        )
        heads = {"Host": f"127.0.0.1:{here.port}".encode()}
        for name in chance.sample(HEADS, chance.randint(0, 4)):
            heads[name] = bytes(
                chance.choice(b'\x09 "%&=;,:/\\abz09\x80\xff[]{}') for _ in range(chance.randint(0, 30))
            )
        lines = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in heads.items())
        with socket.create_connection(("127.0.0.1", here.port), timeout=5) as line:
            line.sendall(f"{method} {path} HTTP/1.1\r\nConnection: close\r\n".encode() + lines + b"\r\n")
            first = line.makefile("rb").readline()
        assert first.startswith((b"HTTP/1.1 2", b"HTTP/1.1 3", b"HTTP/1.1 4")), (number, method, path, heads, first)


# -- who sits here


def test_whoever_sits_here_is_an_admin_whose_name_nobody_vouches_for(here: Served) -> None:
    told = here.client().get(f"{API}/session").json()
    assert (told["role"], told["verified"], told["way"], told["asks_name"], told["csrf"]) == (
        "admin", False, "loopback", True, "",
    )  # fmt: skip
    assert told["name"]


def test_the_name_is_asked_once_and_goes_into_the_trail(here: Served) -> None:
    client = here.client()
    answer = client.put(NAME, json={"name": "  Ana \n Müller\u0000 "})
    assert answer.json()["name"] == "Ana Müller"
    cookie = answer.headers["set-cookie"].lower()
    assert (
        "httponly" in cookie and "samesite=strict" in cookie and f"-{here.port}=" in cookie and "secure" not in cookie
    )
    told = client.get(f"{API}/session").json()
    assert (told["name"], told["verified"], told["asks_name"]) == ("Ana Müller", False, False)
    client.delete(f"{API}/silences/x", headers={"Content-Type": "application/json"})
    *_, asked, answered = [one for one in here.trail() if one["who"] == "Ana Müller"]
    assert (asked["stage"], answered["stage"], answered["status"], answered["verified"]) == (
        "asked",
        "answered",
        404,
        False,
    )
    assert asked["id"] == answered["id"] and answered["action"] == f"DELETE {API}/silences/{{silence_id}}"


@pytest.mark.parametrize("name", ["", " ", "\u0000\n", "x" * 129])
def test_a_name_that_cannot_be_shown_is_refused(here: Served, name: str) -> None:
    assert here.client().put(NAME, json={"name": name}).status_code == 422


def test_a_cookie_with_nonsense_in_it_is_no_name(here: Served) -> None:
    for value in ("!!!", "//8", "x" * 5000):
        told = here.client(Cookie=f"streamwatch-name-{here.port}={value}").get(f"{API}/session")
        assert told.status_code == 200 and told.json()["name"]


# -- which names it answers to


NOT_OURS = (
    "evil.example", "evil.example:{port}", "127.0.0.1.evil.example:{port}", "localhost:1", "0.0.0.0:{port}",
    "a@localhost:{port}", "",
)  # fmt: skip


@pytest.mark.parametrize("host", NOT_OURS)
def test_a_name_that_was_pointed_at_us_gets_nothing(here: Served, host: str) -> None:
    named = host.format(port=here.port)
    for method, path in (("GET", "/"), ("GET", f"{API}/session"), ("PUT", NAME), ("GET", "/static/app.js")):
        answer = here.client(Host=named, Origin=f"http://{named}").request(method, path, json={"name": "x"})
        assert answer.status_code in (400, 421), (method, path)
    assert "problem" in answer.headers.get("content-type", "problem")


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}", "LOCALHOST:{port}"])
def test_loopback_names_with_our_port_are_ours(here: Served, host: str) -> None:
    named = host.format(port=here.port)
    client = here.client(Host=named, Origin=f"http://{named.lower()}")
    assert client.put(NAME, json={"name": "x"}).status_code == 200


@pytest.mark.parametrize(
    "header", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via"]
)
def test_a_request_that_a_proxy_passed_on_is_refused_with_the_reason(here: Served, header: str) -> None:
    answer = here.client(**{header.replace("-", "_"): "10.0.0.7"}).get(f"{API}/session")
    assert answer.status_code == 403
    assert header.lower() in answer.json()["detail"] and "STREAMWATCH_DASHBOARD_LOGIN=always" in answer.json()["detail"]


def test_a_proxy_that_says_nothing_of_itself_is_known_by_its_protocol(here: Served) -> None:
    with socket.create_connection(("127.0.0.1", here.port), timeout=5) as line:
        line.sendall(f"GET {API}/session HTTP/1.0\r\nHost: 127.0.0.1:{here.port}\r\nConnection: close\r\n\r\n".encode())
        answer = line.makefile("rb").read()
    assert b" 403 " in answer.splitlines()[0] and b"HTTP/1.0: whoever" in answer


@pytest.mark.parametrize(
    "named", [{"dashboard_url": "https://dash.example.org"}, {"dashboard_allowed_hosts": "dash.example.org"}]
)
def test_who_names_another_name_has_people_from_elsewhere_and_they_log_in(
    settings_here: Settings, named: dict[str, str]
) -> None:
    with Served(settings_here.model_copy(update=named)) as behind_proxy:
        for host in ("dash.example.org", f"127.0.0.1:{behind_proxy.port}"):
            assert behind_proxy.client(Host=host).get(f"{API}/session").status_code == 401


# -- pages of other sites


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1", "https://127.0.0.1:{port}.evil", ""],
)
def test_a_page_of_another_origin_cannot_write(here: Served, origin: str) -> None:
    named = origin.format(port=here.port)
    client = here.client(page=False, **({"Origin": named} if named else {}))
    answer = client.put(NAME, json={"name": "mallory"})
    assert answer.status_code == 403 and answer.json()["type"] == "origin"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_a_form_can_send_is_no_write(here: Served, kind: str) -> None:
    answer = here.client(**({"Content_Type": kind} if kind else {})).put(NAME, content=b'{"name":"mallory"}')
    assert answer.status_code == 415


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_site_cannot_even_ask(here: Served, site: str) -> None:
    answer = here.client(Sec_Fetch_Site=site, Sec_Fetch_Mode="cors").get(f"{API}/session")
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_a_link_from_elsewhere_leads_here(here: Served) -> None:
    from_mail = here.client(Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document")
    assert from_mail.get("/alerts/a1").status_code == 200
    assert from_mail.get(f"{API}/silences").status_code == 200


def test_a_preflight_is_never_answered_with_a_yes(here: Served) -> None:
    answer = here.client(Origin="https://evil.example", Access_Control_Request_Method="PUT").options(NAME)
    assert answer.status_code >= 400 and not [one for one in answer.headers if one.startswith("access-control")]


def test_a_key_is_taken_at_its_word_here_too(here: Served) -> None:
    viewer = here.client(key=here.key("viewer"))
    assert viewer.get(f"{API}/session").json()["role"] == "viewer"
    assert here.client(key="sw_nonsense").get(f"{API}/session").status_code == 401
    assert here.client(Authorization="Basic YTpi").get(f"{API}/session").status_code == 401


# -- what every answer says


@pytest.mark.parametrize("path", ["/", "/static/app.js", f"{API}/session", f"{API}/nothing", "/login", "/nothing"])
def test_every_answer_tells_the_browser_to_be_careful(here: Served, path: str) -> None:
    headers = here.client().get(path).headers
    assert headers["content-security-policy"] == CSP and "unsafe" not in CSP
    assert headers["referrer-policy"] == "no-referrer" and headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["permissions-policy"] and headers["x-frame-options"] == "DENY" and len(headers["x-request-id"]) == 16
    assert headers["cache-control"].startswith("no-cache" if path.startswith("/static/") else "no-store")
    assert "server" not in headers or "uvicorn" in headers["server"]


def test_a_refusal_and_a_failure_say_it_too(here: Served) -> None:
    refused = here.client(Host="evil.example").get("/")
    assert refused.status_code == 421 and refused.headers["content-security-policy"] == CSP


def test_reports_of_browsers_are_counted_bounded_and_never_believed(here: Served) -> None:
    client = here.client(page=False)
    before = here.desk.gate.reports.n
    report = b'{"csp-report":{"document-uri":"http://[","violated-directive":"script-src\\u0000","blocked-uri":5}}'
    for body in (report, b"{", b"[]", b"x" * 100_000, b'{"csp-report":[]}', b"\xff"):
        assert client.post("/csp-report", content=body).status_code == 204
    shown = here.client().get(f"{API}/csp-reports").json()
    assert shown["n"] == before + 6 and shown["items"][5]["directive"] == "script-src"
    told = [one["action"] for one in here.trail() if one["stage"] == "asked"]
    assert told and "POST /csp-report" not in told, "a report changes nothing, and a page may send dozens"


def test_reports_of_other_sites_are_not_taken(here: Served) -> None:
    before = here.desk.gate.reports.n
    stranger = here.client(page=False, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")
    assert stranger.post("/csp-report", content=b"{}").status_code == 403
    assert here.desk.gate.reports.n == before


def test_where_nobody_logs_in_the_log_in_page_leads_on(here: Served) -> None:
    answer = here.client().get("/login?next=/alerts")
    assert answer.status_code == 303 and answer.headers["location"] == "/alerts"


# -- the trail


def test_what_nobody_may_do_is_in_the_trail_without_a_body_or_a_secret(here: Served) -> None:
    key = here.key("viewer", name="night owl")
    here.client(key=key).post(f"{API}/silences?x=query-secret", json={"comment": "body-secret"})
    refused = [one for one in here.trail() if one["who"] == "night owl"][-1]
    assert (refused["status"], refused["reason"], refused["way"]) == (403, "role", "key")
    assert refused["credential"] == f"key:{key[3:11]}" and refused["address"] == "127.0.0.1"
    assert "secret" not in str(refused) and key not in str(here.trail())


def test_the_trail_is_read_by_pages_newest_first(here: Served) -> None:
    key = here.key("admin", name="page turner")
    admin = here.client(key=key)
    for number in range(4):
        admin.put(f"{API}/watchlists/{number}", json={"series": ["all"]})
    here.trail()
    read: list[int] = []
    cursor = None
    while True:
        asked = {"who": "page turner", "limit": 3} | ({"cursor": cursor} if cursor else {})
        page = admin.get(f"{API}/audit", params=asked).json()
        read += [one["offset"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(read) == 8 and read == sorted(read, reverse=True) and len(set(read)) == 8
    assert admin.get(f"{API}/audit", params={"cursor": "nonsense"}).status_code == 422


def test_many_refusals_are_told_up_to_a_number(here: Served) -> None:
    stranger = here.client(page=False, Origin="https://many.example")
    for _ in range(80):
        assert stranger.put(NAME, json={"name": "x"}).status_code == 403
    told = [one for one in here.trail() if one["reason"] == "origin"]
    assert len(told) <= 75 and here.desk.gate.trail.n_untold > 0


def test_nothing_is_written_when_the_trail_cannot_be(settings_here: Settings) -> None:
    from streamwatch.errors import BrokerUnavailable

    with Served(settings_here.model_copy(update={"prefix": f"{settings_here.prefix}x-"})) as alone:

        async def away(*arguments: object) -> None:
            raise BrokerUnavailable("not written")

        alone.desk.gate.trail._channels = type("Away", (), {"write_raw": staticmethod(away)})()
        answer = alone.client().put(f"{API}/watchlists/mine", json={"series": ["all"]})
        assert answer.status_code == 503 and answer.headers["retry-after"]
        assert alone.client().get(f"{API}/watchlists").json()["items"] == []


# -- limits


def test_a_limit_remembers_no_more_names_than_it_may() -> None:
    limit = Limit(per_minute=1)
    for name in range(MAX_BUCKETS + 5):
        assert limit.take(str(name), 0) == 0
    assert limit.take("0", 0) == 0 and limit.take(str(MAX_BUCKETS), 0) > 0


# -- the start


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "dash.example.org"])
def test_no_start_on_an_open_address_without_names(host: str) -> None:
    with pytest.raises(ConfigError, match="--allowed-host"):
        check_start(Settings(), host)


def test_no_start_where_nobody_could_log_in(here: Served, settings_here: Settings) -> None:
    opened = settings_here.model_copy(
        update={"prefix": f"{settings_here.prefix}y-", "dashboard_allowed_hosts": "dash.example.org"}
    )
    from streamwatch import channels

    channels.create(opened)
    with pytest.raises(ConfigError, match="streamwatch keys add"):
        check_start(opened, "0.0.0.0")
    here.key("viewer")
    check_start(settings_here.model_copy(update={"dashboard_allowed_hosts": "dash.example.org"}), "0.0.0.0")


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"dashboard_allowed_hosts": "*"}, "no host name"),
        ({"dashboard_url": "dash.example.org"}, "expected https"),
        ({"dashboard_url": "https://dash.example.org/a"}, "without a path"),
        ({"oidc_issuer": "http://id.example.org"}, "expected https"),
        ({"oidc_issuer": "https://id.example.org"}, "CLIENT_ID"),
        ({"oidc_issuer": "https://id.example.org", "oidc_client_id": "x"}, "OIDC_ROLES"),
        (
            {
                "oidc_issuer": "https://id.example.org", "oidc_client_id": "x", "oidc_roles": "*=viewer",
                "oidc_client_secret_file": "/nowhere/secret",
            },
            "cannot be read",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_settings_that_make_no_sense_stop_the_start(fault: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        check_start(Settings(**fault), "127.0.0.1")


def test_a_secret_that_others_may_read_stops_the_start(tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("secret") / "secret"
    secret.write_text("hunter2")
    secret.chmod(0o644)
    named = {"oidc_issuer": "https://id.example.org", "oidc_client_id": "x", "oidc_roles": "*=viewer"}
    with pytest.raises(ConfigError, match="chmod 600") as refused:
        check_start(Settings(**named, oidc_client_secret_file=str(secret)), "127.0.0.1")
    assert "hunter2" not in str(refused.value)
    secret.chmod(0o600)
    check_start(Settings(**named, oidc_client_secret_file=str(secret)), "127.0.0.1")


def test_settings_that_listen_to_all_let_nobody_in_without_a_log_in(here: Served, settings_here: Settings) -> None:
    """The gatekeeper judges by the setting and by the connection: either alone would make everybody an admin."""
    with Served(settings_here.model_copy(update={"dashboard_host": "0.0.0.0"})) as opened:
        assert opened.client().get(f"{API}/session").status_code == 401
        page = opened.client(Accept="text/html").get("/alerts/a1?x=1")
        assert page.status_code == 303 and page.headers["location"] == "/login?next=%2Falerts%2Fa1%3Fx%3D1"


def test_the_port_of_another_dashboard_is_another_browser_cookie(here: Served) -> None:
    other = httpx.Client(base_url=here.url, headers={"Origin": here.url})
    other.cookies.set("streamwatch-name-1", "QW5h")
    assert other.get(f"{API}/session").json()["asks_name"]
