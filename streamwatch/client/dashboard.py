"""The client: questions as methods, answers as frames and dictionaries, problems as errors.

    from streamwatch.client import DashboardClient

    with DashboardClient("https://dash.example.org") as desk:       # the key is in STREAMWATCH_KEY
        frame = desk.trends(["ticker:AAPL"], from_="2026-11-01T00:00:00Z", step="1h")
        worst = frame.sort_values("share").tail(5)
        for document in desk.documents(series="ticker:AAPL", sentiment="negative"):
            print(document["text"])
        for event in desk.stream(["alert"]):
            print(event.data["alert"]["series"])

On the machine of the dashboard itself no key is needed.
"""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import httpx

from streamwatch.client.errors import DashboardUnavailable, of_problem
from streamwatch.client.events import Event, events
from streamwatch.timeline import to_ms

if TYPE_CHECKING:
    import pandas as pd

API = "/api/v1/"
KEY = "STREAMWATCH_KEY"
ANSWERS_S = 30.0
"""What an answer may take: the dashboard itself gives up earlier."""
HEARTBEATS_S = 60.0
"""A stream that says nothing for so long is broken: it sends a comment every 15 s."""
LONGEST_PAUSE_S = 30.0
PAGE = 500
Moment = str | int | datetime
"""RFC 3339, milliseconds since 1970, or a time with a zone."""


class DashboardClient:
    """A dashboard at `url`.

    Args:
        url: of the dashboard.
        key: an API key (`streamwatch keys add`); the environment's `STREAMWATCH_KEY` where none is given.
        tries: how often a question is asked while the dashboard, or a server behind it, is away.
    """

    def __init__(self, url: str = "http://127.0.0.1:8080", key: str | None = None, tries: int = 3) -> None:
        secret = key if key is not None else os.environ.get(KEY, "")
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        self._client = httpx.Client(base_url=url.rstrip("/") + API, headers=headers, timeout=ANSWERS_S)
        self._tries = max(tries, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect."""
        self._client.close()

    def get(self, path: str, **params: Any) -> Any:
        """Any question: the JSON of its answer. `from_` is `from`; None asks nothing.

        Raises `DashboardUnavailable`, `NotAllowed`, `NotFound`, `BadQuestion`.
        """
        question = _params(params)
        for left in reversed(range(self._tries)):
            try:
                return self._once(path, question)
            except DashboardUnavailable as error:
                if not left:
                    raise
                time.sleep(min(error.retry_after_s, LONGEST_PAUSE_S))
        raise AssertionError("unreachable")

    def series(self, **question: Any) -> "pd.DataFrame":
        """The series with their figures of the last hours, a row each, indexed by name; `spark` is left out."""
        import pandas as pd

        rows = list(self._pages("series", question))
        frame = pd.DataFrame([{k: v for k, v in row.items() if k != "spark"} for row in rows])
        return frame.set_index("name") if rows else frame

    def trends(
        self, series: str | Sequence[str], from_: Moment | None = None, to: Moment | None = None,
        step: str | int | None = None, **filters: Any,
    ) -> "pd.DataFrame":  # fmt: skip
        """The windows of series, a row each, indexed by series and start (UTC); `attrs` has step_ms and step_why."""
        import pandas as pd

        found = self.get("trends", series=series, from_=from_, to=to, step=step, baseline=False, **filters)
        columns = found["columns"]
        parts = [
            pd.DataFrame(one["points"], columns=columns).assign(series=one["name"])
            for one in found["series"]
            if one["points"]
        ]
        frame = pd.concat(parts) if parts else pd.DataFrame(columns=[*columns, "series"])
        frame["start"] = pd.to_datetime(frame.pop("start_ms").astype("int64"), unit="ms", utc=True)
        frame = frame.set_index(["series", "start"])
        frame.attrs = {name: found[name] for name in ("step_ms", "step_why", "watermark_ms")}
        return frame

    def documents(self, **question: Any) -> Iterator[dict[str, Any]]:
        """The documents of a question, the newest first, page after page."""
        return self._pages("documents", question)

    def alerts(self, **question: Any) -> Iterator[dict[str, Any]]:
        """The alerts of a question: alert, standing, why, revision_count; the one that began last first."""
        return self._pages("alerts", question)

    def alert(self, alert_id: str) -> dict[str, Any]:
        """All of one alert."""
        found: dict[str, Any] = self.get(f"alerts/{quote(alert_id, safe='')}")
        return found

    def health(self) -> dict[str, Any]:
        """How the deployment is."""
        found: dict[str, Any] = self.get("health")
        return found

    def stream(self, kinds: Iterable[str] = ("alert",), after: str = "") -> Iterator[Event]:
        """Events for ever. A connection that breaks is made again, and the stream goes on after the last event.

        `after` is the id of the last event that was seen before. An event `reset` says that there may be a gap: read again
        what you keep. Raises as `get`, but what passes is waited for.
        """
        pause_s = 1.0
        while True:
            try:
                for event in self._connected(list(kinds), after):
                    after, pause_s = event.id or after, 1.0
                    yield event
            except (DashboardUnavailable, httpx.TransportError):
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            time.sleep(pause_s)

    def _connected(self, kinds: list[str], after: str) -> Iterator[Event]:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after else {})
        timeout = httpx.Timeout(ANSWERS_S, read=HEARTBEATS_S)
        with self._client.stream(
            "GET", "stream", params={"events": ",".join(kinds)}, headers=headers, timeout=timeout
        ) as answer:
            if answer.status_code != httpx.codes.OK:
                answer.read()
                raise _error(answer)
            yield from events(answer.iter_lines())

    def _pages(self, path: str, question: dict[str, Any]) -> Iterator[dict[str, Any]]:
        asked = {"limit": PAGE} | question
        while True:
            page = self.get(path, **asked)
            yield from page["items"]
            if page["next"] is None:
                return
            asked["cursor"] = page["next"]

    def _once(self, path: str, question: dict[str, Any]) -> Any:
        try:
            answer = self._client.get(path, params=question)
        except httpx.TransportError as error:
            raise DashboardUnavailable(f"no dashboard answers at {self._client.base_url}: {error}") from error
        if answer.status_code != httpx.codes.OK:
            raise _error(answer)
        return answer.json()


def _error(answer: httpx.Response) -> Exception:
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    return of_problem(
        answer.status_code, problem if isinstance(problem, dict) else {}, answer.headers.get("retry-after", "")
    )


def _params(params: dict[str, Any]) -> dict[str, Any]:
    """Parameters as they are sent.

    >>> from datetime import UTC
    >>> _params({"from_": datetime(1970, 1, 2, tzinfo=UTC), "to": None, "fold": False, "series": ["a", "b"]})
    {'from': 86400000, 'fold': 'false', 'series': ['a', 'b']}
    """
    return {name.rstrip("_"): _sent(value) for name, value in params.items() if value is not None}


def _sent(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_ms(value)
    return str(value).lower() if isinstance(value, bool) else value
