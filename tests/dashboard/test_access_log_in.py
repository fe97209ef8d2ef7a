"""Where everybody logs in: keys, sessions, what ends them, and how often somebody may try."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import redis
from access_server import API, Served
from click.testing import CliRunner, Result

from streamwatch.cli import cli
from streamwatch.config import Settings, environment, load
from streamwatch.dashboard.access import bodies
from streamwatch.dashboard.access.sessions import handle_of
from streamwatch.embedded import RedisServer, Tansu, embedded_settings
from streamwatch.errors import ConfigError

LISTS = f"{API}/watchlists/mine"
HOUR_MS = 3_600_000
Start = Callable[..., Served]


@pytest.fixture(scope="module")
def settings_open(tansu: Tansu, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A deployment that needs a log-in, and is called dash.example.org, too."""
    return load(
        prefix=f"l{tmp_path_factory.mktemp('l').name}-", documents=str(tmp_path_factory.mktemp("documents")), model="null",
        dashboard_login="always", dashboard_logins_per_minute=1000, dashboard_allowed_hosts="dash.example.org",
        **embedded_settings(tansu.url, redis_server.url),
    )  # fmt: skip


@pytest.fixture(scope="module")
def served(settings_open: Settings) -> Iterator[Served]:
    """It, served."""
    with Served(settings_open) as one:
        yield one


@pytest.fixture
def turned(served: Served) -> Iterator[Served]:
    """The same with a clock that is turned back afterwards."""
    yield served
    served.shift_ms = 0


def cookie_of(client: httpx.Client) -> str:
    """The name and value of the session's cookie."""
    return next(f"{one.name}={one.value}" for one in client.cookies.jar if one.name.startswith("streamwatch-"))


# -- sessions


def test_who_logs_in_with_a_key_is_who_the_key_says(served: Served) -> None:
    client = served.log_in(served.key("analyst", name="Ana"))
    told = client.get(f"{API}/session").json()
    assert (told["name"], told["role"], told["verified"], told["way"]) == ("Ana", "analyst", True, "key")
    assert client.put(LISTS, json={"series": ["all"]}).status_code == 200


def test_a_write_without_the_token_of_the_session_is_refused(served: Served) -> None:
    client, other = served.log_in(served.key("analyst")), served.log_in(served.key("analyst"))
    for token in ("", "x", other.headers["X-CSRF-Token"], client.headers["X-CSRF-Token"][:-1]):
        answer = client.put(LISTS, json={"series": ["all"]}, headers={"X-CSRF-Token": token})
        assert answer.status_code == 403 and answer.json()["type"] == "csrf"


def test_a_write_of_a_session_must_come_from_our_page(served: Served) -> None:
    client = served.log_in(served.key("analyst"))
    for origin in ("https://evil.example", "null", f"http://localhost:{served.port}"):
        answer = client.put(LISTS, json={"series": ["all"]}, headers={"Origin": origin})
        assert answer.status_code == 403 and answer.json()["type"] == "origin"


def test_a_log_out_ends_the_session_and_not_only_the_cookie(served: Served) -> None:
    client = served.log_in(served.key("viewer"))
    stolen = served.client(Cookie=cookie_of(client))
    assert stolen.get(f"{API}/session").status_code == 200
    answer = client.post(f"{API}/session/logout", json={})
    assert answer.status_code == 204 and "Max-Age=0" in answer.headers["set-cookie"]
    assert stolen.get(f"{API}/session").status_code == 401
    assert client.get(f"{API}/session").status_code == 401


def test_a_log_in_takes_no_token_over_and_ends_the_one_before(served: Served) -> None:
    client = served.log_in(served.key("viewer"))
    before = cookie_of(client)
    client.post("/login/key", data={"key": served.key("admin"), "next": "/"})
    assert cookie_of(client) != before
    assert served.client(Cookie=before).get(f"{API}/session").status_code == 401
    planted = served.client(Cookie=f"streamwatch-{served.port}=planted")
    planted.post("/login/key", data={"key": served.key("admin"), "next": "/"})
    assert served.client(Cookie=f"streamwatch-{served.port}=planted").get(f"{API}/session").status_code == 401


