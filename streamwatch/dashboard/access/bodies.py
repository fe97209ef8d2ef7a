"""Bodies that anybody may send, read in bounds: so many bytes, in so much time."""

import asyncio

from fastapi import Request

from streamwatch.dashboard.problems import Problem

BODY_S = 10.0
"""What a few kilobytes may take on a bad line; who sends a byte a second would hold a connection for hours."""


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The body. Raises `Problem` 413 for one that is too long, 408 for one that does not come."""
    body = b""
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                body += part
                if len(body) > max_bytes:
                    raise Problem(413, "too-large", "The body is too long", f"at most {max_bytes} bytes")
    except TimeoutError:
        raise Problem(408, "too-slow", "The body did not come", f"it was not there after {BODY_S:g} s") from None
    return body
