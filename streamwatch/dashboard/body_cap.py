"""A cap on request bodies, said as a problem: by the length that is announced, and by what comes where none is.

The framework's own limit answers before the guard has put its headers on, and in plain text.
"""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streamwatch.dashboard.problems import Problem

MAX_BODY_BYTES = 1024 * 1024
"""A request's body at most: a rule is some hundred bytes, and the longest comment 2,000 characters."""


class BodyCap:
    """Middleware: refuses a body of more than `most` bytes with 413."""

    def __init__(self, app: ASGIApp, most: int = MAX_BODY_BYTES) -> None:
        self._app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif self._announced(scope) > self._most:
            detail = f"at most {self._most:,} bytes are read"
            await Problem(413, "content-too-large", "The body is too large", detail).response()(scope, receive, send)
        else:
            await self._app(scope, self._counted(receive), send)

    def _announced(self, scope: Scope) -> int:
        text = Headers(scope=scope).get("content-length", "0")
        return int(text) if text.isdecimal() else 0

    def _counted(self, receive: Receive) -> Receive:
        n_bytes = 0

        async def counted() -> Message:
            nonlocal n_bytes
            message = await receive()
            n_bytes += len(message.get("body", b""))
            if n_bytes > self._most:
                # Of this kind, since the framework takes any other for a body that it cannot read.
                raise HTTPException(413, f"at most {self._most:,} bytes are read")
            return message

        return counted