def test_a_session_ends_when_its_day_is_over_although_it_was_used(turned: Served) -> None:
    client = turned.log_in(turned.key("viewer"))
    for hour in range(12):
        turned.shift_ms = hour * HOUR_MS
        assert client.get(f"{API}/session").status_code == 200, hour
    turned.shift_ms = 12 * HOUR_MS
    assert client.get(f"{API}/session").status_code == 401
    turned.shift_ms = 0
    assert client.get(f"{API}/session").status_code == 401  # it is gone, and not only past its time


def test_a_session_ends_when_nothing_is_asked_and_asking_pushes_that_back(
    served: Served, settings_open: Settings
) -> None:
    client = served.log_in(served.key("viewer"))
    key = f"{settings_open.prefix}sw:{{web}}:session:{handle_of(cookie_of(client).partition('=')[2])}"
    with redis.Redis.from_url(settings_open.redis) as store:
        assert 3_590_000 < store.pttl(key) <= 3_600_000  # type: ignore[operator]
        store.pexpire(key, 1_000_000)
        client.get(f"{API}/session")
        assert store.pttl(key) > 3_590_000  # type: ignore[operator]
        assert b"role" in store.get(key) and cookie_of(client).partition("=")[2].encode() not in store.get(key)  # type: ignore[operator]
        store.pexpire(key, 1)
        time.sleep(0.01)
    assert client.get(f"{API}/session").status_code == 401


def test_a_session_is_over_with_the_key_that_it_was_made_with(turned: Served) -> None:
    admin = turned.client(key=turned.key("admin"))
    made = admin.post(f"{API}/keys", json={"name": "temp", "role": "viewer", "expires_in": "2h"}).json()
    first, second = turned.log_in(made["key"]), turned.log_in(made["key"])
    assert first.get(f"{API}/session").status_code == 200
    turned.shift_ms = 2 * HOUR_MS
    assert first.get(f"{API}/session").status_code == 401
    turned.shift_ms = 0
    assert second.get(f"{API}/session").status_code == 200
    assert admin.delete(f"{API}/keys/{made['id']}").json()["state"] == "revoked"
    assert second.get(f"{API}/session").status_code == 401
    assert turned.client(key=made["key"]).get(f"{API}/session").status_code == 401


def test_a_log_in_holds_in_every_process_and_ends_in_all(served: Served, settings_open: Settings) -> None:
    with Served(settings_open) as second:
        client = served.log_in(served.key("analyst", name="Ana"))
        there = second.client(Cookie=f"streamwatch-{second.port}={cookie_of(client).partition('=')[2]}")
        assert there.get(f"{API}/session").json()["name"] == "Ana"
        client.post(f"{API}/session/logout", json={})
        assert there.get(f"{API}/session").status_code == 401
        key = served.key("viewer")
        _until(lambda: second.client(key=key).get(f"{API}/session").status_code == 200)


def test_who_is_logged_in_may_log_in_as_somebody_else_by_the_form(served: Served) -> None:
    client = served.log_in(served.key("viewer"))
    del client.headers["X-CSRF-Token"]
    assert client.post("/login/key", data={"key": served.key("admin"), "next": "/"}).status_code == 303
    assert client.get(f"{API}/session").json()["role"] == "admin"


def test_by_a_name_that_networks_carry_cookies_are_secure(served: Served) -> None:
    client = served.client(Host="dash.example.org", Origin="https://dash.example.org")
    answer = client.post("/login/key", data={"key": served.key("viewer"), "next": "/"})
    cookie = answer.headers["set-cookie"]
    assert (
        cookie.startswith("__Host-streamwatch=")
        and "Secure" in cookie
        and "HttpOnly" in cookie
        and "Domain" not in cookie
    )
    assert "no TLS" in client.get("/login").text


