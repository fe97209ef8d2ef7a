"""Log-in at an identity provider: OpenID Connect, authorization code flow with PKCE, state and nonce (authlib).

    GET /login/oidc      → the provider's page, with state, nonce and the hash of a verifier
    GET /login/callback  ← the code; with code and verifier the ID token is fetched, over TLS, by us

What is checked beyond authlib's defaults: the provider's own name is the setting, signatures are asymmetric only, `aud` holds
our id, and the callback's `iss` (RFC 9207), where there is one, is the provider. A claim says what somebody is; the setting
`oidc_roles` says what that makes them here, and who has nothing in it is not let in.

Examples:
    >>> roles = parse_roles("risk-desk=analyst,risk-admins=admin,*=viewer")
    >>> role_of({"roles": ["risk-desk"]}, "roles", roles), role_of({}, "roles", roles)
    ('analyst', 'viewer')
    >>> role_of({"realm_access": {"roles": ["cook"]}}, "realm_access.roles", parse_roles("risk-desk=analyst")) is None
    True
"""

import logging
import stat
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
from authlib.common.errors import AuthlibBaseError
from joserfc.errors import JoseError

from streamwatch.config import Settings
from streamwatch.dashboard.access.hosts import is_loopback
from streamwatch.dashboard.access.person import ROLES, clean_name
from streamwatch.dashboard.access.sessions import Pending
from streamwatch.dashboard.problems import Problem
from streamwatch.errors import ConfigError
from streamwatch.records import Role

log = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures that only the provider can make. Never `none`, and no HS…: those rest on a secret that we have, too."""
PROVIDER_S = 10.0
"""What an answer of the provider may take: a person is waiting."""
LEEWAY_S = 60
"""How far the provider's clock may be off."""
DISCOVERY = "/.well-known/openid-configuration"
ANYBODY = "*"


class Known(NamedTuple):
    """Whom the provider sent."""

    name: str
    role: Role


class Provider:
    """The identity provider. Its addresses and keys are fetched when somebody first logs in, and keys again when new."""

    def __init__(self, settings: Settings, secret: str) -> None:
        self._issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id
        self._name_claim, self._role_claim = settings.oidc_name_claim, settings.oidc_role_claim
        self._roles = parse_roles(settings.oidc_roles)
        self._app = _authlib_app()(
            framework=None, name="oidc", client_id=self._client_id, client_secret=secret or None,
            server_metadata_url=self._issuer.rstrip("/") + DISCOVERY,
            client_kwargs={
                "scope": settings.oidc_scopes, "code_challenge_method": "S256", "timeout": PROVIDER_S,
                "token_endpoint_auth_method": "client_secret_basic" if secret else "none",
            },
        )  # fmt: skip

    async def begin(self, redirect_uri: str, then: str) -> tuple[str, Pending]:
        """Where to send the browser, and what to remember until it is back. Raises `Problem`."""
        async with _Speaking():
            await self._metadata()
            made = await self._app.create_authorization_url(redirect_uri)
        return made["url"], Pending(made["state"], made["nonce"], made["code_verifier"], redirect_uri, then)

    async def finish(self, pending: Pending, code: str, issuer: str) -> Known:
        """Who came back. Raises `Problem` where it cannot be believed, or is nobody here."""
        async with _Speaking():
            metadata = await self._metadata()
            if issuer and issuer != metadata["issuer"]:
                raise _not_believed("the answer is another provider's")
            token = await self._app.fetch_access_token(
                redirect_uri=pending.redirect_uri, code=code, code_verifier=pending.verifier
            )
            claims = await self._app.parse_id_token(
                token, pending.nonce, claims_options=self._claims_options(metadata["issuer"]), leeway=LEEWAY_S
            )
            if claims is None:
                raise _not_believed("it sent no ID token: is `openid` among STREAMWATCH_OIDC_SCOPES?")
            told = dict(claims)
            if claim(told, self._role_claim) is None and metadata.get("userinfo_endpoint"):
                told = await _with_userinfo(told, metadata["userinfo_endpoint"], token["access_token"])
        return self._known(told)

    async def _metadata(self) -> dict[str, Any]:
        """What the provider says of itself, as far as we believe it."""
        metadata: dict[str, Any] = await self._app.load_server_metadata()
        if str(metadata.get("issuer", "")).rstrip("/") != self._issuer.rstrip("/"):
            self._app.server_metadata.clear()
            raise _not_believed(f"{self._issuer} calls itself {str(metadata.get('issuer'))[:200]}")
        offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        metadata["id_token_signing_alg_values_supported"] = [one for one in offered if one in ALGORITHMS] or ["RS256"]
        return metadata

    def _claims_options(self, issuer: str) -> dict[str, Any]:
        return {
            "iss": {"essential": True, "values": [issuer]},
            "aud": {"essential": True, "values": [self._client_id]},
        }

    def _known(self, claims: dict[str, Any]) -> Known:
        name = clean_name(str(claim(claims, self._name_claim) or claims["sub"]), str(claims["sub"])[:64])
        role = role_of(claims, self._role_claim, self._roles)
        if role is None:
            raise Problem(
                403, "no-role", "You may not come in",
                f"{name} has none of the roles that STREAMWATCH_OIDC_ROLES names: ask for one",
            )  # fmt: skip
        return Known(name, role)


