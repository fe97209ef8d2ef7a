"""Log-in at an identity provider, against a small real one: what is believed and what is not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from access_server import API, Served
from joserfc.jwk import RSAKey
from oidc_provider import CLIENT_ID, CLIENT_SECRET, IdentityProvider

from streamwatch.config import Settings, load
from streamwatch.embedded import RedisServer, Tansu, embedded_settings

ROLES = "risk-desk=analyst,risk-admins=admin"


@pytest.fixture(scope="module")
def running_provider() -> Iterator[IdentityProvider]:
    """The provider."""
    with IdentityProvider() as one:
        yield one


@pytest.fixture(scope="module")
def served(
    tansu: Tansu,
    redis_server: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
    running_provider: IdentityProvider,
) -> Iterator[Served]:
    """A deployment that needs a log-in there."""
    folder = tmp_path_factory.mktemp("oidc")
    with Served(_settings(folder, running_provider, embedded_settings(tansu.url, redis_server.url))) as one:
        yield one


def _settings(folder: Path, provider: IdentityProvider, servers: dict[str, Any]) -> Settings:
    secret = folder / "secret"
    secret.touch(0o600)
    secret.write_text(f"{CLIENT_SECRET}\n")
    return load(
        prefix=f"o{folder.name}-", documents=str(folder / "documents"), model="null", dashboard_login="always",
        dashboard_logins_per_minute=1000, oidc_issuer=provider.issuer, oidc_client_id=CLIENT_ID,
        oidc_client_secret_file=str(secret), oidc_roles=ROLES, **servers,
    )  # fmt: skip


@pytest.fixture
def provider(running_provider: IdentityProvider) -> IdentityProvider:
    """It, telling the truth about Ana of the risk desk."""
    one = running_provider
    one.claims = {"sub": "u-1", "preferred_username": "ana", "roles": ["risk-desk", "staff"]}
    one.userinfo, one.lies, one.metadata_lies = {}, {}, {}
    one.algorithm, one.sign_with = "RS256", None
    return one


def come_back(client: httpx.Client, then: str = "/alerts/a1?x=1") -> httpx.Response:
    """Log in: to the provider, and back with what it says; the answer to the way back."""
    there = client.get("/login/oidc", params={"next": then})
    assert there.status_code == 303, there.text
    back = httpx.get(there.headers["location"])
    return client.get(back.headers["location"])


def test_somebody_logs_in_and_is_who_the_provider_says(served: Served, provider: IdentityProvider) -> None:
    client = served.client()
    answer = come_back(client)
    assert answer.status_code == 303 and answer.headers["location"] == "/alerts/a1?x=1"
    told = client.get(f"{API}/session").json()
    assert (told["name"], told["role"], told["verified"], told["way"]) == ("ana", "analyst", True, "oidc")
    assert told["csrf"] and not told["asks_name"]
    logged = [one for one in served.trail() if one["action"] == "GET /login/callback"][-1]
    assert (logged["who"], logged["status"], logged["role"]) == ("ana", 303, "analyst")


def test_the_most_that_somebody_is_counts(served: Served, provider: IdentityProvider) -> None:
    provider.claims["roles"] = ["risk-desk", "risk-admins"]
    client = served.client()
    come_back(client)
    assert client.get(f"{API}/session").json()["role"] == "admin"


@pytest.mark.parametrize("roles", [[], ["staff"], "cook", None, {"risk-admins": True}, [["risk-admins"]], ["*"]])
def test_who_has_no_role_is_not_let_in(served: Served, provider: IdentityProvider, roles: Any) -> None:
    provider.claims["roles"] = roles
    client = served.client()
    answer = come_back(client)
    assert answer.status_code == 403 and "ana has none of the roles" in answer.text
    assert client.get(f"{API}/session").status_code == 401


def test_roles_that_only_the_userinfo_tells_are_asked_for(served: Served, provider: IdentityProvider) -> None:
    del provider.claims["roles"]
    provider.userinfo = {"sub": "u-1", "roles": ["risk-admins"]}
    client = served.client()
    come_back(client)
    assert client.get(f"{API}/session").json()["role"] == "admin"
    provider.userinfo["sub"] = "u-2"
    assert come_back(served.client()).status_code == 403


LIES: dict[str, dict[str, Any]] = {
    "for another client": {"aud": "somebody-else"},
    "for several, of which we are none": {"aud": ["a", "b"]},
    "for another client, through us": {"aud": "somebody-else", "azp": CLIENT_ID},
    "for nobody": {"aud": None},
    "of another issuer": {"iss": "https://evil.example"},
    "of another log-in": {"nonce": "replayed"},
    "without a nonce": {"nonce": None},
    "too old": {"exp": 1_700_000_000},
    "from the future": {"iat": 4_000_000_000},
    "without an end": {"exp": None},
    "about nobody": {"sub": None},
    "through another client": {"azp": "somebody-else"},
    "of another access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_token_is_not_believed(served: Served, provider: IdentityProvider, lie: str) -> None:
    provider.lies = LIES[lie]
    client = served.client()
    assert come_back(client).status_code == 401
    assert client.get(f"{API}/session").status_code == 401


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_that_anybody_could_have_signed_is_not_believed(
    served: Served, provider: IdentityProvider, algorithm: str
) -> None:
    provider.algorithm = algorithm
    assert come_back(served.client()).status_code == 401


def test_a_token_that_somebody_else_signed_is_not_believed(served: Served, provider: IdentityProvider) -> None:
    provider.sign_with = RSAKey.generate_key(2048, {"kid": "k1"}, private=True)
    assert come_back(served.client()).status_code == 401


def test_the_provider_may_change_its_key(served: Served, provider: IdentityProvider) -> None:
    provider.key = RSAKey.generate_key(2048, {"kid": "k2", "use": "sig"}, private=True)
    assert come_back(served.client()).status_code == 303


def test_a_code_or_state_of_another_browser_is_worth_nothing(served: Served, provider: IdentityProvider) -> None:
    mine, theirs = served.client(), served.client()
    back = httpx.get(mine.get("/login/oidc").headers["location"]).headers["location"]
    theirs.get("/login/oidc")
    assert theirs.get(back).status_code == 401
    assert served.client().get(back).status_code == 401
    state = parse_qs(urlsplit(back).query)["state"][0]
    assert mine.get(f"/login/callback?code=x&state={state}x").status_code == 401
    assert mine.get(back).status_code == 401  # its own log-in was used up by the try before


def test_the_way_back_opens_once(served: Served, provider: IdentityProvider) -> None:
    client = served.client()
    back = httpx.get(client.get("/login/oidc").headers["location"]).headers["location"]
    assert client.get(back).status_code == 303
    assert client.get(back).status_code == 401


def test_an_answer_that_names_another_provider_is_refused(served: Served, provider: IdentityProvider) -> None:
    client = served.client()
    back = httpx.get(client.get("/login/oidc").headers["location"]).headers["location"]
    assert client.get(back.replace("iss=http", "iss=https")).status_code == 401


@pytest.mark.parametrize("query", ["", "?error=access_denied&state=x", "?code=a", "?code=a&state=", "?state=a"])
def test_a_way_back_that_nobody_went_is_refused(served: Served, query: str) -> None:
    assert served.client().get(f"/login/callback{query}").status_code == 401


def test_the_cookie_of_a_log_in_is_for_nobody_else(served: Served, provider: IdentityProvider) -> None:
    client = served.client()
    come_back(client)
    put = come_back(served.client()).headers.get_list("set-cookie")
    session = next(one for one in put if one.startswith(f"streamwatch-{served.port}="))
    assert "HttpOnly" in session and "SameSite=lax" in session and "Path=/" in session and "Domain" not in session
    away = served.client(Host="localhost").get("/login/oidc")
    assert "HttpOnly" in away.headers["set-cookie"]


def test_a_provider_that_is_away_is_said_and_tried_again(
    served: Served, tansu: Tansu, redis_server: RedisServer, tmp_path: Path
) -> None:
    gone = IdentityProvider()
    gone._socket.close()
    settings = _settings(tmp_path, gone, embedded_settings(tansu.url, redis_server.url))
    with Served(settings) as other:
        answer = other.client().get("/login/oidc")
        assert answer.status_code == 503 and answer.headers["retry-after"] and "does not answer" in answer.text


def test_a_provider_that_calls_itself_something_else_is_not_believed(
    running_provider: IdentityProvider,
    provider: IdentityProvider,
    tansu: Tansu,
    redis_server: RedisServer,
    tmp_path: Path,
) -> None:
    settings = _settings(tmp_path, running_provider, embedded_settings(tansu.url, redis_server.url))
    provider.metadata_lies = {"issuer": "https://evil.example"}
    with Served(settings) as other:
        assert other.client().get("/login/oidc").status_code == 401
        provider.metadata_lies = {}
        assert other.client().get("/login/oidc").status_code == 303


def test_the_log_in_page_offers_it_and_escapes_where_to_go(served: Served) -> None:
    page = served.client().get("/login", params={"next": '/alerts/"><script>alert(1)</script>'}).text
    assert "/login/oidc?next=%2Falerts" in page and "<script>alert" not in page
