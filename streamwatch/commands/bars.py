"""Progress on standard error: bars on a terminal, now and then a line elsewhere; nothing while a command is quick."""

from collections.abc import Callable
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

LINE_EVERY_S = 10.0
"""Without a terminal: often enough to see life in a log, seldom enough not to fill it."""


class Bars:
    """One bar for each stage of a command.

    Args:
        console: of standard error.
        after_s: a command that is done sooner shows nothing.
        clock: seconds, monotone; a test gives its own.
    """

    def __init__(self, console: Console, after_s: float = 0.0, clock: Callable[[], float] = monotonic) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(),
                   TextColumn("{task.fields[remark]}"))  # fmt: skip
        self._console = console
        self._clock = clock
        self._progress = Progress(*columns, console=console, transient=True)
        self._tasks: dict[str, TaskID] = {}
        self._quiet_until = clock() + after_s

    def __enter__(self) -> "Bars":
        return self

    def __exit__(self, *_: object) -> None:
        if self._tasks:
            self._progress.stop()

    def watch(self, stage: str, done: int, total: int, remark: str = "") -> None:
        """Show that `done` of `total` are done, with a remark."""
        if self._clock() < self._quiet_until:
            return
        if self._console.is_terminal:
            self._draw(stage, done, total, remark)
        else:
            self._quiet_until = self._clock() + LINE_EVERY_S
            self._console.print(f"{stage}: {100 * done // max(total, 1)} %, {remark}", highlight=False)

    def _draw(self, stage: str, done: int, total: int, remark: str) -> None:
        if stage not in self._tasks:
            self._progress.start()
            self._tasks[stage] = self._progress.add_task(stage, total=total, remark=remark)
        self._progress.update(self._tasks[stage], completed=done, total=total, remark=remark)
