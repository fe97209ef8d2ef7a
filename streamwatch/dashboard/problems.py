"""Errors as answers: RFC 9457 `application/problem+json`, with the decision that each error carries.

`type` is a short name that programs may compare (`no-series`, `rule-changed`); `title` is the same for all problems of a
type, `detail` says what happened here and what to do. Further members stand beside them (`near`, `revision`, …).

Examples:
    >>> problem = Problem(404, "no-series", "No such series", "no windows for ticker:APL", near=["ticker:AAPL"])
    >>> problem.status, problem.body()["near"]
    (404, ['ticker:AAPL'])
    >>> of_error(StoreUnavailable("Redis does not answer")).status, of_error(ConfigError("no channel")).status
    (503, 400)
"""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import Request

from streamwatch.errors import (
    BrokerUnavailable,
    ConfigError,
    FatalError,
    RejectError,
    RetryError,
    StaleState,
    StoreUnavailable,
    StreamwatchError,
)

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2
"""When to come back while a server is away: the clients' own tries are about so far apart."""
MAX_FAULTS = 20
"""Faults of one request that are told."""
SHOWN_CHARS = 200
"""Of an input that is told back."""


class Problem(Exception):
    """An answer that is no success. Raise it anywhere below a route."""

    def __init__(
        self, status: int, type: str, title: str, detail: str = "", headers: dict[str, str] | None = None, **more: Any
    ) -> None:  # fmt: skip
        super().__init__(detail or title)
        self.status, self.type, self.title, self.detail, self.headers, self.more = (
            status, type, title, detail, headers or {}, more,
        )  # fmt: skip

    def body(self) -> dict[str, Any]:
        """The members of the problem."""
        return {"type": self.type, "title": self.title, "status": self.status, "detail": self.detail} | self.more

    def response(self) -> Response:
        """The answer."""
        return JSONResponse(self.body(), self.status, self.headers, MEDIA_TYPE)


def of_error(error: StreamwatchError) -> Problem:
    """What one of our errors is to somebody who asks over HTTP."""
    if isinstance(error, RetryError):
        type_, title = _away(error)
        return Problem(503, type_, title, str(error), headers={"Retry-After": str(RETRY_AFTER_S)})
    if isinstance(error, RejectError):
        return Problem(400, "rejected", "This cannot be accepted", str(error), reason=error.reason)
    if isinstance(error, ConfigError):
        return Problem(400, "not-possible", "This makes no sense here", str(error))
    return Problem(500, "failed", "The dashboard failed", str(error))


def for_strangers(problem: Problem) -> Problem:
    """What nobody who has not logged in is told more of than that it failed: details name servers, addresses and folders.

    >>> for_strangers(Problem(503, "no-store", "A store does not answer", "Redis does not answer: 10.0.0.5:6379")).detail
    'try again in a moment'
    >>> for_strangers(Problem(404, "no-page", "No such page", "/x")).detail
    '/x'
    """
    if problem.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return problem
    return Problem(problem.status, problem.type, problem.title, "try again in a moment", problem.headers)


def _away(error: RetryError) -> tuple[str, str]:
    if isinstance(error, BrokerUnavailable):
        return "no-broker", "The Kafka broker does not answer"
    if isinstance(error, StoreUnavailable):
        return "no-store", "A store does not answer"
    if isinstance(error, StaleState):
        return "moved-on", "Somebody else was quicker: try again"
    return "away", "A server does not answer"


def answer_with_problems(app: FastAPI) -> None:
    """Every error that leaves a route of `app` becomes a problem."""
    app.add_exception_handler(Problem, _of_problem)
    app.add_exception_handler(StreamwatchError, _of_ours)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(Exception, _of_anything)


async def _of_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _of_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, StreamwatchError)
    if isinstance(error, FatalError) and not isinstance(error, ConfigError):
        log.error("%s %s: %s", request.method, request.url.path, error)
    return of_error(error).response()


async def _of_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [_fault(one) for one in error.errors()[:MAX_FAULTS]]
    detail = "; ".join(f"{fault['where']}: {fault['what']}" for fault in faults)
    return Problem(422, "not-valid", "The request is not valid", detail, faults=faults).response()


def _fault(one: Any) -> dict[str, str]:
    return {"where": ".".join(str(part) for part in one["loc"])[:SHOWN_CHARS], "what": str(one["msg"])[:SHOWN_CHARS]}


async def _of_http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: no such path, no such method, a body that is too large."""
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    detail = "" if error.detail == phrase else str(error.detail)
    type_ = phrase.lower().replace(" ", "-")
    return Problem(error.status_code, type_, phrase, detail, headers=dict(error.headers or {})).response()


async def _of_anything(request: Request, error: Exception) -> Response:
    """A fault of ours: said in the log, which the framework writes, and not to the world."""
    return Problem(
        500, "failed", "The dashboard failed", "This is a fault of the dashboard; its log has more"
    ).response()
