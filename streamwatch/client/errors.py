"""What can go wrong between a program and a dashboard, each an error of its own.

    StreamwatchError
    ├── RetryError
    │   └── DashboardUnavailable   it does not answer, or a server behind it does not (503), or you ask too often (429)
    └── FatalError
        ├── NotAllowed             no key, or one whose role may not do this (401, 403)
        ├── NotFound               no such series, alert, … (404)
        └── BadQuestion            a question that makes no sense (other 4xx), or a fault of the dashboard (5xx)

Examples:
    >>> of_problem(404, {"type": "no-series", "title": "No such series", "detail": "no windows for 'x'"})
    NotFound("No such series: no windows for 'x'")
    >>> of_problem(503, {"type": "no-store"}, retry_after="2").retry_after_s
    2.0
"""

from typing import Any

from streamwatch.errors import FatalError, RetryError


class DashboardUnavailable(RetryError):
    """Try again after `retry_after_s`."""

    def __init__(self, text: str, retry_after_s: float = 1.0) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class Refused(FatalError):
    """The dashboard's answer was a problem. `status` and `type` name it, `problem` is all of it."""

    def __init__(self, text: str, status: int, problem: dict[str, Any]) -> None:
        super().__init__(text)
        self.status, self.type, self.problem = status, str(problem.get("type", "")), problem

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class NotAllowed(Refused):
    """No key, or one whose role may not do this."""


class NotFound(Refused):
    """What was asked for is not there."""


class BadQuestion(Refused):
    """The question makes no sense, or the dashboard failed over it."""


AGAIN = {429, 502, 503, 504}
KINDS: dict[int, type[Refused]] = {401: NotAllowed, 403: NotAllowed, 404: NotFound}


def of_problem(status: int, problem: dict[str, Any], retry_after: str = "") -> DashboardUnavailable | Refused:
    """The error that an answer is."""
    text = ": ".join(filter(None, (problem.get("title", f"HTTP {status}"), problem.get("detail", ""))))
    if status in AGAIN:
        return DashboardUnavailable(text, float(retry_after) if retry_after.isdecimal() else 1.0)
    return KINDS.get(status, BadQuestion)(text, status, problem)
