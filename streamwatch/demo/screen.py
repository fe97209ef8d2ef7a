"""What a person sees while a stream is played: figures that move, alerts above them as they fire.

On a terminal the figures stay at the bottom; elsewhere a line comes every two seconds.
"""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from streamwatch.commands.alert_lines import alert_lines
from streamwatch.demo.figures import Figures
from streamwatch.records import Alert
from streamwatch.timeline import format_rfc3339

LINE_EVERY_S = 2.0
MAX_WIDTH = 118
HEADINGS = ("sent", "classified", "duplicates", "dead-lettered", "unread", "docs/s", "lag", "alerts")
COUNTS = ("classified", "duplicate", "dead_lettered", "unread")


class Screen:
    """Shows stages, figures and alerts on standard error."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._last_line = 0.0
        self._rate = Rate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def stage(self, text: str) -> None:
        """Say what is being done now."""
        self._console.print(Text(f"· {text}", "dim"), soft_wrap=True)  # an address stays whole

    def alert(self, alert: Alert) -> None:
        """Show an alert with its evidence."""
        for line in alert_lines(alert):
            line.truncate(self._console.width if self._console.is_terminal else MAX_WIDTH * 2, overflow="ellipsis")
            self._console.print(line, soft_wrap=True)
        self._console.print()

    def figures(self, figures: Figures, n_alerts: int) -> None:
        """Show where the run stands."""
        now = time.monotonic()
        rate = self._rate.of(figures.consumed, now)
        if self._console.is_terminal:
            self._live.start()
            self._live.update(_panel(figures, n_alerts, rate), refresh=True)
        elif now - self._last_line >= LINE_EVERY_S:
            self._last_line = now
            self._console.print(_line(figures, n_alerts, rate), soft_wrap=True)

    def summary(self, content: dict[str, object]) -> None:
        """The last figures."""
        self._live.stop()
        table = Table.grid(padding=(0, 2))
        for name, value in content.items():
            shown = f"{value:,}" if isinstance(value, int) else str(value)
            table.add_row(Text(name.replace("_", " "), "dim"), Text(shown))
        self._console.print(Panel(table, title="summary", title_align="left", expand=False))


class Rate:
    """Documents in a second over the last few seconds.

    >>> rate = Rate()
    >>> rate.of(0, now=0.0), rate.of(100, now=1.0), rate.of(300, now=2.0)
    (0.0, 100.0, 150.0)
    """

    WINDOW_S = 3.0

    def __init__(self) -> None:
        self._points: list[tuple[float, int]] = []

    def of(self, n: int, now: float) -> float:
        """The rate, given the count now."""
        self._points = [p for p in self._points if now - p[0] <= self.WINDOW_S] + [(now, n)]
        (first_at, first), (last_at, last) = self._points[0], self._points[-1]
        return (last - first) / (last_at - first_at) if last_at > first_at else 0.0


def _panel(figures: Figures, n_alerts: int, rate: float) -> Panel:
    totals = figures.totals
    table = Table.grid(padding=(0, 3))
    table.add_row(*(Text(name, "dim") for name in HEADINGS))
    cells = (figures.sent, *(totals.get(name, 0) for name in COUNTS))
    alerts = Text(str(n_alerts), "bold red" if n_alerts else "")
    table.add_row(*(f"{n:,}" for n in cells), f"{rate:,.0f}", f"{figures.lag:,}", alerts)
    title = f"streamwatch · event time {_event_time(figures)}"
    return Panel(table, title=title, title_align="left", expand=False)


def _line(figures: Figures, n_alerts: int, rate: float) -> str:
    totals = figures.totals
    return (
        f"{_event_time(figures)}  sent {figures.sent:,}  classified {totals.get('classified', 0):,}  "
        f"duplicates {totals.get('duplicate', 0):,}  dead-lettered {totals.get('dead_lettered', 0):,}  "
        f"unread {totals.get('unread', 0):,}  {rate:,.0f} docs/s  lag {figures.lag:,}  alerts {n_alerts}"
    )


def _event_time(figures: Figures) -> str:
    return format_rfc3339(figures.closed_ms) if figures.closed_ms >= 0 else "not begun"
