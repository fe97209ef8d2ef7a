"""The board: every series of the last hours against what is usual, made once and shown to everybody for a moment.

"Now" is the watermark. The hours are whole ones: the last is the one that the watermark lies in.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from math import log
from typing import Literal, NamedTuple

import msgspec

from streamwatch.alerting.usual import Usual, usual_of
from streamwatch.dashboard.desk import Desk
from streamwatch.dashboard.problems import Problem
from streamwatch.dashboard.surprise import surprise
from streamwatch.dashboard.watched import Watched, Watching
from streamwatch.dashboard.windows import Windows
from streamwatch.detection.share_baseline import BOUND_SD
from streamwatch.timeline import HOUR_MS, bucket_start
from streamwatch.trends.points import Whole

HOLDS_S = 1.0
"""How long a board is shown at least: trends move by the second, and 500 people may look."""
DAY_HOURS = 24
COST_SHARE = 0.1
"""Of one core that boards may take: one that took long is shown for longer."""
MOST_KEPT = 8
"""Boards of different numbers of hours that are kept."""
MOST_CELLS = 1_000_000
"""Series times hours of a board of more than a day: some 60 MB while it is made. A feed that invents names can bring tens of
thousands of series, and five weeks of them would take gigabytes."""
SeriesKind = Literal["all", "source", "topic", "ticker", "entity"]
State = Literal["firing", "pending", "emerging", "tested", "new", "untested"]


class Spark(msgspec.Struct, frozen=True):
    """Documents and negatives of each step from `start_ms` on; all steps are there, also empty ones."""

    start_ms: int
    step_ms: int
    n: list[int]
    negative: list[int]


class SeriesRow(msgspec.Struct, frozen=True):
    """One series in the window. `share` is negative ÷ n. `p0` is the usual share now with its bounds, and null (as are
    `k_expected`, `negatives_an_hour` and `surprise`) where the series is not tested.

    `k_expected` negatives would be usual among the `n` documents of these hours; `negatives_an_hour` come usually in an hour
    like this one. `surprise` is how many standard deviations `negative` lies above `k_expected`. `alerts` are the open ones.
    """

    name: str
    kind: str
    state: State
    n: int
    negative: int
    neutral: int
    positive: int
    n_unread: int
    share: float | None
    p0: float | None
    p0_low: float | None
    p0_high: float | None
    k_expected: float | None
    negatives_an_hour: float | None
    surprise: float | None
    last_ms: int | None
    alerts: list[str]
    spark: Spark


class Board(NamedTuple):
    """All series that hold documents in [from, to), or are watched."""

    rows: list[SeriesRow]
    watermark_ms: int | None
    from_ms: int
    to_ms: int


class _Shown(NamedTuple):
    board: Board
    until_s: float


class Boards:
    """Gives the board of the last hours to whoever asks."""

    def __init__(self, desk: Desk, windows: Windows, watching: Watching) -> None:
        self._desk, self._windows, self._watching = desk, windows, watching
        self._shown: dict[int, _Shown] = {}
        self._lock = asyncio.Lock()

    async def of(self, n_hours: int) -> Board:
        """The board of so many hours. Raises `StoreUnavailable`."""
        async with self._lock:
            shown = self._shown.get(n_hours)
            if shown is None or time.monotonic() > shown.until_s:
                started = time.monotonic()
                board = await self._made(n_hours)
                took = time.monotonic() - started
                self._shown.pop(n_hours, None)
                while len(self._shown) >= MOST_KEPT:
                    self._shown.pop(next(iter(self._shown)))
                shown = _Shown(board, time.monotonic() + max(HOLDS_S, took / COST_SHARE))
                self._shown[n_hours] = shown
            return shown.board

    async def _made(self, n_hours: int) -> Board:
        watched = await self._watching.now()
        alerts = open_alerts(self._desk)
        return await self._desk.reading(self._read, n_hours, watched, alerts)

    def _read(self, n_hours: int, watched: Watched, alerts: dict[str, list[str]]) -> Board:
        watermark_ms = self._windows.watermark_ms()
        now_ms = self._desk.clock() if watermark_ms is None else watermark_ms
        to_ms = bucket_start(now_ms, HOUR_MS) + HOUR_MS
        from_ms = max(to_ms - n_hours * HOUR_MS, 0)
        names = sorted({*self._windows.names(from_ms, to_ms), *watched.series})
        check_size(len(names), n_hours)
        cells = self._windows.table(names, from_ms, to_ms)
        rows = [_row(name, cells[i], from_ms, watched, alerts.get(name, [])) for i, name in enumerate(names)]
        return Board(rows, watermark_ms, from_ms, to_ms)


def check_size(n_series: int, n_hours: int) -> None:
    """Raises `Problem` (422) for a board that would not fit; one of a day is always made.

    >>> check_size(100_000, 24)
    >>> check_size(5000, 840)
    Traceback (most recent call last):
      ...
    streamwatch.dashboard.problems.Problem: 5,000 series have documents in 840 hours: ask for at most 200 hours
    """
    most = max(MOST_CELLS // max(n_series, 1), DAY_HOURS)
    if n_hours > most:
        raise Problem(
            422, "too-many-series", "Too many series for so many hours",
            f"{n_series:,} series have documents in {n_hours} hours: ask for at most {most} hours",
        )  # fmt: skip


def open_alerts(desk: Desk) -> dict[str, list[str]]:
    """Ids of the alerts that are pending or firing, by each series that they are about."""
    found: dict[str, list[str]] = {}
    for alert in desk.channels.alerts.values():
        if alert.state != "resolved":
            for name in dict.fromkeys([alert.series, *(one.series for one in alert.members if one.firing)]):
                found.setdefault(name, []).append(alert.id)
    return found


def _row(name: str, cells: Whole, from_ms: int, watched: Watched, alerts: list[str]) -> SeriesRow:
    n, negative, positive, *_, unread = cells.sum(axis=0).tolist()
    series = watched.series.get(name)
    usual = usual_of(watched.evaluator, series) if series is not None else None
    known = usual is not None and usual.state not in {"new", "emerging"}
    against = _against(name, cells, from_ms, watched) if known else (None, None)
    return SeriesRow(
        name=name, kind=name.partition(":")[0], state=_state(usual, alerts),
        n=n, negative=negative, neutral=n - negative - positive, positive=positive, n_unread=unread,
        share=negative / n if n else None,
        p0=usual.p0 if usual and known else None, p0_low=usual.p0_low if usual and known else None,
        p0_high=usual.p0_high if usual and known else None,
        k_expected=against[0], surprise=against[1],
        negatives_an_hour=usual.k_expected if usual and known else None,
        last_ms=_last_ms(usual, cells, from_ms), alerts=alerts,
        spark=Spark(from_ms, HOUR_MS, cells[:, 0].tolist(), cells[:, 1].tolist()),
    )  # fmt: skip


def _state(usual: Usual | None, alerts: Sequence[str]) -> State:
    """A series that has an open alert and is not tested any more still shows it by `alerts`."""
    return usual.state if usual is not None else "untested"


def _against(name: str, cells: Whole, from_ms: int, watched: Watched) -> tuple[float, float]:
    """The usual number of negatives among these documents, and how far the number that came lies above it."""
    n = cells[:, 0].tolist()
    bands = [watched.band(name, from_ms + i * HOUR_MS) for i in range(len(n))]
    shares = [p for p, _, _ in bands]
    baseline = watched.series[name].share.state.baseline
    error = max((_log_odds(high) - _log_odds(p) for p, _, high in bands), default=0.0) / BOUND_SD
    z = surprise(n, int(cells[:, 1].sum()), shares, baseline.rho, baseline.inflation.factor, error)
    return sum(documents * p for documents, p in zip(n, shares, strict=True)), z


def _log_odds(p: float) -> float:
    return log(p / (1 - p))


def _last_ms(usual: Usual | None, cells: Whole, from_ms: int) -> int | None:
    """When the series was last heard: to the bucket where it is watched, else to the hour."""
    if usual is not None and usual.last_ms:
        return usual.last_ms
    hours = cells[:, 0].nonzero()[0]
    return from_ms + int(hours[-1]) * HOUR_MS if len(hours) else None


def matching(
    rows: Sequence[SeriesRow], kind: str | None, search: str | None, names: Sequence[str]
) -> Iterator[SeriesRow]:
    """Rows of a kind, whose name holds the search, and that are among `names` where any are given."""
    wanted, wording = set(names), (search or "").casefold()
    for row in rows:
        if (kind is None or row.kind == kind) and wording in row.name.casefold() and (not wanted or row.name in wanted):
            yield row