@pytest.mark.parametrize(
    "then", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/login"]
)
def test_a_log_in_leads_to_no_other_site(served: Served, then: str) -> None:
    answer = served.client().post("/login/key", data={"key": served.key("viewer"), "next": then})
    assert answer.status_code == 303 and answer.headers["location"] == "/"


def test_a_form_of_another_site_logs_nobody_in(served: Served) -> None:
    key = served.key("viewer")
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "null"},
    ):
        answer = served.client(page=False, **{n.replace("-", "_"): v for n, v in headers.items()}).post(
            "/login/key", data={"key": key}
        )
        assert answer.status_code == 403 and "set-cookie" not in answer.headers
    ours = served.client(page=False, Origin="null", Sec_Fetch_Site="same-origin")
    assert ours.post("/login/key", data={"key": key}).status_code == 303


def test_what_is_no_key_logs_nobody_in_and_is_not_repeated(served: Served) -> None:
    for text in ("", "sw_", "sw_aaaaaaaa_" + "x" * 43, "<script>alert(1)</script>", "x" * 5000, "\u0000"):
        answer = served.client().post("/login/key", data={"key": text, "next": "/"})
        assert answer.status_code == 401 and "set-cookie" not in answer.headers
        assert "<script>alert" not in answer.text
    assert served.client().post("/login/key", data={"key": "x" * 9000}).status_code == 413


def test_a_form_that_trickles_in_is_given_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_S", 0.3)
    head = (
        f"POST /login/key HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nOrigin: {served.url}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 50\r\n\r\nkey="
    )
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as line:
        line.sendall(head.encode())
        assert b" 408 " in line.makefile("rb").readline()


# -- what goes on


def test_a_stream_of_events_ends_when_its_key_is_revoked(turned: Served) -> None:
    admin = turned.client(key=turned.key("admin"))
    made = admin.post(f"{API}/keys", json={"name": "listener", "role": "viewer"}).json()
    seen: list[str] = []

    def listen() -> None:
        with turned.client(key=made["key"]).stream("GET", f"{API}/stream", timeout=60) as answer:
            for line in answer.iter_lines():
                seen.append(line)
        seen.append("over")

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    _until(lambda: any("hello" in line for line in seen))
    turned.shift_ms = 60_000
    admin.delete(f"{API}/keys/{made['id']}")
    silence = {"matchers": {"series": ["ticker:X"]}, "duration": "1h", "comment": "an event, so that something is sent"}
    assert admin.post(f"{API}/silences", json=silence).status_code == 201
    thread.join(25)
    assert seen[-1] == "over"