async def _with_userinfo(claims: dict[str, Any], url: str, access_token: str) -> dict[str, Any]:
    """The claims with those that the provider tells only when it is asked; of the same person, or none.

    Asked plainly: authlib takes an access token of a minute, which many providers give, for one that has expired.
    """
    async with httpx.AsyncClient(timeout=PROVIDER_S) as client:
        answer = await client.get(url, headers={"Authorization": f"Bearer {access_token}"})
        answer.raise_for_status()
        more = dict(answer.json())
    return more | claims if more.get("sub") == claims.get("sub") else claims


def _authlib_app() -> Any:
    """Authlib's client, imported where a provider is named. It warns of its next major version, which is no news to users."""
    with warnings.catch_warnings():
        from authlib.deprecate import AuthlibDeprecationWarning

        warnings.simplefilter("ignore", AuthlibDeprecationWarning)
        from authlib.integrations.starlette_client import StarletteOAuth2App
    return StarletteOAuth2App


class _Speaking:
    """With the provider: what goes wrong there becomes a `Problem`, and the log has the rest."""

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, httpx.HTTPError):
            log.warning("the identity provider does not answer: %s %s", type(error).__name__, error)
            raise Problem(
                503, "no-provider", "The identity provider does not answer", "try again in a moment",
                headers={"Retry-After": "5"},
            ) from error  # fmt: skip
        if isinstance(error, AuthlibBaseError | JoseError | ValueError | KeyError | RuntimeError | TypeError):
            log.warning("a log-in that cannot be believed: %s %s", type(error).__name__, error)
            raise _not_believed("what the identity provider sent is not right: log in again") from error


def provider_of(settings: Settings) -> Provider | None:
    """The provider of the settings, if they name one. Raises `ConfigError` where they make no sense together."""
    if not settings.oidc_issuer:
        return None
    parts = urlsplit(settings.oidc_issuer)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        raise ConfigError(f"STREAMWATCH_OIDC_ISSUER={settings.oidc_issuer}: expected https://…")
    if not settings.oidc_client_id:
        raise ConfigError(
            "STREAMWATCH_OIDC_ISSUER needs STREAMWATCH_OIDC_CLIENT_ID: what the provider calls the dashboard"
        )
    if "openid" not in settings.oidc_scopes.split():
        raise ConfigError(f"STREAMWATCH_OIDC_SCOPES={settings.oidc_scopes}: `openid` must be among them")
    if not parse_roles(settings.oidc_roles):
        raise ConfigError(
            "STREAMWATCH_OIDC_ROLES is empty: nobody could come in; name who is what: risk-desk=analyst,*=viewer"
        )
    return Provider(settings, read_secret(settings.oidc_client_secret_file))


def read_secret(file: str) -> str:
    """The secret in a file; empty without one. Raises `ConfigError`, which names the file and never what is in it."""
    if not file:
        return ""
    path = Path(file)
    try:
        mode, secret = path.stat().st_mode, path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"STREAMWATCH_OIDC_CLIENT_SECRET_FILE={file} cannot be read: {error}") from error
    if mode & (stat.S_IRGRP | stat.S_IROTH | stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigError(f"STREAMWATCH_OIDC_CLIENT_SECRET_FILE={file} may be read by others: chmod 600 {file}")
    if not secret:
        raise ConfigError(f"STREAMWATCH_OIDC_CLIENT_SECRET_FILE={file} is empty")
    return secret


def parse_roles(text: str) -> dict[str, Role]:
    """`risk-desk=analyst,*=viewer`. Raises `ConfigError`.

    >>> parse_roles("desk=owner")
    Traceback (most recent call last):
      ...
    streamwatch.errors.ConfigError: STREAMWATCH_OIDC_ROLES: desk=owner: owner is none of viewer, analyst, admin
    """
    roles: dict[str, Role] = {}
    for pair in filter(None, (one.strip() for one in text.split(","))):
        name, _, role = pair.rpartition("=")
        if role not in ROLES or not name:
            raise ConfigError(f"STREAMWATCH_OIDC_ROLES: {pair}: {role} is none of {', '.join(ROLES)}")
        roles[name.strip()] = role  # type: ignore[assignment]
    return roles


def role_of(claims: Mapping[str, Any], path: str, roles: Mapping[str, Role]) -> Role | None:
    """The most that any of somebody's roles or groups makes them."""
    told = claim(claims, path)
    held = [told] if isinstance(told, str) else told if isinstance(told, list) else []
    granted = {roles[one] for one in [*held, ANYBODY] if isinstance(one, str) and one in roles}
    return max(granted, key=ROLES.index, default=None)


def claim(claims: Mapping[str, Any], path: str) -> Any:
    """A claim by its path; one whose own name has dots (a URL) is found, too.

    >>> claim({"a": {"b": 1}}, "a.b"), claim({"https://x.org/roles": 2}, "https://x.org/roles"), claim({"a": 1}, "a.b")
    (1, 2, None)
    """
    if path in claims:
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _not_believed(detail: str) -> Problem:
    return Problem(401, "log-in-failed", "The log-in failed", detail)
