"""ETags: an answer that has not changed is not sent again.

Whole answers to GET are hashed; what is streamed (exports, events) has no length in its head and passes untouched. The
tags are weak, since the same answer may be compressed on its way.
"""

from hashlib import blake2b

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TAG_BYTES = 12
"""96 bits: two different answers of one address have the same tag once in 10^14 pairs of a million."""


def etag(body: bytes) -> str:
    """The weak tag of a body.

    >>> etag(b"{}") == etag(b"{}"), etag(b"{}") == etag(b"[]")
    (True, False)
    """
    return f'W/"{blake2b(body, digest_size=TAG_BYTES).hexdigest()}"'


class ETags:
    """Middleware: tags whole answers and says 304 where the client has it already."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, Headers(scope=scope).get("if-none-match", ""))
        await self._app(scope, receive, answer.send)


class _Answer:
    """One answer on its way: its head waits for the body where that is whole."""

    def __init__(self, send: Send, known: str) -> None:
        self._send, self._known = send, known
        self._head: Message | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_whole(message):
            self._head = message
        elif message["type"] == "http.response.body" and self._head is not None:
            head, self._head = self._head, None
            await self._finish(head, message)
        else:
            await self._send(message)

    async def _finish(self, head: Message, message: Message) -> None:
        if not message.get("more_body"):
            headers = MutableHeaders(raw=head["headers"])
            headers["ETag"] = tag = etag(message.get("body", b""))
            if tag in [known.strip() for known in self._known.split(",")]:
                del headers["Content-Length"]
                head, message = {**head, "status": 304}, {**message, "body": b""}
        await self._send(head)
        await self._send(message)


def _is_whole(head: Message) -> bool:
    """A success with a length, that has no tag of its own (files have)."""
    headers = Headers(raw=head["headers"])
    return head["status"] == 200 and "content-length" in headers and "etag" not in headers
