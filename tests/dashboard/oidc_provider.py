"""A small identity provider on loopback, as the specification has it: what it checks it checks, and it can be told to lie.

with IdentityProvider() as provider:
    provider.claims["roles"] = ["risk-desk"]      # who logs in next
    provider.lies["aud"] = "somebody-else"        # what its ID tokens say instead of the truth
"""

import json
import secrets
import threading
import time
from base64 import b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from streamwatch.dashboard.serving import bound

CLIENT_ID = "streamwatch"
CLIENT_SECRET = "a secret & more: %"


class IdentityProvider:
    """It knows one client and lets everybody in as `claims`."""

    def __init__(self) -> None:
        self._socket = bound("127.0.0.1", 0)
        self.issuer = f"http://127.0.0.1:{self._socket.getsockname()[1]}/realm"
        self.key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"}, private=True)
        self.claims: dict[str, Any] = {"sub": "u-1", "preferred_username": "ana"}
        self.userinfo: dict[str, Any] = {}
        self.lies: dict[str, Any] = {}
        self.metadata_lies: dict[str, Any] = {}
        self.algorithm = "RS256"
        self.sign_with: Any = None
        self.codes: dict[str, dict[str, str]] = {}
        self.n_tokens = 0
        routes = [
            Route("/realm/.well-known/openid-configuration", self._metadata),
            Route("/realm/authorize", self._authorize),
            Route("/realm/token", self._token, methods=["POST"]),
            Route("/realm/jwks", self._jwks),
            Route("/realm/userinfo", self._userinfo),
        ]
        config = uvicorn.Config(Starlette(routes=routes), log_level="warning", access_log=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    def __enter__(self) -> "IdentityProvider":
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *reason: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()

    async def _metadata(self, request: Request) -> Response:
        told = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            "authorization_response_iss_parameter_supported": True,
        }
        return JSONResponse(told | self.metadata_lies)

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["client_id"] == CLIENT_ID and asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256" and "openid" in asked["scope"].split()
        assert asked["state"] and asked["nonce"] and asked["code_challenge"]
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.issuer}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", 302)

    async def _token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        name, _, secret = b64decode(request.headers["authorization"].removeprefix("Basic ")).decode().partition(":")
        asked = self.codes.pop(form.get("code", ""), None)
        challenge = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        if (
            asked is None
            or (unquote(name), unquote(secret)) != (CLIENT_ID, CLIENT_SECRET)
            or challenge != asked["code_challenge"]
            or form["redirect_uri"] != asked["redirect_uri"]
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        self.n_tokens += 1
        return JSONResponse(
            {"access_token": "at", "token_type": "Bearer", "expires_in": 60, "id_token": self._id_token(asked["nonce"])}
        )

    def _id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": nonce} | self.claims
        claims = {name: value for name, value in (claims | self.lies).items() if value is not None}
        header = {"alg": self.algorithm, "kid": self.key.kid}
        if self.algorithm == "none":
            return f"{'.'.join(_plain(header, claims))}."
        key = self.sign_with or (OctKey.import_key(CLIENT_SECRET) if self.algorithm == "HS256" else self.key)
        return str(jwt.encode(header, claims, key, algorithms=[self.algorithm]))

    async def _jwks(self, request: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def _userinfo(self, request: Request) -> Response:
        assert request.headers["authorization"] == "Bearer at"
        return JSONResponse(self.userinfo)


def _plain(*parts: dict[str, Any]) -> list[str]:
    """Parts of a token that nobody signed."""
    return [urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts]
