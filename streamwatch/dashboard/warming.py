"""Reading ahead: the usual spans of the watched series are in the process before somebody opens one.

The first reading of a month of minutes takes a fifth of a second of CPU and every later one some milliseconds, since days are
kept until they change (`trends.remembered_points`). So a process that was just started reads them by itself, one after the
other, and rests between for longer than it worked, so that whoever asks meanwhile is served first.
"""

import asyncio
import logging
import time
from collections.abc import Sequence

from streamwatch.dashboard.desk import Desk
from streamwatch.dashboard.problems import Problem
from streamwatch.dashboard.spans import choose
from streamwatch.errors import StreamwatchError
from streamwatch.timeline import DAY_MS
from streamwatch.trends.levels import coarsest_dividing

log = logging.getLogger(__name__)

SPANS_MS = tuple(n * DAY_MS for n in (1, 7, 30, 90))
"""Spans that the pages offer; an hour needs no reading ahead."""
REST = 3.0
"""It rests so many times as long as it worked."""
AGAIN_S = 600.0
"""How often it looks for series that are new, and for days that came to be."""
FIRST_S = 1.0
"""It lets the first page come through."""


async def keep_warm(desk: Desk) -> None:
    """Read ahead for ever; what is away is tried again the next time."""
    await asyncio.sleep(FIRST_S)
    while True:
        try:
            await _read_all(desk)
        except (StreamwatchError, Problem) as error:
            log.info("nothing is read ahead now: %s", error)
        except Exception:  # pages do without it, and a task that ended would be missed by nobody
            log.exception("reading ahead failed")
        await asyncio.sleep(AGAIN_S)


async def _read_all(desk: Desk) -> None:
    watched = await desk.watching.now()
    if watermark_ms := await desk.reading(desk.windows.watermark_ms):
        for span_ms in SPANS_MS:
            for name in _ordered(list(watched.series)):
                started = time.perf_counter()
                await desk.reading(_read, desk, name, watermark_ms - span_ms, watermark_ms)
                await asyncio.sleep((time.perf_counter() - started) * REST)


def _read(desk: Desk, name: str, from_ms: int, to_ms: int) -> None:
    chosen = choose(max(from_ms, 0), to_ms, None, lambda step: desk.windows.reach_ms(coarsest_dividing(step), to_ms))
    desk.windows.points(name, chosen.step_ms, chosen.from_ms, chosen.to_ms)


def _ordered(names: Sequence[str]) -> list[str]:
    """`all` first, which the pages show first.

    >>> _ordered(["ticker:BA", "all"])
    ['all', 'ticker:BA']
    """
    return sorted(names, key=lambda name: (name != "all", name))
