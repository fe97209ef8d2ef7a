"""Backtests of rules that people are writing: each in a process of its own, one for a person, few at once.

A trial lives in the dashboard process that began it and is forgotten with it; so are all but the newest.
"""

import asyncio
import contextlib
import logging
import sys
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Literal

import msgspec

from streamwatch.backtest.here import Found, Span
from streamwatch.backtest.worker import Question
from streamwatch.config import Settings
from streamwatch.rules.rule_set import RuleSet
from streamwatch.rules.writing import write_rules

log = logging.getLogger(__name__)

AT_ONCE = 2
"""Trials of all people together: each takes a core and half a gigabyte at worst."""
KEPT = 20
"""Trials whose result can still be asked for."""
LONGEST_S = 600.0
"""A trial that takes longer is ended: people wait for it."""
LINE_BYTES = 1024 * 1024
"""The longest line of a worker: 500 alerts of 200 bytes, and room."""

State = Literal["running", "done", "failed"]


class Busy(Exception):
    """Others' trials run: later."""


@dataclass
class Trial:
    """One of them."""

    id: str
    person: str
    rule: str
    state: State = "running"
    done: int = 0
    total: int = 0
    found: Found | None = None
    why: str = ""
    began_s: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    task: "asyncio.Task[None] | None" = None


class _Line(msgspec.Struct):
    """What a worker says."""

    done: int = 0
    total: int = 0
    found: Found | None = None
    error: str = ""


class Trials:
    """Begins, follows and ends them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._trials: OrderedDict[str, Trial] = OrderedDict()

    def begin(self, person: str, rules: RuleSet, name: str, span: Span) -> Trial:
        """Try the rule `name` of `rules`. The person's trial before it ends. Raises `Busy`."""
        for one in self._running():
            if one.person == person:
                self.cancel(one.id)
        if len(self._running()) >= AT_ONCE:
            raise Busy
        trial = Trial(token_hex(8), person, name)
        question = Question(self._settings.model_dump(), write_rules(rules), name, span)
        trial.task = asyncio.create_task(self._run(trial, msgspec.json.encode(question)))
        self._trials[trial.id] = trial
        while len(self._trials) > KEPT and next(iter(self._trials.values())).state != "running":
            self._trials.popitem(last=False)
        return trial

    def get(self, trial_id: str) -> Trial | None:
        """One of the newest."""
        return self._trials.get(trial_id)

    def cancel(self, trial_id: str) -> None:
        """End a trial; one that is over stays as it is."""
        trial = self._trials.get(trial_id)
        if trial is not None and trial.state == "running" and trial.task is not None:
            trial.state, trial.why = "failed", "it was cancelled"
            trial.task.cancel()

    async def close(self) -> None:
        """End them all."""
        running = [one.task for one in self._running() if one.task is not None]
        for trial in self._running():
            self.cancel(trial.id)
        await asyncio.gather(*running, return_exceptions=True)

    def _running(self) -> list[Trial]:
        return [one for one in self._trials.values() if one.state == "running"]

    # -- one trial

    async def _run(self, trial: Trial, question: bytes) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "streamwatch.backtest.worker", stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, limit=LINE_BYTES,
        )  # fmt: skip
        try:
            async with asyncio.timeout(LONGEST_S):
                await self._follow(trial, process, question)
        except TimeoutError:
            trial.why = f"it was not done after {LONGEST_S:g} s: try fewer days"
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
            self._end(trial)

    async def _follow(self, trial: Trial, process: Any, question: bytes) -> None:
        process.stdin.write(question)
        process.stdin.close()
        async for raw in process.stdout:
            said = msgspec.json.decode(raw, type=_Line)
            trial.done, trial.total = said.done or trial.done, said.total or trial.total
            trial.found, trial.why = said.found, said.error
        await process.wait()

    def _end(self, trial: Trial) -> None:
        trial.seconds = time.monotonic() - trial.began_s
        if trial.state == "running":
            trial.state = "done" if trial.found is not None else "failed"
            trial.why = trial.why or ("" if trial.found else "its process ended; the dashboard's log has more")