def _until(holds: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# -- limits


@pytest.fixture
def strict(settings_open: Settings) -> Iterator[Served]:
    """A dashboard that has little patience."""
    few = {"dashboard_requests_per_minute": 20, "dashboard_logins_per_minute": 3, "prefix": f"{settings_open.prefix}s-"}
    with Served(settings_open.model_copy(update=few)) as one:
        yield one


def test_each_key_has_a_limit_of_its_own(strict: Served) -> None:
    one, other = strict.client(key=strict.key("viewer")), strict.client(key=strict.key("viewer"))
    answers = [one.get(f"{API}/session") for _ in range(25)]
    assert [answer.status_code for answer in answers] == [200] * 20 + [429] * 5
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 4 and answers[-1].json()["type"] == "too-many"
    assert other.get(f"{API}/session").status_code == 200
    assert one.get("/static/app.js").status_code == 200
    strict.shift_ms += 3000
    assert one.get(f"{API}/session").status_code == 200


def test_who_guesses_keys_is_told_to_wait_and_locks_nobody_out(strict: Served) -> None:
    right = strict.key("admin")
    wrong = right[:-1] + ("a" if right[-1] != "a" else "b")
    stranger = strict.client(key=wrong)
    assert [stranger.get(f"{API}/session").status_code for _ in range(6)] == [401] * 3 + [429] * 3
    # Not even the right one opens from there now: else the answer would tell that a guess was right.
    assert strict.client(key=right).get(f"{API}/session").status_code == 429
    assert strict.client(key=strict.key("viewer")).get(f"{API}/session").status_code == 200
    strict.shift_ms += 60_000
    assert strict.client(key=right).get(f"{API}/session").status_code == 200


def test_who_guesses_ever_other_keys_is_told_to_wait_and_locks_nobody_out(strict: Served) -> None:
    guesses = [strict.client(key=f"sw_{number:08d}_" + "x" * 43) for number in range(6)]
    assert [one.get(f"{API}/session").status_code for one in guesses] == [401] * 3 + [429] * 3
    assert strict.client(key=strict.key("viewer")).get(f"{API}/session").status_code == 200


def test_who_guesses_at_the_form_is_told_to_wait(strict: Served) -> None:
    form = {"key": "sw_aaaaaaaa_" + "x" * 43, "next": "/"}
    answers = [strict.client().post("/login/key", data=form).status_code for _ in range(5)]
    assert answers == [401] * 3 + [429] * 2


def test_nobody_has_a_limit_by_address_and_a_trusted_proxy_says_whose(settings_open: Settings) -> None:
    few = {
        "dashboard_requests_per_minute": 10, "prefix": f"{settings_open.prefix}p-", "dashboard_trusted_proxies": "127.0.0.1",
    }  # fmt: skip
    with Served(settings_open.model_copy(update=few)) as one:
        ana, ben = one.client(X_Forwarded_For="10.0.0.7"), one.client(X_Forwarded_For="6.6.6.6, 10.0.0.8")
        assert [ana.get(f"{API}/session").status_code for _ in range(12)][-1] == 429
        assert ben.get(f"{API}/session").status_code == 401


# -- servers that are away


def test_a_wiped_redis_logs_out_and_keys_are_there_again(served: Served, settings_open: Settings) -> None:
    key = served.key("viewer")
    client = served.log_in(key)
    with redis.Redis.from_url(settings_open.redis) as store:
        for name in store.scan_iter(f"{settings_open.prefix}*"):
            store.delete(name)
    assert client.get(f"{API}/session").status_code == 401
    assert served.client(key=key).get(f"{API}/session").status_code == 200
    assert served.log_in(key).get(f"{API}/session").status_code == 200


def test_nobody_takes_all_connections_of_the_stream(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamwatch.dashboard.api.stream.MOST_OF_ONE", 2)
    many, other = (served.client(key=served.key("viewer", name=name)) for name in ("many", "other"))
    with many.stream("GET", f"{API}/stream") as first, many.stream("GET", f"{API}/stream") as second:
        lines = [one.iter_lines() for one in (first, second)]
        assert [next(one) for one in lines] == ["event: hello"] * 2
        with many.stream("GET", f"{API}/stream") as refused:
            assert refused.status_code == 429
        with other.stream("GET", f"{API}/stream") as third:
            assert third.status_code == 200


def test_a_redis_that_is_away_lets_nobody_in_and_says_so(settings_open: Settings) -> None:
    away = {"redis": "redis://127.0.0.1:1/0", "prefix": f"{settings_open.prefix}r-"}
    with Served(settings_open.model_copy(update=away)) as one:
        client = one.client(Cookie=f"streamwatch-{one.port}=x")
        answer = client.get(f"{API}/session")
        assert answer.status_code == 503 and answer.json()["type"] == "no-store" and answer.headers["retry-after"]
        page = client.get("/health", headers={"Accept": "text/html"})  # a person, who should not be shown JSON
        assert page.status_code == 503 and page.headers["refresh"] and page.text.startswith("<!doctype html>")
        unready = one.client().get(f"{API}/readyz")
        assert unready.status_code == 503 and ":1" not in answer.text + unready.text, (
            "where servers are is nobody's business"
        )
        told = one.client(key=one.key("viewer")).get(f"{API}/session")  # a key needs no Redis
        assert told.status_code == 200 and told.json()["watermark_ms"] is None
        assert one.client().post("/login/key", data={"key": one.key("viewer")}).status_code == 503


# -- keys, over the API and by the command


def test_a_key_is_shown_once_and_kept_as_a_hash(served: Served) -> None:
    admin = served.client(key=served.key("admin"))
    made = admin.post(f"{API}/keys", json={"name": "report", "role": "viewer", "comment": "nightly"}).json()
    assert made["key"].startswith(f"sw_{made['id']}_") and made["expires_ms"] is None
    listed = admin.get(f"{API}/keys", params={"limit": 500}).json()["items"]
    assert [one["state"] for one in listed if one["id"] == made["id"]] == ["valid"]
    assert made["key"][12:] not in json.dumps(listed) and "hash" not in listed[0]
    assert admin.delete(f"{API}/keys/{made['id']}").status_code == 200
    assert admin.delete(f"{API}/keys/{made['id']}").status_code == 409
    assert admin.delete(f"{API}/keys/nothing").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {}, {"name": "x"}, {"name": "x", "role": "owner"}, {"name": "", "role": "viewer"}, {"name": " ", "role": "viewer"},
        {"name": "x", "role": "viewer", "expires_in": "soon"}, {"name": "x", "role": "viewer", "expires_in": "0s"},
        {"name": "x", "role": "viewer", "hash": "0" * 64}, {"name": "x" * 129, "role": "viewer"}, [],
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_key_is_not_made(served: Served, body: Any) -> None:
    assert served.client(key=served.key("admin")).post(f"{API}/keys", json=body).status_code == 422


def run(settings: Settings, *arguments: str) -> Result:
    """`streamwatch …` in this process."""
    return CliRunner().invoke(cli, arguments, env=environment(settings))


def test_keys_of_the_command_open_at_once_and_init_makes_one_admin(settings_open: Settings) -> None:
    settings = settings_open.model_copy(update={"prefix": f"{settings_open.prefix}c-"})
    with Served(settings) as one:
        first, again = run(settings, "keys", "init", "--json"), run(settings, "keys", "init")
        key = json.loads(first.stdout)["key"]
        assert again.exit_code == 0 and again.stdout == "" and "already" in again.stderr
        _until(lambda: one.client(key=key).get(f"{API}/session").status_code == 200)
        assert one.client(key=key).get(f"{API}/session").json()["role"] == "admin"
        made = run(settings, "keys", "add", "night\x1b[31m owl", "--for", "2h").stdout.strip()
        listed = run(settings, "keys", "list").stdout
        assert made[3:11] in listed and made[12:] not in listed and "\x1b" not in listed
        assert run(settings, "keys", "revoke", made).stdout.strip() == made[3:11]
        _until(lambda: one.client(key=made).get(f"{API}/session").status_code in (401, 429))
        assert made[3:11] not in run(settings, "keys", "list").stdout
        states = [
            json.loads(line)["state"] for line in run(settings, "keys", "list", "--all", "--json").stdout.splitlines()
        ]
        assert sorted(states) == ["revoked", "valid"]
        assert run(settings, "keys", "revoke", key).exit_code == 0
        after = run(settings, "keys", "init")
        assert after.stdout == "" and "revoked" in after.stderr and "keys add" in after.stderr
        refused = run(settings, "keys", "revoke", "zzz").exception
        assert isinstance(refused, ConfigError) and "streamwatch keys list" in str(refused)


def test_the_command_that_listens_to_all_needs_names_and_a_key(settings_open: Settings) -> None:
    settings = settings_open.model_copy(update={"prefix": f"{settings_open.prefix}n-", "dashboard_allowed_hosts": ""})
    refused = run(settings, "dashboard", "--host", "0.0.0.0", "--port", "0").exception
    assert isinstance(refused, ConfigError) and "--allowed-host" in str(refused)
    run(settings, "channels", "create")
    refused = run(
        settings, "dashboard", "--host", "0.0.0.0", "--port", "0", "--allowed-host", "dash.example.org"
    ).exception
    assert isinstance(refused, ConfigError) and "streamwatch keys add" in str(refused)
